"""No sound is stored, neither what people say nor what the bot answers, whatever else is remembered of it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.e2e.discord.bot import serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import ask, hear_out, sentence
from tests.e2e.discord.stored_sound import Pcm, Sound, files_of, open_files_of, sound_in
from tests.local_discord import LocalDiscord
from tests.local_discord.audio import RATE_HZ, decode

pytestmark = pytest.mark.asyncio(loop_scope="module")


def spoken(name: str) -> Sound:
    """A sentence of the fixtures as the bot gets and decodes it."""
    return Sound(decode(sentence(name)), RATE_HZ, tuple(sentence(name)))


async def test_after_a_conversation_no_file_holds_any_of_its_sound(server: LocalDiscord, tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    asked = ["capital_of_france", "three_colours"]
    async with serve(server, tmp_path, {"TMPDIR": str(scratch)}) as bot:
        async with Stage(server, bot).call("alice") as [alice]:
            mark = bot.mark()
            for count, name in enumerate(asked, start=1):
                stopped_s = await ask(alice, name)
                await bot.until_said("alice", mark, count)
                await hear_out(alice, server.bot, stopped_s)
            packets = tuple(one.opus for one in alice.heard_from(server.bot) if one.speech and one.opus is not None)
            said = [*map(spoken, asked), Sound(decode(list(packets)), RATE_HZ, packets)]
            meanwhile = files_of(tmp_path) | open_files_of(bot.process.pid)
        code, _ = await bot.stop()
        assert code == 0
    afterwards = files_of(tmp_path)
    print(f"{len(meanwhile)} files during the call, {len(afterwards)} after it: {sorted(afterwards)}")
    assert any("France" in text.decode(errors="replace") for text in afterwards.values()), "it does remember the words"
    assert sound_in(meanwhile, said) == []
    assert sound_in(afterwards, said) == []


def _container(kind: str, subtype: str) -> Callable[[Pcm], bytes]:
    def write(pcm: Pcm) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, pcm, RATE_HZ, format=kind, subtype=subtype)
        return file.getvalue()

    return write


def _at(rate_hz: int, pcm: Pcm) -> Pcm:
    return soxr.resample(pcm, RATE_HZ, rate_hz)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(_container("WAV", "PCM_16"), id="WAV"),
        pytest.param(_container("FLAC", "PCM_16"), id="FLAC"),
        pytest.param(_container("OGG", "OPUS"), id="Ogg"),
        pytest.param(lambda pcm: b"x" * 1001 + _at(16_000, pcm).tobytes(), id="samples at the bot's ear"),
        pytest.param(lambda pcm: _at(24_000, pcm // 3).tobytes(), id="samples of the bot's voice, less loud"),
        pytest.param(
            lambda pcm: b"head" + (_at(16_000, pcm) / np.float32(32768)).astype(np.float32).tobytes(), id="as floats"
        ),
        pytest.param(lambda _: b"\0\1".join(sentence("weather")), id="Opus packets"),
    ],
)
async def test_sound_that_is_stored_is_found(stored: Callable[[Pcm], bytes], tmp_path: Path):
    noise = np.random.default_rng(1).bytes(300_000)
    weather = spoken("weather")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "memory.db").write_bytes(noise + stored(weather.pcm) + noise)
    (tmp_path / "words.txt").write_text("The weather is really nice today. " * 1000)
    found = sound_in(files_of(tmp_path), [spoken("dinner"), weather])
    print(found)
    assert found
    assert all(line.startswith(str(tmp_path / "deep" / "memory.db")) for line in found)


async def test_what_is_no_sound_is_not_taken_for_it(tmp_path: Path):
    dice = np.random.default_rng(2)
    (tmp_path / "vectors").write_bytes(dice.normal(0, 0.05, 200_000).astype(np.float32).tobytes())
    (tmp_path / "numbers").write_bytes(np.arange(100_000).tobytes() + bytes(10_000))
    (tmp_path / "text").write_text("Well, hello. How are you today? " * 5000)
    (tmp_path / "empty").touch()
    assert sound_in(files_of(tmp_path), [spoken("dinner"), spoken("weather")]) == []
