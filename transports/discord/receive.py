"""From datagrams to 20 ms frames of 16 kHz mono speech, one stream per person.

A packet goes through: RTP header -> transport decryption -> padding and extension -> whose is it -> end-to-end
decryption (DAVE) -> reorder buffer -> Opus. Nothing is dropped without being counted. The work is done on whatever
thread brings the packet (about 0.2 ms); `tick` adds what only the passing of time brings: holes given up, silence.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from loguru import logger

from transports.discord import gateway, rtp
from transports.discord.crypto import TransportCipher
from transports.discord.dave import MARKER, DaveSession, DaveState, open_frame
from transports.discord.errors import DecryptError, OpusError, RtpError
from transports.discord.jitter import JitterBuffer, Lost, Packet, Released
from transports.discord.opus import IN_FRAME_BYTES, Decoder
from transports.discord.pacing import SILENCE
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import ReceiveCounters, ReceiveStatus, SpeakerStatus
from transports.discord.timeline import FRAME_S, Timeline

_ZEROS = bytes(IN_FRAME_BYTES)


class Line(Protocol):
    """The connection a packet came over, with the keys in force *now*."""

    @property
    def cipher(self) -> TransportCipher | None: ...
    @property
    def dave(self) -> DaveSession | None: ...
    @property
    def own_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """20 ms of one speaker: 320 samples of 16 kHz mono int16."""

    user_id: int
    pcm: bytes
    received_ns: int
    """`time.monotonic_ns()` of the packet's arrival."""
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """No more audio comes from this speaker until they speak again: they left, opted out or have long been silent."""

    user_id: int


@dataclass(slots=True)
class _Stream:
    """One SSRC."""

    jitter: JitterBuffer
    decoder: Decoder
    user_id: int


@dataclass(slots=True)
class _Speaker:
    """One person while they are being followed."""

    timeline: Timeline
    rest: bytes = b""
    """Decoded audio short of a whole frame; only senders with frames other than 20 ms leave any."""


class Receiver:
    """The hearing side of one room. Outlives the connections under it; may be called from any thread."""

    def __init__(
        self,
        settings: DiscordVoiceSettings,
        sink: Callable[[Heard | Gone], None],
        crowded: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Both are called on the thread that brought the packet, and must not block.

        Args:
        settings: Whom to hear, and how patiently.
        sink: Takes every frame, in order.
        crowded: Told of a user beyond the limit when they begin to speak unheard.
        """
        self._settings = settings
        self._sink = sink
        self._crowded = crowded
        self._lock = threading.Lock()
        self._listening = True
        self._counters = ReceiveCounters()
        self._dave = DaveState()
        self._owners: dict[int, int] = {}
        self._streams: dict[int, _Stream] = {}
        self._speakers: dict[int, _Speaker] = {}
        self._opted_out: set[int] = set()
        self._not_heard: dict[int, float] = {}

    # ---- what the gateway says

    def note(self, fact: gateway.Fact) -> None:
        """Take in what the voice gateway said."""
        with self._lock:
            match fact:
                case gateway.SessionDescribed(version):
                    # stream numbers belong to a session; silence keeps flowing for whoever was talking
                    self._owners.clear()
                    self._streams.clear()
                    self._dave = DaveState(version)
                case gateway.StreamOwner(user_id, ssrc):
                    if self._owners.get(ssrc) != user_id:
                        self._owners[ssrc] = user_id
                        self._streams.pop(ssrc, None)
                case gateway.UserLeft(user_id):
                    for ssrc in [s for s, owner in self._owners.items() if owner == user_id]:
                        del self._owners[ssrc]
                        self._streams.pop(ssrc, None)
                    self._not_heard.pop(user_id, None)
                    self._dismiss(user_id)
                case gateway.TransitionPrepared(transition_id, version):
                    self._dave.prepare(transition_id, version)
                case gateway.TransitionExecuted(transition_id):
                    self._dave.execute(transition_id)
                case gateway.UsersPresent():
                    pass

    # ---- privacy

    def opt_out(self, user_id: int) -> None:
        """Stop hearing a user at once; their packets are dropped before they are decoded."""
        with self._lock:
            self._opted_out.add(user_id)
            self._dismiss(user_id)
            for ssrc in [s for s, stream in self._streams.items() if stream.user_id == user_id]:
                del self._streams[ssrc]

    def opt_in(self, user_id: int) -> None:
        """Hear a user again."""
        with self._lock:
            self._opted_out.discard(user_id)

    @property
    def listening(self) -> bool:
        """Whether anybody is heard; off, every packet is dropped before it is decrypted."""
        return self._listening

    def listen(self, on: bool) -> None:
        """Begin or stop to hear everybody."""
        with self._lock:
            self._listening = on
            if not on:
                self._streams.clear()
                for user_id in list(self._speakers):
                    self._dismiss(user_id)

    def _dismiss(self, user_id: int) -> None:
        if self._speakers.pop(user_id, None) is not None:
            self._sink(Gone(user_id))

    # ---- packets

    def receive(self, line: Line, datagram: bytes, arrived_ns: int) -> None:
        """Take one datagram from the voice server's socket."""
        with self._lock:
            if self._listening:
                self._receive(line, datagram, arrived_ns)
            else:
                self._counters.opted_out += 1

    def _receive(self, line: Line, datagram: bytes, arrived_ns: int) -> None:
        count = self._counters
        try:
            header = rtp.parse(datagram)
        except RtpError:
            count.not_audio += 1
            return
        owner = self._owners.get(header.ssrc)
        if owner in self._opted_out:
            count.opted_out += 1
            return
        cipher = line.cipher
        if cipher is None:
            count.no_key += 1
            return
        try:
            payload = rtp.media_payload(header, cipher.open(datagram, header.size))
        except DecryptError:
            count.bad_tag += 1
            return
        except RtpError:
            count.malformed += 1
            return
        if not payload:
            count.malformed += 1
            return
        now_s = arrived_ns / 1e9
        stream = self._streams.get(header.ssrc)
        if stream is not None and stream.jitter.stale(header.sequence):
            # the end-to-end layer would take the replay for an attack
            stream.jitter.stats.late += 1
            count.late += 1
            return
        opened = self._open_end_to_end(line, header.ssrc, owner, payload, now_s)
        if opened is None:
            return
        user_id, frame = opened
        if user_id in self._opted_out:
            count.opted_out += 1
            return
        if user_id not in self._speakers and not self._admit(user_id, frame, now_s):
            return
        count.decoded += 1
        stream = self._stream(header.ssrc, user_id)
        self._play(stream, stream.jitter.push(Packet(header.sequence, frame, arrived_ns), now_s), now_s)

    def _open_end_to_end(
        self, line: Line, ssrc: int, owner: int | None, payload: bytes, now_s: float
    ) -> tuple[int, bytes] | None:
        """Whose frame it is and the frame itself, or None when it was dropped (and counted)."""
        count, dave = self._counters, line.dave
        secured = payload != SILENCE and payload.endswith(MARKER) and dave is not None and dave.ready
        if secured and dave is not None:
            for user_id in self._suspects(dave, line.own_id) if owner is None else (owner,):
                frame = open_frame(dave, user_id, payload)
                if frame is not None:
                    # the authentication tag names the sender, whatever the gateway has told us yet
                    self._owners[ssrc] = user_id
                    return user_id, frame
        if payload == SILENCE or self._dave.allows_plaintext(now_s):
            if owner is not None:
                return owner, payload
            count.unknown_stream += 1
        elif not payload.endswith(MARKER):
            count.plaintext += 1
        elif owner is None:
            count.unknown_stream += 1
        else:
            count.dave_failed += 1
        return None

    def _suspects(self, dave: DaveSession, own_id: int) -> list[int]:
        """Members of the encryption group who may own an unannounced stream."""
        named = set(self._owners.values())
        members = [int(user) for user in dave.get_user_ids()]
        # those without a stream first
        return sorted((m for m in members if m != own_id), key=lambda m: m in named)

    def _admit(self, user_id: int, frame: bytes, now_s: float) -> bool:
        """Begin to follow a speaker, if there is room."""
        if frame == SILENCE:
            self._counters.silence += 1
            return False
        if len(self._speakers) >= self._settings.speaker_limit:
            if user_id not in self._not_heard:
                logger.warning(
                    f"speaker {user_id} is not heard: DISCORD_VOICE_SPEAKER_LIMIT is {self._settings.speaker_limit}"
                )
                self._crowded(user_id)
            self._not_heard[user_id] = now_s
            self._counters.over_limit += 1
            return False
        self._not_heard.pop(user_id, None)
        self._speakers[user_id] = _Speaker(Timeline(due_s=now_s, last_packet_s=now_s))
        return True

    def _stream(self, ssrc: int, user_id: int) -> _Stream:
        stream = self._streams.get(ssrc)
        if stream is None:
            settings = self._settings
            jitter = JitterBuffer(settings.jitter_hold_ms / 1000, settings.jitter_hold_packets)
            stream = self._streams[ssrc] = _Stream(jitter, Decoder(settings.opus_library), user_id)
        return stream

    # ---- sound

    def _play(self, stream: _Stream, released: list[Released], now_s: float) -> None:
        speaker = self._speakers[stream.user_id]
        for item in released:
            try:
                match item:
                    case Packet(_, payload, _):
                        pcm = stream.decoder.decode(payload)
                    case Lost(_, after, _):
                        self._counters.concealed += 1
                        pcm = stream.decoder.conceal(after)
            except OpusError:
                self._counters.opus_errors += 1
                pcm = stream.decoder.conceal(None)
            pcm = speaker.rest + pcm
            whole = len(pcm) - len(pcm) % IN_FRAME_BYTES
            speaker.rest = pcm[whole:]
            for start in range(0, whole, IN_FRAME_BYTES):
                frame = pcm[start : start + IN_FRAME_BYTES]
                self._hand_on(Heard(stream.user_id, frame, item.arrived_ns, synthetic=False))
            speaker.timeline.advance(now_s, whole // IN_FRAME_BYTES)
            # a silence frame announces the end of speech: believe it without waiting for late packets
            speaker.timeline.quiet = isinstance(item, Packet) and item.payload == SILENCE

    def _hand_on(self, heard: Heard) -> None:
        self._counters.out += 1
        self._sink(heard)

    def tick(self, now_s: float) -> float | None:
        """Give up holes and make up silence that are due at `now_s` (`time.monotonic()`).

        Returns when to call again at the latest, or None while nobody is followed.
        """
        with self._lock:
            patience_s = self._settings.silence_after_ms / 1000
            deadlines: list[float] = []
            holding: set[int] = set()
            for stream in self._streams.values():
                if stream.user_id in self._speakers:
                    self._play(stream, stream.jitter.poll(now_s), now_s)
                    if stream.jitter.deadline_s is not None:
                        holding.add(stream.user_id)
                        deadlines.append(stream.jitter.deadline_s)
            for user_id, speaker in list(self._speakers.items()):
                timeline = speaker.timeline
                if now_s - timeline.last_packet_s > self._settings.silence_tail_s:
                    self._dismiss(user_id)
                    continue
                if user_id in holding:
                    continue
                due_s = timeline.due_s
                for i in range(timeline.silence_due(now_s, patience_s)):
                    self._counters.synthesised += 1
                    due_ns = int((due_s + i * FRAME_S) * 1e9)
                    self._hand_on(Heard(user_id, _ZEROS, due_ns, synthetic=True))
                deadlines.append(timeline.next_silence_s(patience_s))
            return min(deadlines, default=None)

    # ---- status

    def status(self) -> ReceiveStatus:
        """Snapshot for status pages and health checks."""
        now_s = time.monotonic()
        recently_s = self._settings.silence_tail_s
        with self._lock:
            speakers = tuple(
                SpeakerStatus(
                    user_id,
                    sum(s.received for s in stats),
                    sum(s.lost for s in stats),
                    sum(s.late for s in stats),
                    sum(s.reordered for s in stats),
                    now_s - speaker.timeline.last_packet_s,
                )
                for user_id, speaker in self._speakers.items()
                if (stats := [s.jitter.stats for s in self._streams.values() if s.user_id == user_id]) is not None
            )
            not_heard = tuple(u for u, at_s in self._not_heard.items() if now_s - at_s < recently_s)
            return ReceiveStatus(replace(self._counters), speakers, not_heard, tuple(sorted(self._opted_out)))
