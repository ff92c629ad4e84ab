"""Counters of everything received, dropped and sent, and the snapshot that status pages and health checks read."""

from dataclasses import dataclass


@dataclass(slots=True)
class ReceiveCounters:
    """Datagrams and frames since the transport was made. Every datagram ends in exactly one of the first group."""

    decoded: int = 0
    """Accepted into a speaker's stream."""
    silence: int = 0
    """Silence frames of people who are not speaking."""
    not_audio: int = 0
    """Not RTP version 2 with Opus: RTCP, video, noise."""
    malformed: int = 0
    """Decrypted, but padding or extension do not fit; or nothing in it."""
    no_key: int = 0
    """Arrived before the session's key."""
    bad_tag: int = 0
    """Transport decryption failed: wrong key, forged or damaged."""
    late: int = 0
    """Came after their place was given up, or twice."""
    unknown_stream: int = 0
    """Nobody known owns the stream."""
    dave_failed: int = 0
    """End-to-end decryption failed; short bursts around joins and leaves are normal."""
    plaintext: int = 0
    """Not end-to-end encrypted although the call is."""
    opted_out: int = 0
    """From users who asked not to be heard; never decoded."""
    over_limit: int = 0
    """From speakers beyond the limit; never decoded."""

    opus_errors: int = 0
    """Frames libopus refused, replaced by concealment."""
    concealed: int = 0
    """Lost frames filled by error correction or extrapolation."""
    synthesised: int = 0
    """Frames of silence made up while nobody sent."""
    out: int = 0
    """20 ms frames handed on, synthesised ones included."""

    @property
    def undecryptable(self) -> int:
        """Audio that should have been heard and could not."""
        return self.bad_tag + self.unknown_stream + self.dave_failed + self.plaintext


@dataclass(frozen=True, slots=True)
class SpeakerStatus:
    """How well one person is heard."""

    user_id: int
    received: int
    lost: int
    late: int
    reordered: int
    last_packet_s: float
    """Seconds since the last packet."""

    @property
    def loss(self) -> float:
        """Share of packets that never came, 0..1."""
        return self.lost / (self.received + self.lost) if self.received else 0.0


@dataclass(frozen=True, slots=True)
class ReceiveStatus:
    """Snapshot of the hearing side."""

    counters: ReceiveCounters
    speakers: tuple[SpeakerStatus, ...]
    """Everyone whose voice is being followed."""
    not_heard: tuple[int, ...]
    """Users who spoke beyond the limit and are not heard now."""
    opted_out: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendStatus:
    """Snapshot of the speaking side. Counts since the transport was made."""

    queued: int
    """Frames in the ring."""
    sent: int
    """Speech frames that left."""
    silence_sent: int
    cleared: int
    """Frames dropped by barge-in."""
    dropped: int
    """Frames dropped because the line was down for too long, or refused them."""
    underruns: int
    """Times speech broke off because the next frame came too late."""
    paused: bool
    waiting_for_line: bool
    alive: bool
    replaced: int
    """Times the pacer died or stood still and another was put in its place."""


@dataclass(frozen=True, slots=True)
class EncryptionStatus:
    """End-to-end encryption of the call."""

    version: int
    """DAVE protocol version; 0 is none."""
    ready: bool
    """Keys are established; alone in a channel there is nobody to establish them with."""
    privacy_code: str | None
    """What users compare to verify the call."""


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """Everything `/vc status` tells about the line."""

    connected: bool
    channel_id: int | None
    encryption: EncryptionStatus
    receive: ReceiveStatus
    send: SendStatus
    gateway_latency_ms: float | None
    recoveries: dict[str, int]
    """How often each remedy was applied, by its name; and what the gateway got wrong."""
