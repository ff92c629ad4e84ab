import random
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.transports.discord.signals import loudest_hz, opus_tone, rms
from transports.discord import gateway
from transports.discord.crypto import XCHACHA20, TransportCipher, cipher_for
from transports.discord.opus import IN_FRAME_BYTES
from transports.discord.pacing import SILENCE
from transports.discord.receive import Gone, Heard, Receiver
from transports.discord.rtp import pack_header
from transports.discord.settings import DiscordVoiceSettings

KEY = bytes(range(32))
ALICE, BOB, BOT = 11, 22, 99


class Dave:
    """A group whose encryption is the sender's number in front and the marker behind."""

    def __init__(self, *members: int) -> None:
        self.members = members
        self.ready = True

    def get_user_ids(self) -> list[str]:
        return [str(member) for member in self.members]

    def decrypt(self, user_id: int, _media: object, packet: bytes) -> bytes:
        if packet[0] != user_id:
            raise RuntimeError("NoValidCryptorFound")
        return packet[1:-2]


def secured(user_id: int, opus: bytes) -> bytes:
    return bytes([user_id]) + opus + b"\xfa\xfa"


@dataclass
class Line:
    cipher: TransportCipher | None = field(default_factory=lambda: cipher_for(XCHACHA20, KEY))
    dave: Dave | None = None
    own_id: int = BOT


class Room:
    """A receiver, the line packets come over, and what came out."""

    def __init__(self, dave: Dave | None = None, *, speaker_limit: int = 8, silence_tail_s: float = 5) -> None:
        self.out: list[Heard | Gone] = []
        self.line = Line(dave=dave)
        self.crowded: list[int] = []
        self.receiver = Receiver(
            DiscordVoiceSettings(speaker_limit=speaker_limit, silence_tail_s=silence_tail_s),
            self.out.append,
            self.crowded.append,
        )
        self.receiver.note(gateway.SessionDescribed(1 if dave else 0))
        self.now_s = time.monotonic()
        self._sequence: Counter[int] = Counter()

    def announce(self, *users: int) -> None:
        for user in users:
            self.receiver.note(gateway.StreamOwner(user, ssrc=user))

    def datagram(self, user: int, payload: bytes, sequence: int, cipher: TransportCipher | None = None) -> bytes:
        header = pack_header(sequence, 960 * sequence, user)
        return (cipher or cipher_for(XCHACHA20, KEY)).seal(header, payload, sequence)

    def send(self, user: int, *payloads: bytes) -> None:
        """Packets 20 ms apart."""
        for payload in payloads:
            self._sequence[user] += 1
            self.take(self.datagram(user, payload, self._sequence[user]))
            self.now_s += 0.02

    def take(self, datagram: bytes) -> None:
        self.receiver.receive(self.line, datagram, int(self.now_s * 1e9))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.now_s += 0.02
            self.receiver.tick(self.now_s)

    def heard(self, user: int, *, synthetic: bool = False) -> bytes:
        return b"".join(
            h.pcm for h in self.out if isinstance(h, Heard) and h.user_id == user and h.synthetic is synthetic
        )

    @property
    def counts(self):
        return self.receiver.status().counters


def test_two_speakers_are_kept_apart():
    room = Room()
    room.announce(ALICE, BOB)
    for a, b in zip(opus_tone(440, 0.5), opus_tone(880, 0.5), strict=True):
        room.send(ALICE, a)
        room.send(BOB, b)
    assert loudest_hz(room.heard(ALICE)) == pytest.approx(440, abs=4)
    assert loudest_hz(room.heard(BOB)) == pytest.approx(880, abs=4)
    assert all(len(h.pcm) == IN_FRAME_BYTES for h in room.out if isinstance(h, Heard))


def test_when_packets_stop_time_goes_on_in_silence_and_then_the_speaker_is_gone():
    room = Room(silence_tail_s=1)
    room.announce(ALICE)
    room.send(ALICE, *opus_tone(440, 0.2))
    room.pass_time(3)
    assert len(room.heard(ALICE, synthetic=True)) == pytest.approx(50 * IN_FRAME_BYTES, abs=2 * IN_FRAME_BYTES)
    assert rms(room.heard(ALICE, synthetic=True)) == 0
    assert room.out[-1] == Gone(ALICE)
    assert room.receiver.tick(room.now_s) is None


def test_silence_begins_without_patience_after_the_sender_announced_it():
    room = Room()
    room.announce(ALICE)
    room.send(ALICE, *opus_tone(440, 0.1), SILENCE)
    room.receiver.tick(room.now_s + 0.001)
    assert room.counts.synthesised == 1


def test_a_lost_packet_is_concealed_after_sixty_milliseconds_without_a_word_from_the_network():
    room = Room()
    room.announce(ALICE)
    packets = opus_tone(440, 0.4)
    room.send(ALICE, *packets[:10])
    room.take(room.datagram(ALICE, packets[11], 12))
    assert len(room.heard(ALICE)) == 10 * IN_FRAME_BYTES
    room.pass_time(0.06)
    assert len(room.heard(ALICE)) == 12 * IN_FRAME_BYTES
    assert rms(room.heard(ALICE)[-2 * IN_FRAME_BYTES :]) > 2000
    assert room.counts.concealed == 1
    assert room.counts.synthesised == 0


def test_a_damaged_opus_frame_costs_only_itself():
    room = Room()
    room.announce(ALICE)
    packets = opus_tone(440, 0.2)
    room.send(ALICE, *packets[:5], b"\xff\xff\xff", *packets[6:])
    assert len(room.heard(ALICE)) == 10 * IN_FRAME_BYTES
    assert room.counts.opus_errors == 1


def test_the_encryption_names_a_speaker_nobody_announced():
    room = Room(Dave(BOT, BOB, ALICE))
    room.send(ALICE, *(secured(ALICE, packet) for packet in opus_tone(440, 0.2)))
    assert len(room.heard(ALICE)) == 10 * IN_FRAME_BYTES
    assert not room.heard(BOB)


def test_without_announcement_or_encryption_a_stream_is_nobodys():
    room = Room()
    room.send(ALICE, *opus_tone(440, 0.1))
    assert room.out == []
    assert room.counts.unknown_stream == 5


def test_plaintext_in_an_encrypted_call_is_dropped():
    room = Room(Dave(BOT, ALICE))
    room.announce(ALICE)
    room.send(ALICE, *opus_tone(440, 0.1))
    assert room.out == []
    assert room.counts.plaintext == 5


def test_plaintext_is_heard_while_the_call_changes_to_unencrypted_and_after():
    room = Room(Dave(BOT, ALICE))
    room.announce(ALICE)
    room.receiver.note(gateway.TransitionPrepared(7, 0))
    room.send(ALICE, *opus_tone(440, 0.1))
    room.receiver.note(gateway.TransitionExecuted(7))
    room.send(ALICE, *opus_tone(440, 0.1))
    assert room.counts.decoded == 10


def test_plaintext_is_heard_for_ten_seconds_after_the_call_became_encrypted():
    room = Room(Dave(BOT, ALICE))
    room.announce(ALICE)
    room.receiver.note(gateway.SessionDescribed(0))
    room.announce(ALICE)
    room.receiver.note(gateway.TransitionPrepared(8, 1))
    room.receiver.note(gateway.TransitionExecuted(8))
    room.send(ALICE, *opus_tone(440, 0.1))
    room.now_s += 10.1
    room.send(ALICE, *opus_tone(440, 0.1))
    assert (room.counts.decoded, room.counts.plaintext) == (5, 5)


def test_a_frame_the_group_cannot_open_is_counted():
    room = Room(Dave(BOT, ALICE, BOB))
    room.announce(ALICE)
    room.send(ALICE, secured(BOB, b"x"))
    assert (room.counts.dave_failed, room.counts.undecryptable) == (1, 1)


def test_who_opted_out_is_dropped_before_decryption():
    room = Room(Dave(BOT, ALICE, BOB))
    room.announce(ALICE)
    room.receiver.opt_out(ALICE)
    room.take(room.datagram(ALICE, b"not even encrypted properly", 1, cipher_for(XCHACHA20, bytes(32))))
    assert (room.counts.opted_out, room.counts.bad_tag) == (1, 0)
    room.receiver.opt_in(ALICE)
    room.send(ALICE, *(secured(ALICE, packet) for packet in opus_tone(440, 0.1)))
    assert room.heard(ALICE)


def test_opting_out_ends_what_was_being_said():
    room = Room()
    room.announce(ALICE)
    packets = opus_tone(440, 0.2)
    room.send(ALICE, *packets[:5])
    room.receiver.opt_out(ALICE)
    room.send(ALICE, *packets[5:])
    room.pass_time(1)
    assert len(room.heard(ALICE)) == 5 * IN_FRAME_BYTES
    assert room.out[-1] == Gone(ALICE)
    assert room.receiver.status().opted_out == (ALICE,)


def test_a_speaker_beyond_the_limit_is_counted_and_named_and_heard_when_there_is_room():
    room = Room(speaker_limit=1, silence_tail_s=1)
    room.announce(ALICE, BOB)
    room.send(ALICE, *opus_tone(440, 0.1))
    room.send(BOB, *opus_tone(440, 0.1))
    assert not room.heard(BOB)
    assert room.receiver.status().not_heard == (BOB,)
    assert room.counts.over_limit == 5
    assert room.crowded == [BOB]
    room.pass_time(1.2)
    room.send(BOB, *opus_tone(440, 0.1))
    assert room.heard(BOB)


def test_a_user_who_leaves_takes_their_stream_with_them():
    room = Room()
    room.announce(ALICE)
    room.send(ALICE, *opus_tone(440, 0.1))
    room.receiver.note(gateway.UserLeft(ALICE))
    assert room.out[-1] == Gone(ALICE)
    room.send(ALICE, *opus_tone(440, 0.1))
    assert room.counts.unknown_stream == 5


def test_a_new_session_voids_old_streams_but_silence_goes_on():
    room = Room()
    room.announce(ALICE)
    room.send(ALICE, *opus_tone(440, 0.1))
    room.receiver.note(gateway.SessionDescribed(0))
    room.pass_time(0.5)
    assert room.counts.synthesised > 20


def test_ten_thousand_random_packets_are_counted_and_nothing_else():
    room, dice = Room(Dave(BOT, ALICE)), random.Random(3)
    room.announce(ALICE)
    for _ in range(10_000):
        room.take(dice.randbytes(dice.randrange(0, 400)))
    assert room.out == []
    counts = room.counts
    assert counts.not_audio + counts.bad_tag == 10_000
    room.send(ALICE, *(secured(ALICE, packet) for packet in opus_tone(440, 0.1)))
    assert len(room.heard(ALICE)) == 5 * IN_FRAME_BYTES


def test_a_wrong_key_is_counted_and_the_live_key_is_used():
    room = Room()
    room.announce(ALICE)
    room.line.cipher = None
    room.send(ALICE, b"x")
    room.line.cipher = cipher_for(XCHACHA20, bytes(32))
    room.send(ALICE, b"x")
    room.line.cipher = cipher_for(XCHACHA20, KEY)
    room.send(ALICE, opus_tone(440, 0.02)[0])
    assert (room.counts.no_key, room.counts.bad_tag, room.counts.decoded) == (1, 1, 1)


def test_twenty_percent_loss_keeps_time_and_order():
    room, dice = Room(), random.Random(5)
    room.announce(ALICE)
    packets = opus_tone(440, 4.0)
    for sequence, packet in enumerate(packets, 1):
        if dice.random() >= 0.2:
            room.take(room.datagram(ALICE, packet, sequence))
        room.now_s += 0.02
        room.receiver.tick(room.now_s)
    room.pass_time(0.1)
    status = room.receiver.status()
    assert status.speakers[0].loss == pytest.approx(0.2, abs=0.06)
    assert loudest_hz(room.heard(ALICE)) == pytest.approx(440, abs=4)
    whole = len(room.heard(ALICE)) + len(room.heard(ALICE, synthetic=True))
    assert whole == pytest.approx(205 * IN_FRAME_BYTES, abs=12 * IN_FRAME_BYTES)
