"""Tools offered to a language model, and its calls back: put together from fragments, through every engine's wire."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from processors.errors import EngineError
from processors.language.cache import CachedLlm, ResponseCache
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import Delta, LanguageModel, Message, Usage
from processors.language.fallback import Entry, FallbackLlm
from processors.language.ollama_llm import OllamaLlm
from processors.language.openai_llm import OpenAiLlm
from processors.language.openai_service import openai_service
from processors.language.settings import (
    CacheSettings,
    FailoverSettings,
    LanguageSettings,
    OllamaSettings,
    OpenAiSettings,
    Sampling,
)
from processors.language.tool_calls import CallAssembler, Tool, ToolCall
from processors.models import ModelStore
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served
from tests.processors.language.doubles import MoodyLlm

WEATHER = Tool(
    "weather",
    "What the weather is like in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ASKED = (Message("user", "Is it warm in Paris and Oslo?"),)
PARIS, OSLO = ToolCall("a1", "weather", {"city": "Paris"}), ToolCall("b2", "weather", {"city": "Oslo"})


def fragment(index: int | None, arguments: str, call: ToolCall | None = None) -> dict[str, Any]:
    """One piece of a stream; the first of a call carries its id and name."""
    sent: dict[str, Any] = {"function": {"arguments": arguments}} | ({} if index is None else {"index": index})
    if call:
        sent |= {"id": call.id, "type": "function"}
        sent["function"]["name"] = call.name
    return {"tool_calls": [sent]}


TWO_CALLS = (
    fragment(0, "", PARIS),
    fragment(0, '{"ci'),
    fragment(0, 'ty": "Pa'),
    fragment(0, 'ris"}'),
    fragment(1, '{"city"', OSLO),
    fragment(1, ': "Oslo"}'),
)


async def told(llm: LanguageModel, messages: Sequence[Message] = ASKED, *, max_tokens: int = 99) -> list[Delta]:
    """All pieces of a reply to which a tool was offered."""
    async with contextlib.aclosing(llm.stream(messages, Sampling(max_tokens=max_tokens), tools=(WEATHER,))) as deltas:
        return [delta async for delta in deltas]


@contextlib.asynccontextmanager
async def openai_at(server: OpenAiServer):
    async with served(server.app) as url:
        settings = LanguageSettings(openai=OpenAiSettings(base_url=f"{url}/v1"))
        llm = OpenAiLlm(openai_service(settings), timeout_s=5.0, retry_after_s=0)
        await llm.start()
        try:
            yield llm
        finally:
            await llm.close()


@contextlib.asynccontextmanager
async def ollama_at(server: OllamaServer):
    async with served(server.app) as url:
        llm = OllamaLlm(OllamaSettings(host=url), context_tokens=2048, timeout_s=5.0)
        await llm.start()
        try:
            yield llm
        finally:
            await llm.close()


async def test_calls_streamed_in_fragments_come_back_whole_each_as_soon_as_it_is():
    server = OpenAiServer()
    server.behaviour.tokens = ("Let me see.", *TWO_CALLS)
    async with openai_at(server) as llm:
        deltas = await told(llm)
    assert deltas == [Delta("Let me see."), Delta("", calls=(PARIS,)), Delta("", "tools", Usage(7), (OSLO,))]
    (body,) = server.recorded.bodies
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "What the weather is like in a city.",
                "parameters": WEATHER.parameters,
            },
        }
    ]


async def test_without_tools_none_are_mentioned_on_the_wire():
    openai, ollama = OpenAiServer(), OllamaServer()
    async with openai_at(openai) as one, ollama_at(ollama) as other:
        for llm in (one, other):
            assert [delta.finish async for delta in llm.stream(ASKED, Sampling())][-1] == "stop"
    assert not any(body.get("tools") for body in (*openai.recorded.bodies, *ollama.recorded.bodies))


async def test_the_outcome_of_a_call_goes_back_with_the_call_it_answers():
    openai, ollama = OpenAiServer(), OllamaServer()
    outcome = (*ASKED, Message("assistant", "", calls=(PARIS,)), Message("tool", "21 degrees", answers=PARIS))
    async with openai_at(openai) as one, ollama_at(ollama) as other:
        await told(one, outcome)
        await told(other, outcome)
    _, call, answer = openai.recorded.bodies[0]["messages"]
    assert json.loads(call["tool_calls"][0]["function"].pop("arguments")) == {"city": "Paris"}
    assert call["tool_calls"] == [{"id": "a1", "type": "function", "function": {"name": "weather"}}]
    assert answer == {"role": "tool", "content": "21 degrees", "tool_call_id": "a1"}
    _, call, answer = ollama.recorded.bodies[0]["messages"]
    assert call["tool_calls"] == [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}]
    assert answer == {"role": "tool", "content": "21 degrees", "tool_name": "weather"}


async def test_ollamas_calls_come_whole_and_are_numbered():
    server = OllamaServer()
    server.behaviour.tokens = tuple(
        {"tool_calls": [{"function": {"name": call.name, "arguments": dict(call.arguments)}}]} for call in (PARIS, OSLO)
    )
    async with ollama_at(server) as llm:
        deltas = await told(llm)
    assert [call for delta in deltas for call in delta.calls] == [
        ToolCall("call-1", "weather", {"city": "Paris"}),
        ToolCall("call-2", "weather", {"city": "Oslo"}),
    ]
    assert deltas[-1].finish == "tools"
    assert server.recorded.bodies[0]["tools"][0]["function"]["name"] == "weather"


@pytest.mark.parametrize(
    ("tokens", "trouble", "message"),
    [
        ((fragment(0, '{"city": ', PARIS), fragment(0, "Paris}")), {}, r"'weather' with arguments that are no JSON"),
        ((fragment(0, '["Paris"]', PARIS),), {}, "no JSON object"),
        ((fragment(0, "{}"),), {}, "without a name"),
        (({"tool_calls": ["weather"]},), {}, "tool call that is none"),
        (({"tool_calls": 7},), {}, "tool call that is none"),
        (TWO_CALLS, {"cut_after": 2}, "broke"),
        (TWO_CALLS, {"hang_after": 2}, "no token within"),
        (TWO_CALLS, {"malformed_after": 2}, "no part of a reply"),
    ],
)
async def test_a_call_that_is_malformed_or_cut_is_one_error_and_never_half_a_call(tokens, trouble, message):
    server = OpenAiServer()
    server.behaviour.tokens = tokens
    async with openai_at(server) as llm:
        if "hang_after" in trouble:
            # Not before: until it hangs, a busy machine may take its time.
            llm._timeout_s = 0.2
        for name, value in trouble.items():
            setattr(server.behaviour, name, value)
        calls: list[ToolCall] = []
        with pytest.raises(EngineError, match=message) as raised:
            async for delta in llm.stream(ASKED, Sampling(), tools=(WEATHER,)):
                calls += delta.calls
    assert calls == []
    assert raised.value.retryable
    assert "Paris" not in str(raised.value), "arguments are the conversation's, and errors go to the log"


async def test_a_call_the_token_limit_cut_off_names_the_setting():
    server = OpenAiServer()
    server.behaviour.tokens = TWO_CALLS
    async with openai_at(server) as llm:
        with pytest.raises(EngineError, match="LANGUAGE_SAMPLING_MAX_TOKENS"):
            await told(llm, max_tokens=3)


async def test_a_model_known_to_call_no_tools_answers_without_them_with_one_warning():
    warnings: list[str] = []
    logger.add(warnings.append, level="WARNING", format="{message}")
    openai, ollama = OpenAiServer(), OllamaServer()
    openai.models[0]["supported_parameters"] = ["temperature"]
    ollama.capabilities.remove("tools")
    async with openai_at(openai) as one, ollama_at(ollama) as other:
        for llm in (one, other):
            for _ in range(2):
                assert (await told(llm))[-1].finish == "stop"
    assert not any(body.get("tools") for body in (*openai.recorded.bodies, *ollama.recorded.bodies))
    assert len(warnings) == 2
    assert "OLLAMA_MODEL=llama3.2 cannot call tools" in warnings[1]


async def test_a_list_of_models_passes_tools_on_and_takes_a_call_for_a_first_word():
    late, ready = MoodyLlm("late", first_token_s=5), MoodyLlm("ready", first_token_s=0)
    late.calls, ready.calls = (OSLO,), (PARIS,)
    chain = FallbackLlm([Entry("late", late), Entry("ready", ready)], FailoverSettings(first_token_s=0.05))
    await chain.start()
    assert await told(chain) == [Delta("", "tools", calls=(PARIS,))]
    assert late.offered == ready.offered == [(WEATHER,)]
    assert chain.status[1].answered == 1
    await chain.close()


async def test_the_cache_keeps_calls_and_tells_requests_with_other_tools_apart():
    llm = MoodyLlm("model", first_token_s=0)
    llm.calls = (PARIS,)
    cached = CachedLlm(llm, "model", ResponseCache(CacheSettings(enabled=True)))
    assert await told(cached) == await told(cached) == [Delta("", "tools", calls=(PARIS,))]
    assert len(llm.asked) == 1
    async for _ in cached.stream(ASKED, Sampling()):
        pass
    assert len(llm.asked) == 2, "a request without tools is another one"
    await told(cached, (*ASKED, Message("assistant", "", calls=(OSLO,))))
    await told(cached, (*ASKED, Message("assistant", "", calls=(PARIS,))))
    assert len(llm.asked) == 4, "so is one with other calls in its messages"


class Llama:
    """llama.cpp's server as far as the engine sees it: events in, `True` back to stop."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = events
        self.requests: list[dict[str, Any]] = []

    def handle_chat_completions(self, request: dict[str, Any], on_chunk) -> None:
        self.requests.append(request)
        for event in self.events:
            if on_chunk(event):
                return


def events(*deltas: dict[str, Any], finish: str) -> list[dict[str, Any]]:
    last = {"choices": [{"delta": {}, "finish_reason": finish}]}
    return [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas] + [last]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (events(*TWO_CALLS, finish="tool_calls"), [Delta("", calls=(PARIS,)), Delta("", "tools", calls=(OSLO,))]),
        (events({"content": "Warm."}, finish="stop"), [Delta("Warm."), Delta("", "stop")]),
        (events(*TWO_CALLS[:3], finish="length"), "ran into the token limit"),
        (events(*TWO_CALLS[:3], finish="tool_calls"), "no JSON object"),
    ],
)
async def test_the_embedded_model_calls_in_the_same_fragments(tmp_path, sent, expected):
    llm = EmbeddedLlm(ModelStore(tmp_path, offline=True), "model", context_tokens=512)
    llm._server = llama = Llama(sent)
    try:
        if isinstance(expected, str):
            with pytest.raises(EngineError, match=expected):
                await told(llm)
        else:
            assert await told(llm) == expected
        assert llama.requests[0]["tools"][0]["function"]["name"] == "weather"
    finally:
        await llm.close()


async def test_what_is_read_ahead_begins_with_the_tools_of_the_reply(tmp_path):
    embedded = EmbeddedLlm(ModelStore(tmp_path, offline=True), "model", context_tokens=512)
    embedded._server = llama = Llama(events({"content": "Warm."}, finish="stop"))
    openai, ollama = OpenAiServer(), OllamaServer()
    try:
        async with openai_at(openai) as one, ollama_at(ollama) as other:
            for llm in (embedded, one, other):
                await llm.prefill(ASKED, tools=(WEATHER,))
                await told(llm)
    finally:
        await embedded.close()
    for ahead, reply in (llama.requests, openai.recorded.bodies, ollama.recorded.bodies):
        assert ahead["tools"]
        assert (ahead["messages"], ahead["tools"]) == (reply["messages"], reply["tools"])


async def test_a_list_of_models_and_the_cache_have_the_tools_read_ahead_too():
    llm = MoodyLlm("model")
    chain = FallbackLlm(
        [Entry("model", CachedLlm(llm, "model", ResponseCache(CacheSettings(enabled=True))))], FailoverSettings()
    )
    await chain.prefill(ASKED, tools=(WEATHER,))
    assert llm.offered == [(WEATHER,)]
    await chain.close()


async def test_giving_up_on_a_call_half_way_stops_the_server():
    server = OpenAiServer()
    server.behaviour.tokens, server.behaviour.hang_after = TWO_CALLS, 3
    async with openai_at(server) as llm:
        asked = asyncio.create_task(told(llm))
        await server.recorded.hanging.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await asyncio.wait_for(server.recorded.left.wait(), 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=1, max_size=3), st.data())
def test_arguments_survive_being_cut_anywhere(arguments: list[dict[str, Any]], data: st.DataObject):
    assembler, calls = CallAssembler("server"), []
    for index, given_arguments in enumerate(arguments):
        text = json.dumps(given_arguments)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        first = ToolCall(f"id{index}", f"tool{index}", {})
        for position, piece in enumerate(pieces):
            calls += assembler.feed(fragment(index, piece, None if position else first)["tool_calls"])
    calls += assembler.end(cut_short=False)
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        (f"id{index}", f"tool{index}", given_arguments) for index, given_arguments in enumerate(arguments)
    ]


@given(JSON)
def test_whatever_a_server_sends_for_calls_is_a_call_or_an_engine_error(sent: Any):
    assembler = CallAssembler("server")
    with contextlib.suppress(EngineError):
        assert all(isinstance(call, ToolCall) for call in assembler.feed(sent))
        assert all(isinstance(call, ToolCall) for call in assembler.end(cut_short=False))


@pytest.mark.parametrize("ids", [True, False])
def test_servers_without_an_index_send_whole_calls(ids: bool):
    sent = [fragment(None, json.dumps(dict(call.arguments)), call)["tool_calls"][0] for call in (PARIS, OSLO)]
    if not ids:
        for one in sent:
            del one["id"]
    assembler = CallAssembler("server")
    calls = (*assembler.feed(sent), *assembler.end(cut_short=False))
    assert [(call.name, dict(call.arguments)) for call in calls] == [
        ("weather", {"city": "Paris"}),
        ("weather", {"city": "Oslo"}),
    ]
    assert len({call.id for call in calls}) == 2


def test_a_call_without_end_is_given_up():
    assembler = CallAssembler("server")
    assembler.feed([{"index": 0, "id": "x", "function": {"name": "weather"}}])
    with pytest.raises(EngineError, match="without end"):
        for _ in range(100):
            assembler.feed([{"index": 0, "function": {"arguments": "x" * 1000}}])
