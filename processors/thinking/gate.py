"""The thinking gate: shall the bot answer, and why not. It runs beside the language model, never before it.

Rules decide at once. Where they find nobody addressed, a thinking model, if there is one, may know better.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.endpointing import words_of
from processors.floor import Heard
from processors.frames import DiscardFrame, ReplyPlayedFrame, SpeculateFrame, VerdictFrame
from processors.thinking.model import ThinkingModel


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verdict is based on."""

    heard: tuple[Heard, ...]
    people: int
    """People in the room, the bot not counted; where that is not known, those who were heard lately."""
    names: tuple[str, ...]
    """What the bot is called."""
    last_partner: str | None
    """Whom it answered last."""
    since_reply_s: float
    """Seconds since that reply ended."""


FOLLOW_UP_S = 20.0
"""How long after a reply the one it was given to may go on without naming the bot."""


def judge(situation: Situation) -> tuple[bool, str]:
    """Whether to answer, and the reason. With one person in the room everything is addressed to the bot."""
    if situation.people <= 1:
        return True, "alone with the speaker"
    said = {word.removesuffix("'s") for heard in situation.heard for word in words_of(heard.text)}
    for name in situation.names:
        if words_of(name) and set(words_of(name)) <= said:
            return True, f"called {name}"
    speakers = {heard.speaker for heard in situation.heard}
    if speakers == {situation.last_partner} and situation.since_reply_s <= FOLLOW_UP_S:
        return True, "goes on with the exchange"
    return False, "not addressed to the bot"


def describe(situation: Situation) -> str:
    """The situation in words, for the thinking model. People are numbered, not named: their names say nothing here."""
    numbers: dict[str, int] = {}
    for speaker in (
        *((situation.last_partner,) if situation.last_partner else ()),
        *(h.speaker for h in situation.heard),
    ):
        numbers.setdefault(speaker, len(numbers) + 1)
    name = situation.names[0]
    last = "has not spoken yet"
    if situation.last_partner is not None:
        last = f"last answered person {numbers[situation.last_partner]}, {situation.since_reply_s:.0f} seconds ago"
    lines = [
        f"{situation.people} people and {name}, a character played by a computer, are in a voice room. {name} {last}."
    ]
    lines += [f"Person {numbers[heard.speaker]} says: {heard.text}" for heard in situation.heard]
    return "\n".join(lines)


class ThinkingGate(FrameProcessor):
    """Passes every `SpeculateFrame` on at once and sends its `VerdictFrame` upstream, later if it has to think."""

    _LATELY_MS = 300_000

    def __init__(
        self,
        names: tuple[str, ...],
        clock: SessionClock,
        thinking: ThinkingModel | None = None,
        *,
        people: Callable[[], int] = lambda: 0,
    ) -> None:
        """`people` counts who is in the room, the bot not among them; while it gives 0, those who spoke count."""
        super().__init__(name="thinking-gate")
        self._people = people
        self.names = names
        """What the bot is called here, its character's name first."""
        self._clock = clock
        self._thinking = thinking
        self._task: asyncio.Task[None] | None = None
        self._spoke_ms: dict[str, float] = {}
        self._partners: dict[int, str] = {}
        self._last_partner: str | None = None
        self._replied_ms = float("-inf")

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        match frame:
            case SpeculateFrame(attempt=attempt, heard=heard):
                await self._stop()
                situation = self._situation(heard)
                answer, reason = judge(situation)
                # The reply to an earlier attempt may still be reported as played.
                self._partners = {**dict(list(self._partners.items())[-3:]), attempt: heard[-1].speaker}
                if not answer and self._thinking and self._thinking.asks:
                    think = self._think(self._thinking, attempt, situation, reason)
                    self._task = self.create_task(think, name=f"think-{attempt}")
                else:
                    await self.push_frame(VerdictFrame(attempt, answer, reason), FrameDirection.UPSTREAM)
            case DiscardFrame() | InterruptionFrame() | EndFrame() | CancelFrame():
                await self._stop()
            case ReplyPlayedFrame(attempt=attempt, at_ms=at_ms) if attempt in self._partners:
                self._last_partner, self._replied_ms = self._partners[attempt], at_ms

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    async def _think(self, thinking: ThinkingModel, attempt: int, situation: Situation, otherwise: str) -> None:
        question = f"Is what was said last meant for {situation.names[0]}?"
        thought = await thinking.decide(question, describe(situation), default=False)
        reason = f"the thinking model says {'yes' if thought.value else 'no'}" if thought.by_model else otherwise
        await self.push_frame(VerdictFrame(attempt, thought.value, reason), FrameDirection.UPSTREAM)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task:
            await self.cancel_task(task)

    def _situation(self, heard: tuple[Heard, ...]) -> Situation:
        now_ms = self._clock.now_ms()
        self._spoke_ms |= {one.speaker: now_ms for one in heard}
        self._spoke_ms = {name: at for name, at in self._spoke_ms.items() if now_ms - at <= self._LATELY_MS}
        since_s = (now_ms - self._replied_ms) / 1000
        people = self._people() or len(self._spoke_ms)
        return Situation(heard, people, self.names, self._last_partner, since_s)
