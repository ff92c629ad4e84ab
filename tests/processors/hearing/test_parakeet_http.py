"""Speech-to-text servers of both kinds, well and in trouble, over loopback."""

import contextlib
from typing import Any

import numpy as np
import pytest
from loguru import logger
from pydantic import SecretStr

from processors.errors import EngineError, SettingError
from processors.hearing.engines import Segment, make_stt
from processors.hearing.parakeet_http import ParakeetHttpStt
from processors.hearing.settings import HearingSettings, ParakeetSettings
from processors.language.errors import BusyError
from processors.models import ModelStore
from processors.words import Word, words_of
from tests.fakes.serving import served
from tests.fakes.speech_servers import TranscriptionFake, Trouble
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s

SECOND = Segment("alice", 1, np.full(16000, 100, np.int16))
KEY = "sk-secret-987"


@contextlib.asynccontextmanager
async def client_of(
    server: TranscriptionFake,
    *,
    timeout_s: float = 5.0,
    language: str = "",
    path: str = "",
    word_times: bool = False,
    **given,
):
    async with served(server.app) as url:
        parakeet = ParakeetSettings.model_validate({"api_url": url + path, **given})
        settings = HearingSettings(parakeet=parakeet, timeout_s=timeout_s, language=language, word_times=word_times)
        stt = ParakeetHttpStt(settings)
        try:
            await stt.start()
            yield stt
        finally:
            await stt.close()


@pytest.mark.parametrize("plain", [False, True])
async def test_what_a_server_speaks_is_found_out_and_its_words_are_returned(plain: bool):
    server = TranscriptionFake(plain=plain)
    async with client_of(server) as stt:
        assert await stt.transcribe(SECOND) == "heard 1000 ms"
    assert server.asked[-1]["path"] == ("/transcribe" if plain else "/v1/audio/transcriptions")
    assert len(server.asked) == 2, "the first is the warm-up"


async def test_model_language_and_key_reach_the_wire():
    server = TranscriptionFake(key=KEY)
    async with client_of(server, language="de", api_model="tdt", api_key=SecretStr(KEY), path="/v1/") as stt:
        await stt.transcribe(SECOND)
    asked = {name: server.asked[-1].get(name) for name in ("model", "language", "response_format")}
    assert asked == {"model": "tdt", "language": "de", "response_format": "json"}


async def test_without_a_language_the_server_finds_out():
    server = TranscriptionFake()
    async with client_of(server) as stt:
        await stt.transcribe(SECOND)
    assert "language" not in server.asked[-1]


HEARD = [{"word": " Heard", "start": 0.08, "end": 0.4}, {"word": "a", "start": 0.4, "end": 1, "probability": 0.9}]


async def test_a_server_that_knows_when_each_word_was_said_is_asked_for_it_if_that_is_wished():
    server = TranscriptionFake()
    server.words = HEARD
    async with client_of(server, word_times=True) as stt:
        said = await stt.transcribe(SECOND)
    assert said == "heard 1000 ms"
    assert words_of(said) == (Word("Heard", 80.0, 400.0), Word("a", 400.0, 1000.0))
    async with client_of(server) as stt:
        assert words_of(await stt.transcribe(SECOND)) == ()
    assert server.asked[-1]["response_format"] == "json"


@pytest.mark.parametrize("status", [400, 422, 500])
async def test_a_server_that_cannot_tell_times_is_asked_for_plain_answers_and_it_is_said(status: int):
    lines: list[str] = []
    logger.add(lines.append, level="WARNING", format="{message}")
    server = TranscriptionFake()
    server.verbose_status = status
    async with client_of(server, word_times=True) as stt:
        assert await stt.transcribe(SECOND) == "heard 1000 ms"
    assert [asked["response_format"] for asked in server.asked] == ["verbose_json", "json", "json"]
    (line,) = lines
    assert "STT_WORD_TIMES" in line
    assert "json or text only" in line


@pytest.mark.parametrize(
    "words",
    [
        None,
        [],
        "Heard",
        [3],
        [{"word": "Heard"}],
        [{"word": "Heard", "start": None, "end": 1}],
        [{"word": 5, "start": 0, "end": 1}],
        [{"word": "Heard", "start": float("nan"), "end": 1}],
    ],
)
async def test_words_that_are_none_leave_the_text_alone(words: Any):
    server = TranscriptionFake()
    server.words = words
    async with client_of(server, word_times=True) as stt:
        said = await stt.transcribe(SECOND)
    assert said == "heard 1000 ms"
    assert words_of(said) == ()


async def test_a_plain_server_is_not_asked_for_times():
    server = TranscriptionFake(plain=True)
    async with client_of(server, word_times=True) as stt:
        assert await stt.transcribe(SECOND) == "heard 1000 ms"
    assert "response_format" not in server.asked[-1]


async def test_sound_too_short_for_a_word_is_not_sent():
    server = TranscriptionFake()
    async with client_of(server) as stt:
        assert await stt.transcribe(Segment("alice", 1, SECOND.pcm[:100])) == ""
    assert len(server.asked) == 1


@pytest.mark.parametrize("trouble", [Trouble(status=500), Trouble(cut=True), Trouble(malformed=True)])
async def test_a_failure_is_an_error_and_the_next_request_works(trouble: Trouble):
    server = TranscriptionFake()
    async with client_of(server) as stt:
        server.trouble = trouble
        with pytest.raises(EngineError) as failed:
            await stt.transcribe(SECOND)
        assert failed.value.retryable
        server.trouble = Trouble()
        assert await stt.transcribe(SECOND) == "heard 1000 ms"


async def test_a_busy_server_says_how_long():
    server = TranscriptionFake()
    async with client_of(server) as stt:
        server.trouble = Trouble(status=429, retry_after="7")
        with pytest.raises(BusyError) as busy:
            await stt.transcribe(SECOND)
        assert busy.value.retry_after_s == 7.0


@pytest.mark.parametrize("trouble", [Trouble(hang=True), Trouble(hang_midway=True)])
async def test_a_server_that_hangs_is_given_up_in_time(trouble: Trouble):
    server = TranscriptionFake()
    async with client_of(server) as stt:
        # Not before: until it hangs, a busy machine may take its time.
        stt._server._connected().timeout = 0.2
        server.trouble = trouble
        with pytest.raises(EngineError, match="HEARING_TIMEOUT_S"):
            await stt.transcribe(SECOND)


@pytest.mark.parametrize("trouble", [Trouble(hang=True), Trouble(hang_midway=True)])
async def test_a_cancelled_transcript_lets_go_at_once_and_the_server_sees_it(trouble: Trouble):
    server = TranscriptionFake()
    async with client_of(server) as stt:
        server.trouble = trouble
        assert await cancel_s(stt.transcribe(SECOND), server.hanging.wait()) < CANCEL_BUDGET_S
        await server.left.wait()


async def test_a_slow_answer_within_the_limit_is_waited_for():
    server = TranscriptionFake()
    async with client_of(server) as stt:
        server.trouble = Trouble(slow_s=0.2)
        assert await stt.transcribe(SECOND) == "heard 1000 ms"


async def failure_of(server: TranscriptionFake, **given) -> str:
    with pytest.raises(EngineError) as failed:
        async with client_of(server, **given):
            pass
    return str(failed.value)


async def test_a_wrong_key_is_told_at_start_without_showing_it():
    message = await failure_of(TranscriptionFake(key="another"), api_key=SecretStr(KEY))
    assert "PARAKEET_API_KEY" in message
    assert KEY not in message


async def test_a_wrong_key_is_told_at_start_also_where_times_are_wished():
    message = await failure_of(TranscriptionFake(key="another"), api_key=SecretStr(KEY), word_times=True)
    assert "PARAKEET_API_KEY" in message


async def test_a_server_of_another_kind_is_told_at_start():
    assert "PARAKEET_API_URL" in await failure_of(TranscriptionFake(plain=True), api_kind="openai")
    assert "PARAKEET_API_URL" in await failure_of(TranscriptionFake(), path="/elsewhere")


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_model_the_server_does_not_have_is_told_at_start(status: int):
    server = TranscriptionFake()
    server.trouble = Trouble(status=status)
    message = await failure_of(server, api_model="parrot")
    assert "PARAKEET_API_MODEL" in message
    assert "not now" in message, "what the server says of it is passed on"


async def test_a_plain_server_that_is_still_loading_is_told_at_start():
    server = TranscriptionFake(plain=True)
    server.health = 503
    assert "not ready" in await failure_of(server)


async def test_a_server_that_is_not_there_is_told_at_start():
    async with served(TranscriptionFake().app) as url:
        pass
    stt = ParakeetHttpStt(HearingSettings(parakeet=ParakeetSettings(api_url=url)))
    with pytest.raises(EngineError, match=r"cannot be reached .* is it running\? \(PARAKEET_API_URL\)"):
        await stt.start()
    await stt.close()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host"])
def test_an_address_that_is_none_is_told_before_the_start(url: str, tmp_path):
    settings = HearingSettings(engine="parakeet-http", parakeet=ParakeetSettings(api_url=url))
    with pytest.raises(SettingError, match="PARAKEET_API_URL"):
        make_stt(settings, ModelStore(tmp_path))
