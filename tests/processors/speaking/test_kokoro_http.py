"""A Kokoro server, well and in trouble, over loopback."""

import contextlib

import numpy as np
import pytest
from loguru import logger
from pydantic import SecretStr

from processors.errors import EngineError, SettingError
from processors.language.errors import BusyError
from processors.models import ModelStore
from processors.speaking.engines import VoiceStyle, make_tts
from processors.speaking.kokoro_http import KokoroHttpTts
from processors.speaking.settings import KokoroSettings, SpeakingSettings
from tests.fakes.serving import served
from tests.fakes.speech_servers import TONE, KokoroFake, Trouble
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

KEY = "sk-secret-987"


@contextlib.asynccontextmanager
async def client_of(server: KokoroFake, *, timeout_s: float = 5.0, path: str = "", **given):
    async with served(server.app) as url:
        kokoro = KokoroSettings.model_validate({"api_url": url + path, **given})
        tts = KokoroHttpTts(SpeakingSettings(kokoro=kokoro, timeout_s=timeout_s))
        try:
            await tts.start()
            yield tts
        finally:
            await tts.close()


async def test_the_samples_arrive_whole_however_they_are_cut_and_in_several_pieces():
    async with client_of(KokoroFake()) as tts:
        async with contextlib.aclosing(tts.synthesize("Hello.", VoiceStyle())) as pieces:
            sound = [piece async for piece in pieces]
        assert len(sound) > 1
        assert np.concatenate(sound).tobytes() == TONE


async def test_voice_speed_and_model_reach_the_wire():
    server = KokoroFake(key=KEY)
    given = {"voice": "af_bella(2)+af_sky", "api_key": SecretStr(KEY), "api_model": "k", "path": "/v1"}
    async with client_of(server, **given) as tts:
        await say(tts, "One.")
        await say(tts, "Two.", VoiceStyle("af_heart", 1.25))
    assert server.asked[1:] == [
        {
            "model": "k",
            "input": text,
            "voice": voice,
            "response_format": "pcm",
            "speed": speed,
            "stream": True,
        }
        for text, voice, speed in (("One.", "af_bella(2)+af_sky", 1.0), ("Two.", "af_heart", 1.25))
    ]


@pytest.mark.parametrize("described", [False, True])
async def test_its_voices_are_the_servers(described: bool):
    async with client_of(KokoroFake("af_sky", "af_heart", described=described)) as tts:
        assert tts.voices == ("af_heart", "af_sky")


async def test_an_unknown_voice_of_a_character_falls_back_with_one_warning():
    warnings: list[str] = []
    logger.add(warnings.append, level="WARNING", format="{message}")
    server = KokoroFake()
    async with client_of(server) as tts:
        for _ in range(2):
            await say(tts, style=VoiceStyle("nobody"))
    assert {asked["voice"] for asked in server.asked} == {"af_heart"}
    assert len(warnings) == 1


async def test_an_unknown_voice_of_the_settings_stops_the_start():
    with pytest.raises(SettingError, match=r"KOKORO_VOICE is 'af_hart'.*did you mean af_heart"):
        async with client_of(KokoroFake(), voice="af_hart"):
            pass


@pytest.mark.parametrize("trouble", [Trouble(status=500), Trouble(cut=True), Trouble(malformed=True)])
async def test_a_failure_is_an_error_and_the_next_clause_works(trouble: Trouble):
    server = KokoroFake()
    async with client_of(server) as tts:
        server.trouble = trouble
        with pytest.raises(EngineError) as failed:
            await say(tts)
        assert failed.value.retryable
        server.trouble = Trouble()
        assert (await say(tts)).tobytes() == TONE


async def test_a_busy_server_says_how_long():
    server = KokoroFake()
    async with client_of(server) as tts:
        server.trouble = Trouble(status=429, retry_after="3")
        with pytest.raises(BusyError) as busy:
            await say(tts)
        assert busy.value.retry_after_s == 3.0


@pytest.mark.parametrize("trouble", [Trouble(hang=True), Trouble(hang_midway=True)])
async def test_a_server_that_hangs_is_given_up_in_time(trouble: Trouble):
    server = KokoroFake()
    async with client_of(server) as tts:
        # Not before: until it hangs, a busy machine may take its time.
        tts._server._connected().timeout = 0.2
        server.trouble = trouble
        with pytest.raises(EngineError, match="SPEAKING_TIMEOUT_S"):
            await say(tts)


@pytest.mark.parametrize("trouble", [Trouble(hang=True), Trouble(hang_midway=True)])
async def test_a_cancelled_clause_lets_go_at_once_and_the_server_sees_it(trouble: Trouble):
    server = KokoroFake()
    async with client_of(server) as tts:
        server.trouble = trouble
        assert await cancel_s(say(tts), server.hanging.wait()) < CANCEL_BUDGET_S
        await server.left.wait()


async def test_a_slow_answer_within_the_limit_is_waited_for():
    server = KokoroFake()
    async with client_of(server) as tts:
        server.trouble = Trouble(slow_s=0.2)
        assert (await say(tts)).tobytes() == TONE


async def test_a_wrong_key_is_told_at_start_without_showing_it():
    with pytest.raises(EngineError, match="KOKORO_API_KEY") as failed:
        async with client_of(KokoroFake(key="another"), api_key=SecretStr(KEY)):
            pass
    assert KEY not in str(failed.value)


async def test_another_server_is_told_at_start():
    with pytest.raises(EngineError, match="KOKORO_API_URL"):
        async with client_of(KokoroFake(), path="/elsewhere"):
            pass


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_model_the_server_does_not_have_is_told_at_start(status: int):
    server = KokoroFake()
    server.trouble = Trouble(status=status)
    with pytest.raises(EngineError, match="KOKORO_API_MODEL"):
        async with client_of(server, api_model="parrot"):
            pass


async def test_a_server_that_is_not_there_is_told_at_start():
    async with served(KokoroFake().app) as url:
        pass
    tts = KokoroHttpTts(SpeakingSettings(kokoro=KokoroSettings(api_url=url)))
    with pytest.raises(EngineError, match=r"cannot be reached .* is it running\? \(KOKORO_API_URL\)"):
        await tts.start()
    await tts.close()


def test_without_an_address_the_setting_is_named(tmp_path):
    with pytest.raises(SettingError, match="KOKORO_API_URL is not set"):
        make_tts(SpeakingSettings(engine="kokoro-http"), ModelStore(tmp_path))
