"""Which servers and people are remembered: their choices, kept in the store and at hand.

The rule: whoever is spoken with is answered. What a person says who does not want to be remembered is known for that
one answer; with its turn both are gone, from the running call too. What is said in a server that is not remembered is
known for as long as the call goes on, and nowhere else. Neither is written, summed up, learned from, recalled, told in
a text channel or counted as acquaintance.
"""

from processors.memory.port import Scene
from processors.memory.store import Store

_KIND = "consent"


class Consent:
    """Choices by server and by person. Who has not chosen: servers as the settings say, people yes."""

    def __init__(self, store: Store, *, servers: bool) -> None:
        self._store = store
        self._servers = servers
        self._choices: dict[str, bool] = {}

    async def load(self) -> None:
        """Read the choices made so far; nothing may be asked before."""
        self._choices = {key: bool(value) for key, value in (await self._store.states(_KIND)).items()}

    def allows(self, scene: Scene, person: str = "") -> bool:
        """Whether what is said in a scene, by a person, may be remembered."""
        return self.may_learn(person, scene.guild_id)

    def may_learn(self, person: str, guild: str) -> bool:
        """The same by the ids of person and server (empty for neither)."""
        by_guild = self._choices.get(_guild(guild), self._servers) if guild else True
        return by_guild and self._choices.get(_person(person), True)

    def may_stay(self, person: str) -> bool:
        """Whether what a person says may be known in a running call beyond its turn."""
        return self._choices.get(_person(person), True)

    def choose_for_guild(self, guild: str, on: bool) -> None:
        """A server's choice."""
        self._choose(_guild(guild), on)

    def choose_for_person(self, person: str, on: bool) -> None:
        """A person's choice, for everywhere."""
        self._choose(_person(person), on)

    def forget_guild(self, guild: str) -> None:
        """A server has no choice any more."""
        self._choices.pop(_guild(guild), None)
        self._store.drop_state(_KIND, _guild(guild))

    def of_person(self, person: str) -> bool | None:
        """What a person has chosen; None if nothing."""
        return self._choices.get(_person(person))

    def _choose(self, key: str, on: bool) -> None:
        self._choices[key] = on
        self._store.put_state(_KIND, key, on)


def _guild(guild: str) -> str:
    return f"guild:{guild}"


def _person(person: str) -> str:
    return f"person:{person}"
