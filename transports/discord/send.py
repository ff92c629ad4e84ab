"""The speaking side: what the bot says goes in as PCM, and out on a 20 ms grid that nothing in this process holds up.

Here sound becomes Opus, is encrypted end to end, and handed to the pacer (`pacer`, `pacer_host`) a few frames ahead of
the wire; the pacer says what left and when. What has not left stays here too: when the line changes or the pacer dies
it is taken back and encrypted anew, in order, so nothing is lost and nothing leaves with another session's key.

`clear` is barge-in: what has not left never will. `pause` keeps the position, for an interruption that may be false.
"""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from transports.discord.errors import OpusError
from transports.discord.opus import Encoder
from transports.discord.pacer_keeper import PacerKeeper
from transports.discord.pacer_link import Left, Message, Refused, Returned, Session, Silenced
from transports.discord.pacing import Frame
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import SendStatus

_AHEAD = 10
"""Frames the pacer holds at most: no fewer than the ring of the output, and 0.2 s within which the call's keys change
is nothing to receivers, who keep the old ones for ten."""
_POLL_S = 0.02
"""How often a line that is down is looked at."""
_LOG_FRAMES = 3000
"""A minute of speech."""


class OutgoingLine(Protocol):
    """Where frames go. Called from any thread; must not block."""

    def session(self) -> Session | None:
        """What packets are sent with now; None while not connected."""
        ...

    def ready(self) -> bool:
        """Whether a frame sent now would be heard: connected, and encrypted if the call is."""
        ...

    def encrypt(self, opus: bytes) -> bytes | None:
        """The frame as only the others in the call can read it; None if that is not possible."""
        ...

    def speaking(self, on: bool) -> None:
        """Light or extinguish the ring around the bot's picture."""
        ...


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A speech frame that left."""

    frame_id: int
    sent_ns: int
    """`time.monotonic_ns()`"""


@dataclass(slots=True)
class _Queued:
    frame_id: int
    pcm: bytes
    done: Callable[[bool], None]
    opus: bytes | None = None
    """Encoded once, however often it is handed over: the encoder goes on from what it said last."""
    recall: int = 0
    """How many times frames had been called back when it was handed over."""
    cleared: bool = False


class Sender:
    """The ring, its pacer, and the thread that hears from it. Methods may be called from any thread; none blocks."""

    def __init__(self, settings: DiscordVoiceSettings) -> None:
        self._settings = settings
        self._encoder = Encoder(
            bitrate_kbps=settings.bitrate_kbps,
            expected_loss_percent=settings.expected_loss_percent,
            application=settings.opus_application,
            library=settings.opus_library,
        )
        self._lock = threading.RLock()
        """Reentrant: a signal's handler may ask for the status in the midst of anything."""
        self._line: OutgoingLine | None = None
        self._ring: deque[_Queued] = deque()
        """Not handed over."""
        self._ahead: deque[_Queued] = deque()
        """Handed over, fate unknown."""
        self._fates: list[tuple[Callable[[bool], None], bool]] = []
        """To be told once the lock is free."""
        self._log: deque[SentFrame] = deque(maxlen=_LOG_FRAMES)
        self._next_id = 0
        self._paused = self._closing = self._lit = False
        self._fresh = True
        """The next frame to be encoded begins an utterance."""
        self._down_since_s: float | None = None
        self._sent = self._silence_sent = self._cleared = self._dropped = self._underruns = 0
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._pacer = PacerKeeper(settings.pacer, self._ring_bell)
        self._thread = threading.Thread(target=self._run, name="discord-voice-sender", daemon=True)

    # ---- control

    def start(self) -> None:
        """Start the pacer and the thread."""
        with self._turn():
            self._pacer.start()
            self._feed()
        self._thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Drop what is queued and end pacer and thread. Takes some milliseconds."""
        self.clear()
        with self._lock:
            self._closing = True
        self._ring_bell()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        with self._turn():
            self._abandon()
            self._pacer.end()
        self._bell.close()
        self._ringer.close()

    def attach(self, line: OutgoingLine | None) -> None:
        """Send over this line from now on; None while there is none."""
        with self._turn():
            self._line = line
            self._feed()

    def push(self, pcm: bytes, done: Callable[[bool], None]) -> int:
        """Queue 20 ms of 24 kHz mono int16 (960 bytes).

        `done` is called once: with True when the frame has left, with False when it never will. It may be called
        before this returns, or from the sender's thread, and must not block.

        Returns the frame's id, as `frames` reports it.
        """
        with self._turn():
            frame = _Queued(self._next_id, pcm, done)
            self._next_id += 1
            if self._closing or not self._thread.is_alive() or self._given_up(time.monotonic()):
                self._drop(frame)
            else:
                self._ring.append(frame)
                self._feed()
                if self._waiting:
                    self._ring_bell()
        return frame.frame_id

    def clear(self) -> None:
        """Barge-in: drop all that is queued, end a pause, let the silence frames leave now.

        What the pacer holds is dropped when it answers, a millisecond later; `done` tells of each frame.
        """
        with self._turn():
            for frame in self._ring:
                self._clear(frame)
            self._ring.clear()
            for frame in self._ahead:
                frame.cleared = True
            self._paused, self._fresh = False, True
            self._pacer.call_back(flush=True)

    def pause(self) -> None:
        """Fall silent at the next frame and keep the position."""
        with self._turn():
            if not self._paused:
                self._paused = True
                self._pacer.call_back(hold=True)

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        with self._turn():
            self._paused = False
            self._feed()
            self._ring_bell()

    # ---- status

    def frames(self) -> tuple[SentFrame, ...]:
        """Which speech frames left and when, the last minute of them."""
        with self._lock:
            return tuple(self._log)

    def status(self) -> SendStatus:
        """Snapshot for status pages and health checks."""
        with self._lock:
            return SendStatus(
                queued=len(self._ring) + sum(not frame.cleared for frame in self._ahead),
                sent=self._sent,
                silence_sent=self._silence_sent,
                cleared=self._cleared,
                dropped=self._dropped,
                underruns=self._underruns,
                paused=self._paused,
                waiting_for_line=self._down_since_s is not None,
                alive=self._thread.is_alive(),
                replaced=self._pacer.replaced,
            )

    # ---- frames' fates (here and below: with the lock held)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock; afterwards tell frames' fates to their owners, who may call back."""
        with self._lock:
            yield
            fates, self._fates = self._fates, []
        for done, played in fates:
            done(played)

    def _drop(self, frame: _Queued) -> None:
        self._dropped += 1
        self._fates.append((frame.done, False))

    def _clear(self, frame: _Queued) -> None:
        self._cleared += 1
        self._fates.append((frame.done, False))

    def _abandon(self) -> None:
        self._fates += [(frame.done, False) for frame in (*self._ahead, *self._ring)]
        self._ahead.clear()
        self._ring.clear()

    # ---- handing over

    @property
    def _waiting(self) -> bool:
        """Speech waits for the line, which says nothing when it is up again."""
        return bool(self._ring) and not self._paused

    def _feed(self) -> None:
        """Hand the pacer what it may have, and take back what it may not send any more."""
        line = self._line
        session = line.session() if line is not None else None
        if session != self._pacer.session:
            if self._pacer.session is not None:
                self._pacer.call_back(hold=True, forget=True)
            if session is not None and self._pacer.open:
                self._pacer.give(session)
        ready = line is not None and session is not None and line.ready()
        self._note_line(ready)
        if line is None or not ready:
            if any(frame.recall == self._pacer.recall for frame in self._ahead):
                self._pacer.call_back(hold=True)
            return
        while self._waiting and self._pacer.open and self._pacer.session == session and len(self._ahead) < _AHEAD:
            self._hand_over(self._ring.popleft(), line)

    def _note_line(self, ready: bool) -> None:
        if ready:
            self._down_since_s = None
        elif self._waiting and self._down_since_s is None:
            self._down_since_s = time.monotonic()

    def _given_up(self, now_s: float) -> bool:
        """The line has been down for so long that holding speech for it makes no sense."""
        if self._down_since_s is None or now_s - self._down_since_s < self._settings.hold_s:
            return False
        if self._line is not None and self._line.ready():
            self._down_since_s = None
            return False
        return True

    def _hand_over(self, frame: _Queued, line: OutgoingLine) -> None:
        if frame.opus is None:
            if self._fresh:
                # a new utterance must not begin with the tail of a cleared one
                self._encoder.reset()
                self._fresh = False
            try:
                frame.opus = self._encoder.encode(frame.pcm)
            except OpusError as error:
                logger.error(f"frame {frame.frame_id} of the bot's voice was not sent: {error}")
                self._drop(frame)
                return
        payload = line.encrypt(frame.opus) or b""
        if not self._lit:
            self._light(True)
        frame.recall = self._pacer.recall
        self._ahead.append(frame)
        self._pacer.hand_over(Frame(frame.frame_id, payload))

    def _light(self, on: bool) -> None:
        self._lit = on
        if self._line is not None:
            self._line.speaking(on)

    def _take_back(self, recall: int) -> None:
        """Frames handed over before this recall have not left: back to the head of the ring, in order."""
        back = [frame for frame in self._ahead if frame.recall < recall]
        self._ahead = deque(frame for frame in self._ahead if frame.recall >= recall)
        for frame in reversed(back):
            if frame.cleared:
                self._clear(frame)
            else:
                self._ring.appendleft(frame)

    def _end_utterance(self) -> None:
        if self._ahead:
            return  # the next has been handed over already, as its continuation
        self._fresh = True
        for frame in self._ring:
            frame.opus = None
        if self._lit:
            self._light(False)

    # ---- hearing from the pacer

    def _hear(self, message: Message) -> None:
        self._pacer.note(message)
        match message:
            case Left(frame_id, sent_ns, begins, late):
                self._sent += 1
                self._underruns += late
                self._log.append(SentFrame(frame_id, sent_ns))
                self._fates.append((self._ahead.popleft().done, True))
                if begins and not self._lit:
                    self._light(True)
            case Refused():
                self._drop(self._ahead.popleft())
            case Silenced(sent, over):
                self._silence_sent += sent
                if over:
                    self._end_utterance()
            case Returned(number, idle):
                self._take_back(number)
                if idle:
                    self._end_utterance()
            case _:
                pass  # ours

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._bell, selectors.EVENT_READ)
                while self._watch(selector):
                    pass
        except Exception:
            logger.exception("the Discord voice sender died")
            with self._turn():
                self._closing = True
                self._abandon()

    def _watch(self, selector: selectors.BaseSelector) -> bool:
        """Wait for news and act on them. False when closing."""
        with self._lock:
            link, wait_s = self._pacer.link, _POLL_S if self._waiting else self._pacer.patience_s
        if link is None:
            return False
        selector.register(link, selectors.EVENT_READ)
        ready = {key.fileobj for key, _ in selector.select(wait_s)}
        selector.unregister(link)
        if self._bell in ready:
            with suppress(BlockingIOError):
                self._bell.recv(4096)
        messages = link.read() if link in ready else []
        with self._turn():
            if self._closing:
                return False
            for message in messages or ():
                self._hear(message)
            if (fault := self._pacer.fault(messages, ahead=bool(self._ahead))) is not None:
                self._pacer.replace(fault, len(self._ahead))
                self._take_back(self._pacer.recall + 1)
                self._end_utterance()
            self._feed()
            if self._waiting and self._given_up(time.monotonic()):
                for frame in self._ring:
                    self._drop(frame)
                self._ring.clear()
        return True

    def _ring_bell(self) -> None:
        # a full pipe is ringing already; a closed one belongs to a thread that has ended
        with suppress(OSError):
            self._ringer.send(b"\0")
