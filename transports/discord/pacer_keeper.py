"""The sender's view of its pacer: what it has been told, what it owes, and another in its place when it fails."""

import time
from collections.abc import Callable
from typing import Literal

from loguru import logger

from transports.discord.errors import DiscordVoiceError
from transports.discord.pacer_host import PacerHost, start_pacer
from transports.discord.pacer_link import GiveBack, Left, Link, Message, Refused, Returned, Session, Silenced
from transports.discord.pacing import SILENCE_FRAMES, Frame

_ANSWER_S = 3.0
"""A pacer that owes an answer for so long stands still. It owes one every 20 ms while there is speech."""
_LOOK_S = 0.5
_YOUNG_S = 10.0
_WORTH_A_THREAD = 3
"""After so many pacers in a row that died young a thread does it."""
_HOPELESS = 6


class PacerKeeper:
    """Keeps one pacer running. Not for two threads at once: the sender's lock guards it."""

    def __init__(self, kind: Literal["process", "thread"], ring_bell: Callable[[], None]) -> None:
        """Args:
        kind: Where the pacer runs.
        ring_bell: Wakes who waits for the link, which may be another now, or has to be watched from now on.
        """
        self._kind: Literal["process", "thread"] = kind
        self._ring_bell = ring_bell
        self._host: PacerHost | None = None
        self._started_s = 0.0
        self._died_young = 0
        self._packets = 0
        """How many have been sent at least, over all pacers."""
        self._owing_since_s: float | None = None
        self._broken = False
        self._returned = self._held_until = 0
        """The last `GiveBack` that was answered; the one before whose answer nothing is handed over."""
        self.recall = 0
        """The number of the last `GiveBack`."""
        self.session: Session | None = None
        """What the pacer sends with."""
        self.replaced = 0
        """Times another was put in a failed one's place."""

    @property
    def link(self) -> Link | None:
        """What to wait for; None before `start` and after `end`."""
        return self._host.link if self._host is not None else None

    @property
    def open(self) -> bool:
        """Whether frames may be handed over: it runs, and nothing it gives back would have to go before them."""
        return self._host is not None and not self._broken and self._returned >= self._held_until

    @property
    def patience_s(self) -> float | None:
        """How long its silence may last before it is looked at; None while it owes nothing."""
        return None if self._owing_since_s is None else _LOOK_S

    def start(self) -> None:
        """Start a pacer."""
        self._host = start_pacer("thread" if self._died_young >= _WORTH_A_THREAD else self._kind, self._packets)
        self._started_s = time.monotonic()

    def end(self) -> None:
        """End it."""
        host, self._host = self._host, None
        if host is not None:
            host.end()

    # ---- telling

    def give(self, session: Session) -> None:
        """Have it send with this."""
        if self._host is None or self._broken:
            return
        try:
            self._host.link.send_line(session)
            self.session = session
        except OSError:
            # or the socket was closed this moment: then there is a new one soon, and a new pacer does no harm
            self._break()

    def hand_over(self, frame: Frame) -> None:
        """Have it send this when its time has come."""
        self._tell(frame)

    def call_back(self, *, hold: bool = False, forget: bool = False, flush: bool = False) -> None:
        """Have it give back what has not left.

        Args:
            hold: Hand nothing over before it has.
            forget: It sends nothing until it is given another session.
            flush: The silence after what was said leaves at once.
        """
        if self._host is None:
            return
        self.recall += 1
        if hold:
            self._held_until = self.recall
        if forget:
            self.session = None
        self._tell(GiveBack(self.recall, forget, flush))

    def _tell(self, message: Message) -> None:
        if self._host is None or self._broken:
            return
        try:
            self._host.link.send(message)
        except OSError:
            self._break()
        if self._owing_since_s is None:
            self._owing_since_s = time.monotonic()
            self._ring_bell()

    def _break(self) -> None:
        self._broken = True
        self._ring_bell()

    # ---- hearing

    def note(self, message: Message) -> None:
        """It said this."""
        match message:
            case Left() | Refused() | Silenced():
                self._packets += 1
            case Returned(number):
                self._returned = number
            case _:
                pass  # ours

    def fault(self, messages: list[Message] | None, *, ahead: bool) -> str | None:
        """What is wrong with it, if anything, once all `messages` are noted.

        Args:
            messages: What came this time; None for the end of the link.
            ahead: Frames have been handed over whose fate it still has to tell.
        """
        owes, now_s = ahead or self._returned < self.recall, time.monotonic()
        if messages or not owes:
            self._owing_since_s = now_s if owes else None
        if messages is None:
            return "ended"
        if self._broken:
            return "takes nothing any more"
        if self._owing_since_s is not None and now_s - self._owing_since_s > _ANSWER_S:
            return "stands still"
        return None

    def replace(self, fault: str, unanswered: int) -> None:
        """Put another in its place, which knows no session yet.

        Args:
            fault: What is wrong with the one there is.
            unanswered: How many frames it was handed and has told nothing of.

        Raises:
            DiscordVoiceError: None stays alive.
        """
        host, self._host = self._host, None
        if host is not None:
            host.end(at_once=True)
        self._died_young = self._died_young + 1 if time.monotonic() - self._started_s < _YOUNG_S else 0
        self.replaced += 1
        if self._died_young >= _HOPELESS:
            raise DiscordVoiceError(f"what times the bot's packets {fault}, for the {_HOPELESS}th time in a row")
        logger.warning(f"what times the bot's packets {fault}: another takes its place")
        # It may have sent what it could not tell of any more, and no packet number goes with one key twice.
        self._packets += unanswered + SILENCE_FRAMES + 1
        self._returned, self._owing_since_s, self._broken, self.session = self.recall, None, False, None
        self.start()
