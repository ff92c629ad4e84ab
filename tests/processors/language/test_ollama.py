"""The Ollama engine against a server that speaks Ollama's protocol."""

import contextlib

import pytest
from aiohttp import web
from loguru import logger

from processors.errors import EngineError, SettingError
from processors.language.engines import Message, Picture, Usage, can_see
from processors.language.errors import BusyError
from processors.language.ollama_llm import OllamaLlm
from processors.language.settings import OllamaSettings, Sampling
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.serving import served
from tests.processors.language.asking import CANCEL_BUDGET_S, HELLO, best_cancel_s, reply


@contextlib.asynccontextmanager
async def engine_at(server: OllamaServer, *, timeout_s: float = 5.0, started: bool = True, **settings):
    async with served(server.app) as url:
        given = OllamaSettings(host=url, **settings)
        llm = OllamaLlm(given, context_tokens=1536, timeout_s=timeout_s)
        try:
            if started:
                await llm.start()
            yield llm
        finally:
            await llm.close()


async def test_a_reply_streams_token_by_token_and_says_how_it_ended():
    async with engine_at(OllamaServer()) as llm:
        deltas = [delta async for delta in llm.stream(HELLO, Sampling())]
    assert [delta.text for delta in deltas] == ["Hello", " there", ", friend", ".", ""]
    assert [delta.finish for delta in deltas] == [None] * 4 + ["stop"]


async def test_a_reply_cut_by_the_token_limit_says_so():
    async with engine_at(OllamaServer()) as llm:
        assert await reply(llm, sampling=Sampling(max_tokens=2)) == ("Hello there", "length")


async def test_every_sampling_setting_the_context_and_keep_alive_reach_the_wire():
    server = OllamaServer()
    sampling = Sampling(temperature=0.7, top_p=0.8, top_k=17, min_p=0.02, repeat_penalty=1.3, max_tokens=33, seed=5)
    async with engine_at(server, keep_alive="12m") as llm:
        await reply(llm, sampling=sampling)
    (body,) = server.recorded.bodies
    assert body["options"] == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 17,
        "min_p": 0.02,
        "repeat_penalty": 1.3,
        "num_predict": 33,
        "seed": 5,
        "num_ctx": 1536,
    }
    assert body["keep_alive"] == "12m"
    assert body["messages"] == [{"role": "system", "content": "You are Ava."}, {"role": "user", "content": "Hi!"}]
    assert "think" not in body


async def test_no_seed_is_sent_when_none_is_fixed():
    server = OllamaServer()
    async with engine_at(server) as llm:
        await reply(llm)
    assert "seed" not in server.recorded.bodies[0]["options"]


async def test_keep_alive_without_a_unit_is_sent_as_a_number():
    server = OllamaServer()
    async with engine_at(server, keep_alive="-1"):
        pass
    assert server.loads[0]["keep_alive"] == -1


@pytest.mark.parametrize("keep_alive", ["soon", "", "5 m", "1d"])
def test_a_keep_alive_that_ollama_cannot_read_is_refused(keep_alive):
    with pytest.raises(ValueError, match="must be a duration such as 30m"):
        OllamaSettings(keep_alive=keep_alive)


async def test_start_loads_the_model_with_the_context_that_replies_ask_for():
    server = OllamaServer()
    async with engine_at(server):
        pass
    assert [load["options"]["num_ctx"] for load in server.loads] == [1536]


async def test_the_length_of_the_prompt_comes_with_the_last_piece():
    async with engine_at(OllamaServer()) as llm:
        deltas = [delta async for delta in llm.stream(HELLO, Sampling())]
    assert [delta.usage for delta in deltas] == [None] * 4 + [Usage(26)]


async def test_prefill_has_the_server_read_the_prompt_and_make_one_token():
    server = OllamaServer()
    async with engine_at(server) as llm:
        await llm.prefill([Message("system", "You are Ava.")])
    (body,) = server.recorded.bodies
    assert body["messages"][0] == {"role": "system", "content": "You are Ava."}
    assert body["options"]["num_predict"] == 1
    assert body["options"]["num_ctx"] == 1536


async def test_a_question_is_read_ahead_as_it_stands_and_failing_at_it_is_no_error():
    server = OllamaServer()
    async with engine_at(server) as llm:
        await llm.prefill(HELLO)
        server.behaviour.status = 500
        await llm.prefill(HELLO)
    assert [message["content"] for message in server.recorded.bodies[0]["messages"]] == ["You are Ava.", "Hi!"]
    assert len(server.recorded.bodies) == 2


async def test_one_connection_carries_reply_after_reply():
    server = OllamaServer()
    async with engine_at(server) as llm:
        for _ in range(3):
            await reply(llm)
    assert len(server.recorded.connections) == 1


async def test_a_thinking_model_is_told_not_to_think():
    server = OllamaServer(thinks=True)
    async with engine_at(server) as llm:
        await reply(llm)
    assert server.recorded.bodies[0]["think"] is False


async def test_thoughts_of_a_model_that_thinks_all_the_same_are_not_spoken():
    server = OllamaServer()
    server.behaviour.tokens = ("<th", "ink>She greets", " me.</thi", "nk>\n\n", "Hello", "!")
    async with engine_at(server) as llm:
        assert await reply(llm) == ("Hello!", "stop")


async def test_a_missing_model_is_fetched_with_progress_in_the_log():
    server = OllamaServer(library=("llama3.2:latest",))
    server.models.clear()
    lines: list[str] = []
    logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    async with engine_at(server) as llm:
        assert server.pulled == ["llama3.2:latest"]
        assert (await reply(llm))[0] == "Hello there, friend."
    assert "fetching llama3.2: 953 of 1907 MB" in lines


async def test_a_model_that_exists_nowhere_stops_the_start_and_names_the_setting():
    with pytest.raises(EngineError, match=r"OLLAMA_MODEL is 'no-such'.*file does not exist"):
        async with engine_at(OllamaServer(), model="no-such"):
            pass


async def test_without_pulling_a_missing_model_names_what_there_is_and_the_remedy():
    with pytest.raises(SettingError, match=r"OLLAMA_MODEL is 'qwen3'.*llama3\.2:latest.*ollama pull qwen3"):
        async with engine_at(OllamaServer(), model="qwen3", pull=False):
            pass


async def test_a_model_that_cannot_chat_is_refused_at_start():
    server = OllamaServer()
    server.capabilities = ["embedding"]
    with pytest.raises(SettingError, match=r"OLLAMA_MODEL is 'llama3\.2', which cannot chat"):
        async with engine_at(server):
            pass


async def test_a_model_the_server_cannot_load_stops_the_start():
    server = OllamaServer()
    server.load_status = 500
    with pytest.raises(EngineError, match=r"more system memory.*OLLAMA_MODEL"):
        async with engine_at(server):
            pass


async def test_no_server_stops_the_start_and_names_the_setting():
    async with served(OllamaServer().app) as url:
        pass
    llm = OllamaLlm(OllamaSettings(host=url), context_tokens=512, timeout_s=5)
    with pytest.raises(EngineError, match=r"cannot be reached at .*ollama serve.*OLLAMA_HOST") as raised:
        await llm.start()
    await llm.close()
    assert raised.value.retryable


async def test_an_address_that_cannot_be_one_is_a_setting_error():
    llm = OllamaLlm(OllamaSettings(host="http://127.0.0.1:99999"), context_tokens=512, timeout_s=5)
    with pytest.raises(SettingError, match=r"OLLAMA_HOST is 'http://127\.0\.0\.1:99999'"):
        await llm.start()


async def test_a_server_that_is_no_ollama_is_told_apart():
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/api/tags", page)
    async with served(app) as url:
        llm = OllamaLlm(OllamaSettings(host=url), context_tokens=512, timeout_s=5)
        with pytest.raises(EngineError, match=r"does not speak Ollama's protocol.*OLLAMA_HOST"):
            await llm.start()
        await llm.close()


@pytest.mark.parametrize(
    ("behaviour", "message", "kind"),
    [
        ({"status": 500}, "Ollama failed with llama3.2", EngineError),
        ({"status": 429}, "takes no more requests", BusyError),
        ({"status": 503}, "takes no more requests", BusyError),
        ({"cut_after": 2}, "broke", EngineError),
        ({"malformed_after": 2}, "does not speak Ollama's protocol", EngineError),
        ({"error_after": 2}, "runner has ended", EngineError),
        ({"hang_after": 2}, "no token within 0.2 s", EngineError),
        ({"hang_after": -1}, "no token within 0.2 s", EngineError),
    ],
)
async def test_each_way_a_reply_can_fail_is_one_retryable_error(behaviour, message, kind):
    server = OllamaServer()
    async with engine_at(server) as llm:
        if "hang_after" in behaviour:
            # Not before: until it hangs, a busy machine may take its time.
            llm._timeout_s = 0.2
        for name, value in behaviour.items():
            setattr(server.behaviour, name, value)
        with pytest.raises(kind, match=message) as raised:
            await reply(llm)
    assert raised.value.retryable


@pytest.mark.parametrize(("retry_after", "wait_s"), [("40", 40.0), ("inf", None), ("tomorrow", None), (None, None)])
async def test_a_busy_server_says_how_long(retry_after, wait_s):
    server = OllamaServer()
    async with engine_at(server) as llm:
        server.behaviour.status, server.behaviour.retry_after = 429, retry_after
        with pytest.raises(BusyError, match="server busy") as raised:
            await reply(llm)
        assert raised.value.retry_after_s == wait_s
        server.behaviour.status = 200
        assert (await reply(llm))[0] == "Hello there, friend."


async def test_what_came_before_a_failure_is_delivered():
    server = OllamaServer()
    server.behaviour.cut_after = 2
    said = []
    async with engine_at(server) as llm:
        with pytest.raises(EngineError):
            async for delta in llm.stream(HELLO, Sampling()):
                said.append(delta.text)
    assert said == ["Hello", " there"]


@pytest.mark.parametrize("hang_after", [-1, 0, 2])
async def test_a_cancelled_reply_frees_its_caller_within_20_ms_and_stops_the_server(hang_after):
    server = OllamaServer()
    server.behaviour.hang_after = hang_after
    async with engine_at(server) as llm:
        assert await best_cancel_s(llm, server.recorded.hanging) < CANCEL_BUDGET_S
        await server.recorded.left.wait()
        server.behaviour.hang_after = None
        assert (await reply(llm))[0] == "Hello there, friend."


@pytest.mark.parametrize("vision", [True, False])
async def test_a_picture_reaches_a_model_that_says_it_sees(vision):
    server = OllamaServer()
    server.capabilities += ["vision"] if vision else []
    async with engine_at(server) as llm:
        assert can_see(llm) is vision
        await reply(llm, (Message("user", "What is this?", pictures=(Picture("image/jpeg", b"pixels"),)),))
    assert server.recorded.bodies[0]["messages"][0]["images"] == ["cGl4ZWxz"]
