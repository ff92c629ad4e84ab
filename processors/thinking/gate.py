"""The thinking gate: shall the bot answer, and why not. It runs beside the language model, never before it."""

from dataclasses import dataclass

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.endpointing import words_of
from processors.floor import Heard
from processors.frames import ReplyPlayedFrame, SpeculateFrame, VerdictFrame


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verdict is based on."""

    heard: tuple[Heard, ...]
    people: int
    """People in the room who were heard lately, the bot not counted."""
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


class ThinkingGate(FrameProcessor):
    """Passes every `SpeculateFrame` on at once and sends its `VerdictFrame` upstream."""

    _LATELY_MS = 300_000

    def __init__(self, names: tuple[str, ...], clock: SessionClock) -> None:
        super().__init__(name="thinking-gate")
        self._names = names
        self._clock = clock
        self._spoke_ms: dict[str, float] = {}
        self._partners: dict[int, str] = {}
        self._last_partner: str | None = None
        self._replied_ms = float("-inf")

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        match frame:
            case SpeculateFrame(attempt=attempt, heard=heard):
                answer, reason = judge(self._situation(heard))
                # The reply to an earlier attempt may still be reported as played.
                self._partners = {**dict(list(self._partners.items())[-3:]), attempt: heard[-1].speaker}
                await self.push_frame(VerdictFrame(attempt, answer, reason), FrameDirection.UPSTREAM)
            case ReplyPlayedFrame(attempt=attempt, at_ms=at_ms) if attempt in self._partners:
                self._last_partner, self._replied_ms = self._partners[attempt], at_ms

    def _situation(self, heard: tuple[Heard, ...]) -> Situation:
        now_ms = self._clock.now_ms()
        self._spoke_ms |= {one.speaker: now_ms for one in heard}
        self._spoke_ms = {name: at for name, at in self._spoke_ms.items() if now_ms - at <= self._LATELY_MS}
        since_s = (now_ms - self._replied_ms) / 1000
        return Situation(heard, len(self._spoke_ms), self._names, self._last_partner, since_s)
