"""Sentences to say to the bot, and what was heard of its answer."""

import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from tests.local_discord import HeardPacket, Participant, User
from tests.local_discord.audio import FRAME_SAMPLES, Pcm, decode, encode

RATE_HZ = 16_000
_FOLDER = Path(__file__).parents[2] / "fixtures" / "speech"
_AUDIBLE = 300
"""int16; under it is silence."""


@cache
def sentence(name: str) -> list[bytes]:
    """A sentence of the fixtures as Opus, its last frame the last with sound in it."""
    pcm, _ = soundfile.read(_FOLDER / f"{name}.flac", dtype="int16")
    pcm = np.asarray(pcm, np.int16)
    last = int(np.flatnonzero(np.abs(pcm) > _AUDIBLE)[-1])
    return encode(pcm[: last + 1], RATE_HZ)


def words(text: str) -> list[str]:
    """`text` without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())


async def mumble(participant: Participant, seconds: float = 1.2) -> float:
    """Say the beginning of a sentence, for engines that follow a script; returns when it was over."""
    await participant.speak_opus(sentence("weather")[: int(seconds * 50)])
    return time.monotonic()


async def ask(participant: Participant, name: str) -> float:
    """Say a sentence; returns when (`time.monotonic()`) its last frame had been spoken."""
    await participant.speak_opus(sentence(name))
    return time.monotonic()


def audible_from_s(packets: list[HeardPacket]) -> float:
    """When the first packet with sound in it arrived.

    Raises:
        LookupError: there is none.
    """
    opus = [packet.opus for packet in packets if packet.opus is not None]
    loud = np.flatnonzero(np.abs(decode(opus)) > _AUDIBLE)
    if not len(loud):
        raise LookupError("nothing audible was heard")
    return packets[int(loud[0]) // FRAME_SAMPLES].at_s


async def hear_out(participant: Participant, speaker: User, since_s: float, timeout_s: float = 30.0) -> Pcm:
    """What somebody says from `since_s` until they fall silent, decoded at 48 kHz."""
    await participant.until_heard(speaker, since_s=since_s, timeout_s=timeout_s)
    await participant.until_quiet(speaker, 700)
    heard = [packet for packet in participant.heard_from(speaker) if packet.speech and packet.at_s >= since_s]
    return decode([packet.opus for packet in heard if packet.opus is not None])
