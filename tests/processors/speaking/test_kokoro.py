"""Kokoro through kokoro-onnx and espeak, on a graph of 29 kB that takes and gives what the real one does."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from loguru import logger

from processors.errors import AcoreError, EngineError, ModelMissingError, SettingError
from processors.models import ModelStore
from processors.speaking.engines import TTS_ENGINES, VoiceStyle
from processors.speaking.kokoro_tts import KokoroTts
from processors.speaking.kokoro_voices import language_of, read_voices, style_of
from processors.speaking.settings import KokoroSettings, SpeakingSettings
from processors.speaking.voices import VoiceChoice, parse_mixture
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

TINY = Path(__file__).parents[2] / "fixtures" / "kokoro_tiny_onnx"


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Three voices as the manifest's are: a float32 table each."""
    folder = tmp_path / "voices"
    folder.mkdir()
    for seed, name in enumerate(("af_bella", "af_sky", "bf_emma")):
        table = np.random.default_rng(seed).normal(0, 0.3, (510, 256)).astype(np.float32)
        table.tofile(folder / f"{name}.bin")
    return folder


def engine(voices: Path | str, voice: str = "af_bella", model: str = str(TINY / "kokoro.onnx")) -> KokoroTts:
    settings = KokoroSettings(model=model, voices=str(voices), voice=voice, device="cpu")
    return KokoroTts(settings, ModelStore(TINY, offline=True))


async def test_it_speaks_with_every_voice_it_lists_and_each_sounds_different(voices: Path):
    tts = engine(voices)
    await tts.start()
    try:
        assert tts.voices == ("af_bella", "af_sky", "bf_emma")
        sounds = [await say(tts, style=VoiceStyle(voice)) for voice in tts.voices]
        assert all(sound.dtype == np.int16 and len(sound) > tts.sample_rate_hz // 4 for sound in sounds)
        assert not np.array_equal(sounds[0], sounds[1])
        assert np.array_equal(sounds[0], await say(tts)), "the default voice is the first"
    finally:
        await tts.close()


async def test_a_mixture_lies_between_its_voices(voices: Path):
    tables = read_voices(voices)
    mixed = style_of("af_bella(3)+af_sky", tables)
    assert np.allclose(mixed, 0.75 * tables["af_bella"] + 0.25 * tables["af_sky"], atol=1e-6)
    tts = engine(voices, voice="af_bella(2)+af_sky")
    await tts.start()
    try:
        assert tts.voices[0] == "af_bella(2)+af_sky"
        default, character = await say(tts), await say(tts, style=VoiceStyle("af_sky+bf_emma(0.5)"))
        assert len(default)
        assert not np.array_equal(default[: len(character)], character[: len(default)])
    finally:
        await tts.close()


async def test_a_voices_file_as_the_library_publishes_it_is_read(voices: Path):
    tts = engine(TINY / "voices.bin", voice="af_heart")
    await tts.start()
    try:
        assert tts.voices == ("af_heart",)
        assert len(await say(tts))
    finally:
        await tts.close()


async def test_an_unknown_voice_of_a_character_falls_back_with_one_warning(voices: Path):
    warnings: list[str] = []
    logger.add(warnings.append, level="WARNING", format="{message}")
    tts = engine(voices)
    await tts.start()
    try:
        expected = await say(tts)
        for _ in range(3):
            assert np.array_equal(await say(tts, style=VoiceStyle("am_nobody")), expected)
        assert len(warnings) == 1
        assert "am_nobody" in warnings[0]
        assert "af_bella" in warnings[0]
    finally:
        await tts.close()


@pytest.mark.parametrize("voice", ["af_bela", "af_bella(2)+af_skye", "af_bella(0)", "af_bella++af_sky"])
async def test_an_unknown_voice_of_the_settings_stops_the_start(voices: Path, voice: str):
    tts = engine(voices, voice=voice)
    with pytest.raises(SettingError, match="KOKORO_VOICE is"):
        await tts.start()
    await tts.close()


async def test_the_text_is_said_in_its_order_and_longer_text_takes_longer(voices: Path):
    tts = engine(voices)
    await tts.start()
    try:
        short, long = await say(tts, "Hello."), await say(tts, "Hello there, how are you doing today?")
        assert len(long) > 2 * len(short)
        assert len(await say(tts, "...")) >= 0
        assert len(await say(tts, " ")) == 0
    finally:
        await tts.close()


async def test_a_speed_the_library_does_not_take_is_brought_into_its_range(voices: Path):
    tts = engine(voices)
    await tts.start()
    try:
        assert np.array_equal(await say(tts, style=VoiceStyle(speed=5.0)), await say(tts, style=VoiceStyle(speed=2.0)))
    finally:
        await tts.close()


async def test_a_cancelled_clause_lets_go_at_once_and_the_next_one_is_right(
    voices: Path, monkeypatch: pytest.MonkeyPatch
):
    tts = engine(voices)
    await tts.start()
    try:
        expected = await say(tts, "Next.")
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        assert tts._kokoro is not None
        create = tts._kokoro.create

        def slow(*args, **options):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return create(*args, **options)

        monkeypatch.setattr(tts._kokoro, "create", slow)
        assert await cancel_s(say(tts, "A long story."), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(tts._kokoro, "create", create)
        release.set()
        assert np.array_equal(await say(tts, "Next."), expected)
    finally:
        await tts.close()


async def failure_of(tts: KokoroTts) -> AcoreError:
    try:
        with pytest.raises(AcoreError) as failed:
            await tts.start()
    finally:
        await tts.close()
    return failed.value


async def test_cut_off_weights_are_refused_at_start(voices: Path, tmp_path: Path):
    weights = tmp_path / "cut.onnx"
    weights.write_bytes((TINY / "kokoro.onnx").read_bytes()[:9000])
    error = await failure_of(engine(voices, model=str(weights)))
    assert isinstance(error, EngineError)
    assert "KOKORO_MODEL" in str(error)


async def test_another_network_is_refused_at_start(voices: Path):
    other = TINY.parent / "parakeet_tiny_tdt" / "decoder_joint-model.onnx"
    assert "KOKORO_MODEL" in str(await failure_of(engine(voices, model=str(other))))


async def test_what_is_not_there_is_named_with_its_setting(voices: Path, tmp_path: Path):
    assert "KOKORO_MODEL" in str(await failure_of(engine(voices, model=str(tmp_path / "none.onnx"))))
    assert "KOKORO_VOICES" in str(await failure_of(engine(tmp_path / "none")))
    assert "KOKORO_VOICES" in str(await failure_of(engine("")))
    pulled = await failure_of(engine("", model="kokoro-82m-int8"))
    assert isinstance(pulled, ModelMissingError)
    assert "acore models pull" in str(pulled)


async def test_a_damaged_voice_is_named(voices: Path):
    (voices / "af_sky.bin").write_bytes(b"\0" * 1000)
    assert "af_sky.bin" in str(await failure_of(engine(voices)))


async def test_without_the_library_the_extra_is_named(voices: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "kokoro_onnx", None)
    assert "pip install 'acore[kokoro]'" in str(await failure_of(engine(voices)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("af_sky", {"af_sky": 1.0}),
        ("af_bella(2)+af_sky(1)", {"af_bella": 2 / 3, "af_sky": 1 / 3}),
        (" af_bella ( 0.5 ) + af_sky", {"af_bella": 1 / 3, "af_sky": 2 / 3}),
    ],
)
def test_mixtures_are_read_as_shares(text: str, parts: dict[str, float]):
    assert dict(parse_mixture(text)) == pytest.approx(parts)


@pytest.mark.parametrize("text", ["", "+", "a+", "a(b)", "a(-1)", "a(0)+b(0)", "a b"])
def test_what_is_no_mixture_is_refused(text: str):
    with pytest.raises(ValueError, match=r"no voice|nothing"):
        parse_mixture(text)


def test_an_engine_that_cannot_mix_falls_back():
    choice = VoiceChoice("hum", "low", ("low", "high"), setting="HUM_VOICE")
    assert choice.of("low+high") == "low"
    assert choice.of("high") == "high"


def test_a_voice_speaks_its_own_language():
    assert [language_of(v) for v in ("af_sky", "bm_lewis", "ef_dora", "if_sara")] == ["en-us", "en-gb", "es", "it"]


def test_the_engine_is_chosen_by_name(tmp_path: Path):
    assert isinstance(TTS_ENGINES["kokoro"](SpeakingSettings(), ModelStore(tmp_path)), KokoroTts)
