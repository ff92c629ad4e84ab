"""The edge voices through edge-tts, against a server that speaks the service's websocket protocol."""

import contextlib
import time

import numpy as np
import pytest

from processors.errors import EngineError, SettingError
from processors.speaking.edge_tts import EdgeTts, _Mp3Decoder
from processors.speaking.engines import VoiceStyle
from processors.speaking.settings import EdgeSettings, SpeakingSettings
from tests.fakes.edge_service import EdgeService, tone_mp3
from tests.fakes.serving import served
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say


@contextlib.asynccontextmanager
async def edge_at(service: EdgeService, monkeypatch: pytest.MonkeyPatch, *, voice: str = "en-GB-RyanNeural"):
    async with served(service.app) as url:
        service.point_library_at(url, monkeypatch)
        tts = EdgeTts(SpeakingSettings(engine="edge", edge=EdgeSettings(voice=voice)))
        try:
            await tts.start()
            yield tts
        finally:
            await tts.close()


def loudest_hz(pcm: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum)) * rate_hz / len(pcm)


async def test_a_clause_comes_back_as_samples_of_its_own_length(monkeypatch: pytest.MonkeyPatch):
    service = EdgeService()
    async with edge_at(service, monkeypatch) as tts:
        assert tts.voices == ("en-GB-RyanNeural", "en-US-EmmaMultilingualNeural")
        text = "Tom & <Jerry>, forty letters long, or so."
        sound = await say(tts, text)
    # MP3 adds silence at both ends: frames, and the encoder's delay.
    assert len(text) * 0.05 <= len(sound) / tts.sample_rate_hz < len(text) * 0.05 + 0.15
    assert sound.dtype == np.int16
    assert abs(loudest_hz(sound, tts.sample_rate_hz) - 440) < 3
    assert service.asked[0]["text"] == text


async def test_voice_and_speed_reach_the_service(monkeypatch: pytest.MonkeyPatch):
    service = EdgeService()
    async with edge_at(service, monkeypatch) as tts:
        await say(tts, "Hi.", VoiceStyle("en-US-EmmaMultilingualNeural", 1.25))
        await say(tts, "Hi.", VoiceStyle("nobody", 0.8))
        await say(tts, "Hi.", VoiceStyle(speed=9.0))
    assert [(asked["voice"].rpartition(", ")[2], asked["rate"]) for asked in service.asked] == [
        ("EmmaMultilingualNeural)", "+25%"),
        ("RyanNeural)", "-20%"),
        ("RyanNeural)", "+100%"),
    ]


@pytest.mark.parametrize("voice", ["en-GB-RyanNeura", "Klaus"])
async def test_an_unknown_voice_stops_the_start(monkeypatch: pytest.MonkeyPatch, voice: str):
    with pytest.raises(SettingError, match=f"EDGE_VOICE is '{voice}'"):
        async with edge_at(EdgeService(), monkeypatch, voice=voice):
            pass


async def test_a_service_that_cannot_be_reached_stops_the_start(monkeypatch: pytest.MonkeyPatch):
    service = EdgeService()
    async with served(service.app) as url:
        service.point_library_at(url, monkeypatch)
    tts = EdgeTts(SpeakingSettings())
    with pytest.raises(EngineError, match=r"are not to be had.*TTS_ENGINE=edge needs the internet") as raised:
        await tts.start()
    assert raised.value.retryable


@pytest.mark.parametrize(("status", "retryable"), [(403, False), (503, True)])
async def test_a_service_that_refuses_stops_the_start(monkeypatch: pytest.MonkeyPatch, status: int, retryable: bool):
    with pytest.raises(EngineError, match=f"refuse us \\({status}\\)") as raised:
        async with edge_at(EdgeService(status=status), monkeypatch):
            pass
    assert raised.value.retryable is retryable


@pytest.mark.parametrize("trouble", ["silent", "noise", "stray", "cut"])
async def test_a_clause_without_sound_is_one_error_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, trouble: str
):
    service = EdgeService()
    async with edge_at(service, monkeypatch) as tts:
        setattr(service, trouble, True)
        with pytest.raises(EngineError, match="edge voices") as raised:
            await say(tts)
        assert raised.value.retryable
        setattr(service, trouble, False)
        assert len(await say(tts))


async def test_a_cancelled_clause_frees_its_caller_within_20_ms_and_leaves_the_service(
    monkeypatch: pytest.MonkeyPatch,
):
    service = EdgeService(hang_midway=True)
    async with edge_at(service, monkeypatch) as tts:
        taken_s: list[float] = []
        for _ in range(3):
            service.hanging.clear()
            taken_s.append(await cancel_s(say(tts), service.hanging.wait()))
            await service.left.wait()
        assert min(taken_s) < CANCEL_BUDGET_S
        service.hang_midway = False
        assert len(await say(tts))


def test_decoding_is_cheap_enough_for_the_event_loop():
    mp3 = tone_mp3(5.0)
    decoder = _Mp3Decoder()
    longest_s, samples = 0.0, 0
    for start in range(0, len(mp3), 720):
        began_s = time.thread_time()
        samples += sum(map(len, decoder.feed(mp3[start : start + 720])))
        longest_s = max(longest_s, time.thread_time() - began_s)
    samples += sum(map(len, decoder.end()))
    assert samples >= 5 * EdgeTts.sample_rate_hz
    assert longest_s < 0.02
