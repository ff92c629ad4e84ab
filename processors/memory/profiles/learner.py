"""Learns about people from what they said, after the reply and beside everything else.

It follows the messages of the store as the index of meanings does, and goes on after a restart where it was.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence

from processors.memory.profiles.facts import Change, Fact, Reach
from processors.memory.profiles.learned import INSTRUCTION, Learned, Speech, believed, noticed, question
from processors.memory.profiles.profiles import Profiles
from processors.memory.side_work import keep_at
from processors.memory.store import Store
from processors.thinking.model import ThinkingModel

_AT_ONCE = 32
_LOOK_S = 3.0
"""How often new messages are looked for; what was said meanwhile is learned from together."""
_RETRY_S = 30.0
_STATE = ("learner", "messages")
_NAMES = "SELECT DISTINCT name FROM messages WHERE place = ? AND kind = ? AND speaker != ? ORDER BY id DESC LIMIT 50"


class Learner:
    """With a thinking model its notes, checked; without one, or while it rests, what sentences plainly say."""

    def __init__(
        self,
        store: Store,
        profiles: Profiles,
        thinking: ThinkingModel,
        may_learn: Callable[[str, str], bool] = lambda person, guild: True,
    ) -> None:
        """
        Args:
            may_learn: whether a person and a server (ids) let us.
        """
        self._store = store
        self._profiles = profiles
        self.thinking = thinking
        """Another one may come: models are loaded after memory."""
        self._may_learn = may_learn

    async def run(self) -> None:
        """Learn from what comes, until cancelled."""
        await keep_at(self.step, "nothing is learned about people", look_s=_LOOK_S, retry_s=_RETRY_S)

    async def step(self) -> bool:
        """Learn from the next messages; False when there are none."""
        state = await self._store.state(*_STATE) or {}
        sql = "SELECT * FROM messages WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self._store.read(sql, (state.get("upto", 0), _AT_ONCE))
        if not rows:
            return False
        groups: dict[tuple[str, ...], list[sqlite3.Row]] = defaultdict(list)
        for row in rows:
            # Imported messages have another speaker than person: somebody claims that they were said.
            own = not row["by_character"] and row["speaker"] == row["person"]
            if own and self._may_learn(row["speaker"], row["guild"]):
                groups[row["speaker"], row["persona"], row["place"], row["kind"]].append(row)
        for group in groups.values():
            await self._learn(group)
        self._store.put_state(*_STATE, {"upto": rows[-1]["id"]})
        return True

    async def _learn(self, rows: Sequence[sqlite3.Row]) -> None:
        last = rows[-1]
        names = await self._store.read(_NAMES, (last["place"], last["kind"], last["speaker"]))
        speech = Speech(
            last["speaker"],
            last["name"],
            last["persona"],
            tuple(row["text"] for row in rows),
            tuple(row["name"] for row in names),
            last["at_s"],
            Reach.GUILD if last["scope"] == "open" else Reach.PERSON,
            last["guild"],
        )
        known = await self._profiles.facts(speech.person)
        change = await self._thought(speech, known) if self.thinking.asks else None
        await self._profiles.change(speech.person, noticed(speech, known) if change is None else change, last["id"])

    async def _thought(self, speech: Speech, known: Sequence[Fact]) -> Change | None:
        thought = await self.thinking.extract(INSTRUCTION, question(speech, known), Learned)
        return believed(thought.value, speech, known) if thought.value else None
