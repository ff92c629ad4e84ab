"""The client of OpenAI-compatible servers, and OpenRouter through it, against a server that speaks the protocol."""

import asyncio
import contextlib
import time

import pytest
from aiohttp import web
from loguru import logger
from pydantic import SecretStr

from processors.errors import EngineError, SettingError
from processors.language.engines import Message, Picture, Usage, can_see
from processors.language.errors import BusyError
from processors.language.openai_llm import OpenAiLlm
from processors.language.openai_service import openai_service, openrouter_service
from processors.language.settings import LanguageSettings, OpenAiSettings, OpenRouterSettings, Sampling
from processors.virtual_time import run_virtual
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served, served_elsewhere
from tests.processors.language.asking import CANCEL_BUDGET_S, HELLO, best_cancel_s, reply

KEY = "sk-or-secret-0123456789"


@contextlib.asynccontextmanager
async def openai_at(server: OpenAiServer, *, timeout_s: float = 5.0, retry_after_s: float = 0.5, **given):
    async with served(server.app) as url:
        settings = LanguageSettings(openai=OpenAiSettings(**{"base_url": f"{url}/v1", "model": "tiny-chat", **given}))
        llm = OpenAiLlm(openai_service(settings), timeout_s=timeout_s, retry_after_s=retry_after_s)
        try:
            await llm.start()
            yield llm
        finally:
            await llm.close()


@contextlib.asynccontextmanager
async def openrouter_at(server: OpenAiServer, *, key: str = KEY, model: str = "maker/tiny-chat:nitro", **given):
    async with served(server.app) as url:
        router = OpenRouterSettings(base_url=f"{url}/v1/", api_key=SecretStr(key), model=model, **given)
        service = openrouter_service(LanguageSettings(openrouter=router))
        llm = OpenAiLlm(service, timeout_s=5.0, retry_after_s=0.5)
        try:
            await llm.start()
            yield llm
        finally:
            await llm.close()


async def test_a_reply_streams_token_by_token_and_says_how_it_ended():
    async with openai_at(OpenAiServer()) as llm:
        deltas = [delta async for delta in llm.stream(HELLO, Sampling())]
    assert [delta.text for delta in deltas] == ["Hello", " there", ", friend", ".", ""]
    assert [delta.finish for delta in deltas] == [None] * 4 + ["stop"]


async def test_a_reply_cut_by_the_token_limit_says_so():
    async with openai_at(OpenAiServer()) as llm:
        assert await reply(llm, sampling=Sampling(max_tokens=2)) == ("Hello there", "length")


SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=17, min_p=0.02, repeat_penalty=1.3, max_tokens=33, seed=5)


async def test_every_sampling_setting_reaches_the_wire():
    server = OpenAiServer()
    async with openai_at(server, extra='{"chat_template_kwargs": {"enable_thinking": false}}') as llm:
        await reply(llm, sampling=SAMPLING)
    assert server.recorded.bodies == [
        {
            "model": "tiny-chat",
            "messages": [{"role": "system", "content": "You are Ava."}, {"role": "user", "content": "Hi!"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.7,
            "top_p": 0.8,
            "top_k": 17,
            "min_p": 0.02,
            "repetition_penalty": 1.3,
            "repeat_penalty": 1.3,
            "max_tokens": 33,
            "seed": 5,
            "chat_template_kwargs": {"enable_thinking": False},
        }
    ]


async def test_the_strict_dialect_sends_only_what_openais_own_servers_take():
    server = OpenAiServer()
    async with openai_at(server, dialect="strict") as llm:
        await reply(llm, sampling=SAMPLING)
    body = server.recorded.bodies[0]
    openais = {"model", "messages", "stream", "stream_options", "temperature", "top_p", "seed", "max_completion_tokens"}
    assert body.keys() == openais
    assert body["max_completion_tokens"] == 33


def test_openais_own_servers_get_the_strict_dialect_by_themselves():
    own = OpenAiSettings(base_url="https://api.openai.com/v1")
    assert openai_service(LanguageSettings(openai=own)).strict
    assert not openai_service(LanguageSettings()).strict


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"usage": {"prompt_tokens": 90, "completion_tokens": 4}}, Usage(90)),
        ({"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": 64}}}, Usage(90, 64)),
        ({"usage": {"prompt_tokens": 90, "prompt_tokens_details": None}}, Usage(90)),
        ({"usage": {"prompt_tokens": 90}, "timings": {"cache_n": 80, "prompt_n": 10}}, Usage(90, 80)),
        ({"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": 500}}}, Usage(90, 90)),
        ({"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": "all"}}}, Usage(90)),
        ({"usage": {"prompt_tokens": "many"}}, None),
        ({"usage": [1]}, None),
        ({}, None),
    ],
)
async def test_what_the_server_has_counted_comes_with_the_last_piece(counts, usage):
    server = OpenAiServer()
    server.counts = counts
    async with openai_at(server) as llm:
        deltas = [delta async for delta in llm.stream(HELLO, Sampling())]
    assert [delta.usage for delta in deltas] == [None] * (len(deltas) - 1) + [usage]
    assert deltas[-1].finish == "stop"


async def test_without_a_model_the_first_one_the_server_lists_answers():
    server = OpenAiServer(("first", "second"))
    async with openai_at(server, model="") as llm:
        await reply(llm)
    assert server.recorded.bodies[0]["model"] == "first"


async def test_prefill_has_a_local_server_read_the_prompt_and_make_one_token():
    server = OpenAiServer()
    async with openai_at(server) as llm:
        await llm.prefill(HELLO[:1])
    (body,) = server.recorded.bodies
    assert body["messages"][0]["content"] == "You are Ava."
    assert body["max_tokens"] == 1


async def test_a_question_is_read_ahead_as_it_stands_and_failing_at_it_is_no_error():
    server = OpenAiServer()
    async with openai_at(server) as llm:
        await llm.prefill(HELLO)
        server.behaviour.status = 500
        await llm.prefill(HELLO)
    assert [message["content"] for message in server.recorded.bodies[0]["messages"]] == ["You are Ava.", "Hi!"]
    assert len(server.recorded.bodies) == 2


async def test_one_connection_carries_reply_after_reply():
    server = OpenAiServer()
    async with openai_at(server) as llm:
        for _ in range(3):
            await reply(llm)
    assert len(server.recorded.connections) == 1


async def test_thoughts_are_not_spoken():
    server = OpenAiServer()
    server.behaviour.tokens = ("<think>", "She greets me.", "</thi", "nk>\n\nHello", "!")
    async with openai_at(server) as llm:
        assert await reply(llm) == ("Hello!", "stop")


async def test_openrouter_is_sent_the_key_and_asked_for_the_model_with_its_variant():
    server = OpenAiServer(("maker/tiny-chat",), key=KEY, public_list=True)
    async with openrouter_at(server) as llm:
        assert (await reply(llm))[0] == "Hello there, friend."
        await llm.prefill(HELLO)
    (body,) = server.recorded.bodies
    assert body["model"] == "maker/tiny-chat:nitro"
    assert "reasoning" not in body
    assert server.recorded.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert server.recorded.headers[0]["X-Title"] == "Acore"


@pytest.mark.parametrize(("mandatory", "sent"), [(False, {"enabled": False}), (True, None)])
async def test_openrouter_models_that_can_do_without_thinking_are_told_to(mandatory, sent):
    server = OpenAiServer(("maker/tiny-chat",), key=KEY)
    server.models[0] |= {"supported_parameters": ["reasoning"], "reasoning": {"mandatory": mandatory}}
    async with openrouter_at(server) as llm:
        await reply(llm)
    assert server.recorded.bodies[0].get("reasoning") == sent


async def test_a_wrong_key_stops_the_start_and_is_not_repeated():
    server = OpenAiServer(("maker/tiny-chat",), key="another", public_list=True)
    with pytest.raises(EngineError, match=r"refuses the key .*OPENROUTER_API_KEY") as raised:
        async with openrouter_at(server):
            pass
    assert KEY not in str(raised.value)
    assert not raised.value.retryable


async def test_the_key_shows_in_no_representation_and_no_log():
    lines: list[str] = []
    logger.add(lines.append, level="TRACE", backtrace=True, diagnose=False)
    settings = LanguageSettings(openrouter=OpenRouterSettings(api_key=SecretStr(KEY), model="m"))
    server = OpenAiServer(("maker/tiny-chat",), key=KEY)
    async with openrouter_at(server) as llm:
        await reply(llm)
        server.behaviour.status = 500
        with pytest.raises(EngineError) as raised:
            await reply(llm)
        shown = [repr(settings), str(settings), repr(openrouter_service(settings)), repr(vars(llm)), repr(raised.value)]
    assert KEY not in "".join((*shown, *lines))


async def test_a_missing_key_that_the_server_wants_names_the_setting():
    with pytest.raises(EngineError, match=r"OPENAI_API_KEY is empty, and .* wants a key"):
        async with openai_at(OpenAiServer(key="k")):
            pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "m"}, "OPENROUTER_API_KEY is empty"),
        ({"api_key": SecretStr(KEY)}, "OPENROUTER_MODEL is empty"),
        ({"api_key": SecretStr("a\nb"), "model": "m"}, "OPENROUTER_API_KEY holds a blank or a character"),
        (
            {"api_key": SecretStr(KEY), "model": "m", "base_url": "openrouter.ai"},
            "OPENROUTER_BASE_URL is 'openrouter.ai'",
        ),
        ({"api_key": SecretStr(KEY), "model": "m", "base_url": "http://x:99999"}, "OPENROUTER_BASE_URL is"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_asked(given, message):
    with pytest.raises(SettingError, match=message):
        openrouter_service(LanguageSettings(openrouter=OpenRouterSettings(**given)))


@pytest.mark.parametrize("extra", ["{", "[1]", "x"])
def test_extra_fields_must_be_a_json_object(extra):
    with pytest.raises(ValueError, match="JSON object"):
        OpenAiSettings(extra=extra)


async def test_an_unknown_model_stops_the_start_and_names_what_there_is():
    with pytest.raises(SettingError, match=r"OPENAI_MODEL is 'other'.* it has: tiny-chat"):
        async with openai_at(OpenAiServer(), model="other"):
            pass


async def test_no_server_stops_the_start_and_names_the_setting():
    async with served(OpenAiServer().app) as url:
        pass
    settings = LanguageSettings(openai=OpenAiSettings(base_url=f"{url}/v1"))
    llm = OpenAiLlm(openai_service(settings), timeout_s=5, retry_after_s=0)
    with pytest.raises(EngineError, match=r"cannot be reached at .*is OPENAI_BASE_URL right") as raised:
        await llm.start()
    await llm.close()
    assert raised.value.retryable


async def test_an_address_without_its_v1_names_the_remedy():
    async with served(OpenAiServer().app) as url:
        settings = LanguageSettings(openai=OpenAiSettings(base_url=url))
        llm = OpenAiLlm(openai_service(settings), timeout_s=5, retry_after_s=0)
        with pytest.raises(EngineError, match="usually ends in /v1"):
            await llm.start()
        await llm.close()


@pytest.mark.parametrize(
    ("behaviour", "message", "retryable"),
    [
        ({"status": 500}, "failed \\(500: not now\\)", True),
        ({"status": 502}, "failed \\(502", True),
        ({"status": 429}, "takes no more requests", True),
        ({"status": 402}, "no credit left", False),
        ({"status": 400}, "refuses the request", False),
        ({"cut_after": 2}, "broke", True),
        ({"malformed_after": 2}, "no part of a reply: '{gone wrong'", True),
        ({"error_after": 2}, "Provider disconnected", True),
        ({"hang_after": 2}, "no token within 0.2 s", True),
        ({"hang_after": -1}, "no token within 0.2 s", True),
        ({"plain": True}, "answers with text/html", True),
    ],
)
async def test_each_way_a_reply_can_fail_is_one_error(behaviour, message, retryable):
    server = OpenAiServer()
    async with openai_at(server) as llm:
        if "hang_after" in behaviour:
            # Not before: until it hangs, a busy machine may take its time.
            llm._timeout_s = 0.2
        for name, value in behaviour.items():
            setattr(server.behaviour, name, value)
        with pytest.raises(EngineError, match=message) as raised:
            await reply(llm)
    assert raised.value.retryable is retryable


async def test_a_busy_server_is_asked_again_when_it_said_to_if_that_is_soon():
    server = OpenAiServer()
    async with openai_at(server, retry_after_s=0.5) as llm:
        server.behaviour.status, server.behaviour.retry_after, server.behaviour.refusals = 429, "0.1", 1
        began_s = time.monotonic()
        assert (await reply(llm))[0] == "Hello there, friend."
    assert time.monotonic() - began_s >= 0.1
    assert len(server.recorded.bodies) == 2


async def test_a_busy_server_that_wants_a_long_wait_fails_at_once_and_says_for_how_long():
    server = OpenAiServer()
    async with openai_at(server) as llm:
        server.behaviour.status, server.behaviour.retry_after = 429, "40"
        with pytest.raises(BusyError, match="for 40 s") as raised:
            await reply(llm)
    assert raised.value.retry_after_s == 40
    assert len(server.recorded.bodies) == 1


@pytest.mark.parametrize("hang_after", [-1, 0, 2])
async def test_a_cancelled_reply_frees_its_caller_within_20_ms_and_stops_the_server(hang_after):
    server = OpenAiServer()
    server.behaviour.hang_after = hang_after
    async with openai_at(server) as llm:
        assert await best_cancel_s(llm, server.recorded.hanging) < CANCEL_BUDGET_S
        await server.recorded.left.wait()
        server.behaviour.hang_after = None
        assert (await reply(llm))[0] == "Hello there, friend."


def test_on_virtual_time_the_wait_for_a_server_is_not_jumped_over():
    def slow() -> web.Application:
        server = OpenAiServer()
        server.behaviour.first_token_s = 0.3
        return server.app

    async def main(url: str) -> tuple[str, float]:
        settings = LanguageSettings(openai=OpenAiSettings(base_url=f"{url}/v1"))
        llm = OpenAiLlm(openai_service(settings), timeout_s=5.0, retry_after_s=0)
        await llm.start()
        asked_s = asyncio.get_running_loop().time()
        said, _ = await reply(llm)
        took_s = asyncio.get_running_loop().time() - asked_s
        await llm.close()
        return said, took_s

    with served_elsewhere(slow) as url:
        said, took_s = run_virtual(main(url))
    assert said == "Hello there, friend."
    assert 0.3 <= took_s < 3


SEEN = (Message("user", "What is this?", pictures=(Picture("image/jpeg", b"pixels"),)),)


async def test_a_picture_reaches_the_wire_beside_its_words():
    server = OpenAiServer()
    async with openai_at(server, sight="on") as llm:
        assert can_see(llm)
        await reply(llm, SEEN)
    assert server.recorded.bodies[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,cGl4ZWxz"}},
    ]


@pytest.mark.parametrize(
    ("listed", "sight", "sees"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, "auto", True),
        ({"architecture": {"input_modalities": ["text"]}}, "auto", False),
        ({"architecture": {"input_modalities": ["text", "image"]}}, "off", False),
        ({}, "auto", False),
        ({"architecture": None}, "auto", False),
        ({}, "on", True),
    ],
)
async def test_whether_a_model_sees_is_what_its_server_lists_or_the_setting_says(listed, sight, sees):
    server = OpenAiServer()
    server.models[0].update(listed)
    async with openai_at(server, sight=sight) as llm:
        assert can_see(llm) is sees
