"""A floor with a hand on every event."""

from dataclasses import dataclass, field

from processors.endpointing import TurnPolicy
from processors.floor import (
    Action,
    Audible,
    Event,
    Floor,
    Silent,
    Transcribe,
    Transcribed,
    UtteranceRef,
    Verdict,
    Voiced,
)
from processors.turns import step

POLICY = TurnPolicy()
ALICE = UtteranceRef("alice", 1)
BOB = UtteranceRef("bob", 1)
WINDOW = 32


@dataclass
class Room:
    """A floor with a hand on every event, window by window."""

    floor: Floor = field(default_factory=Floor)
    at_ms: float = 0.0
    log: list[Action] = field(default_factory=list)
    voiced_ms: dict[UtteranceRef, int] = field(default_factory=dict)

    def send(self, event: Event) -> tuple[Action, ...]:
        self.floor, actions = step(self.floor, event, POLICY)
        self.log += actions
        return actions

    def talk(self, ref: UtteranceRef, ms: int) -> list[Action]:
        """`ref` talks for `ms`."""
        done: list[Action] = []
        self.voiced_ms[ref] = 0
        for _ in range(max(1, ms // WINDOW)):
            self.at_ms += WINDOW
            self.voiced_ms[ref] += WINDOW
            done += self.send(Voiced(ref, self.voiced_ms[ref], self.at_ms))
        return done

    def talk_at_once(self, ref: UtteranceRef, ms: int) -> tuple[Action, ...]:
        """`ref` has talked for `ms` by the time it is noticed."""
        self.at_ms += ms
        return self.send(Voiced(ref, ms, self.at_ms))

    def quiet(self, ms: int, *refs: UtteranceRef) -> list[Action]:
        """Everybody in `refs` is silent for `ms`, counted from now."""
        done: list[Action] = []
        stopped_ms = self.at_ms
        while self.at_ms < stopped_ms + ms:
            self.at_ms += WINDOW
            for ref in refs:
                done += self.send(Silent(ref, int(self.at_ms - stopped_ms), stopped_ms, self.at_ms))
        return done

    def hear(self, ref: UtteranceRef, text: str) -> tuple[Action, ...]:
        """The transcript asked for last arrives."""
        request = next(a.request for a in reversed(self.log) if isinstance(a, Transcribe) and a.ref == ref)
        return self.send(Transcribed(ref, request, text, self.at_ms))

    def allow(self) -> tuple[Action, ...]:
        """The thinking gate says yes."""
        return self.send(Verdict(self.floor.attempt, True, ""))

    def ask(self, text: str = "How are you?", ref: UtteranceRef = ALICE) -> None:
        """A whole question, up to the moment its answer is heard."""
        self.talk(ref, 800)
        self.quiet(128, ref)
        self.hear(ref, text)
        self.allow()
        self.quiet(400, ref)
        self.send(Audible(self.floor.attempt, self.at_ms))


def kinds(actions) -> list[type]:
    return [type(action) for action in actions]
