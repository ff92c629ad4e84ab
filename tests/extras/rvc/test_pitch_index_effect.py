"""The parts of voice conversion that lean on a library: SwiftF0, faiss and WORLD."""

from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from processors.errors import ModelCorruptError
from processors.speaking.rvc.effect import RATE_HZ, moved
from processors.speaking.rvc.pitch import PitchTracker
from processors.speaking.rvc.registry import make_converter
from processors.speaking.rvc.retrieval import Retrieval, load_index
from processors.speaking.rvc.settings import RvcSettings
from tests.extras.rvc.conftest import voice_like


def tone(hz: float, seconds: float, rate_hz: int) -> np.ndarray:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    partials = [0.2 * np.sin(2 * np.pi * k * hz * at) / k for k in range(1, 10)]
    return np.sum(partials, axis=0).astype(np.float32)


@pytest.mark.parametrize("hz", [90.0, 150.0, 260.0])
def test_the_pitch_of_a_voice_is_found_and_silence_has_none(hz: float) -> None:
    pcm = np.concatenate((tone(hz, 1.0, 16_000), np.zeros(16_000, np.float32)))
    found = PitchTracker().track(pcm, 200)
    assert found.shape == (200,)
    np.testing.assert_allclose(found[10:90], hz, rtol=0.02)
    assert not found[120:].any()


def test_an_index_as_rvc_trains_it_is_read_and_searched(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((400, 256)).astype(np.float32)
    index = faiss.index_factory(256, "IVF8,Flat")
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "added.index"))
    retrieval = Retrieval(load_index(tmp_path / "added.index"), 256)
    np.testing.assert_allclose(retrieval.pull(vectors[:5], 1.0), vectors[:5], atol=1e-3)
    with pytest.raises(ModelCorruptError, match="needs width 768"):
        Retrieval(load_index(tmp_path / "added.index"), 768)


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.index").write_bytes(b"not an index")
    with pytest.raises(ModelCorruptError, match=r"RVC_INDEX: odd\.index"):
        load_index(tmp_path / "odd.index")


async def test_an_index_changes_what_is_sounded(tmp_path: Path, settings_of: Callable[..., RvcSettings]) -> None:
    index = faiss.IndexFlatL2(768)
    index.add(3 * np.random.default_rng(1).standard_normal((50, 768)).astype(np.float32))
    faiss.write_index(index, str(tmp_path / "a.index"))
    sounds = []
    for rate in (0.0, 1.0):
        converter = make_converter(settings_of("v2_48k_f0", index=str(tmp_path / "a.index"), index_rate=rate))
        await converter.start()
        sounds.append((await converter.convert(voice_like(1.0, 24_000), 24_000)).pcm)
        await converter.close()
    assert np.abs(sounds[0] - sounds[1]).max() > 1e-4


@pytest.mark.parametrize("pitch", [-5.0, 0.0, 7.0])
async def test_the_effect_moves_the_pitch_by_the_setting(pitch: float) -> None:
    converter = make_converter(RvcSettings(mode="effect", pitch=pitch, formant=1.1))
    await converter.start()
    sound = await converter.convert(tone(150.0, 2.0, RATE_HZ), RATE_HZ)
    await converter.close()
    heard = np.interp(np.arange(32_000) * 1.5, np.arange(len(sound.pcm)), sound.pcm).astype(np.float32)
    track = PitchTracker().track(heard, 200)
    np.testing.assert_allclose(np.median(track[20:180]), 150.0 * 2 ** (pitch / 12), rtol=0.02)


async def test_the_effect_streams_without_clicks_and_without_losing_sound() -> None:
    converter = make_converter(RvcSettings(mode="effect", pitch=4.0, formant=1.15))
    await converter.start()
    clause = tone(150.0, 3.0, RATE_HZ)
    session = converter.session(RATE_HZ)
    pieces = [sound.pcm async for sound in session.feed(clause)]
    assert len(pieces) > 1
    pieces += [sound.pcm async for sound in session.flush()]
    await converter.close()
    wave = np.concatenate(pieces)
    assert len(wave) == len(clause)
    frames = np.lib.stride_tricks.sliding_window_view(wave[2400:-2400], 1024)[::128] * np.blackman(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2
    high = 10 * np.log10(power[:, 200:].sum(axis=1) / power.sum(axis=1))
    assert high.max() < np.median(high) + 10


def test_formants_move_with_the_scale() -> None:
    at = np.arange(513)
    envelope = np.exp(-(((at - 100) / 20) ** 2))[None] + 1e-6
    assert moved(envelope, 1.2).argmax() == pytest.approx(120, abs=1)
    assert moved(envelope, 0.8).argmax() == pytest.approx(80, abs=1)
    assert moved(envelope, 1.0) is envelope
