"""The embedded engine around a stand-in for llama.cpp: what a cancel does while the library cannot be interrupted."""

import asyncio
import contextlib
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from processors.errors import EngineError, ModelMissingError
from processors.lanes import Priority
from processors.language.cache import CachedLlm, ResponseCache
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import Message, make_llm, own_context, token_ms_of
from processors.language.fallback import Entry, FallbackLlm
from processors.language.settings import CacheSettings, FailoverSettings, LanguageSettings, Sampling
from processors.models import ModelStore
from tests.processors.language.asking import CANCEL_BUDGET_S, HELLO, cancel_s, reply
from tests.processors.language.model_files import model_file


class StubbornServer:
    """llama.cpp reading a long prompt: it looks at nobody's wish until it is done."""

    refuses_to_load = False

    def __init__(self, params: Any) -> None:
        if self.refuses_to_load:
            raise RuntimeError("failed to load model")
        self.params = params
        self.gate: threading.Event | None = None
        """If set, requests wait for it."""
        self.on_stuck: Any = lambda: None
        self.finished: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.words = ("Hello", " there")
        self.on_word: Callable[[str], None] = lambda word: None
        self.timings: dict[str, Any] = {}

    def handle_chat_completions(self, request: dict[str, Any], on_chunk: Any) -> None:
        self.requests.append(request)
        if gate := self.gate:
            self.on_stuck()
            gate.wait(10)
        for text in self.words:
            self.on_word(text)
            if on_chunk({"choices": [{"delta": {"content": text}}]}):
                self.finished.append("told to stop")
                return
        on_chunk({"choices": [{"delta": {}, "finish_reason": "stop"}], "timings": self.timings})
        self.finished.append("said")


@pytest.fixture
def llama_cpp(monkeypatch) -> list[StubbornServer]:
    """Stands in for the library; gives the servers that were made."""
    made: list[StubbornServer] = []

    def server(params: Any) -> StubbornServer:
        made.append(StubbornServer(params))
        return made[-1]

    def params() -> types.SimpleNamespace:
        return types.SimpleNamespace(
            model=types.SimpleNamespace(), cpuparams=types.SimpleNamespace(), cpuparams_batch=types.SimpleNamespace()
        )

    module: Any = types.ModuleType("xllamacpp")
    module.Server, module.CommonParams = server, params
    monkeypatch.setitem(sys.modules, "xllamacpp", module)
    return made


def held(server: StubbornServer) -> asyncio.Event:
    """Have the server's requests wait until it is let go; set once one does."""
    loop, stuck = asyncio.get_running_loop(), asyncio.Event()
    server.on_stuck = lambda: loop.call_soon_threadsafe(stuck.set)
    server.gate = threading.Event()
    return stuck


def let_go(server: StubbornServer) -> None:
    gate, server.gate = server.gate, None
    assert gate
    gate.set()


SMALL = LanguageSettings(context_tokens=512)


@contextlib.asynccontextmanager
async def started(tmp_path, settings=SMALL):
    model = tmp_path / "tiny.gguf"
    model.write_bytes(b"GGUF")
    settings = settings.model_copy(update={"embedded_model": str(model)})
    llm = make_llm(settings, ModelStore(tmp_path, offline=True))
    try:
        await llm.start()
        yield llm
    finally:
        await llm.close()


async def test_what_is_kept_of_prompts_is_bounded_by_the_setting(tmp_path, llama_cpp):
    for settings, bound_mib in ((LanguageSettings(), 64), (LanguageSettings(embedded_kept_prompts_mib=0), 0)):
        async with started(tmp_path, settings):
            pass
        assert llama_cpp[-1].params.cache_ram_mib == bound_mib


async def test_it_says_how_long_a_token_took_to_be_read_if_there_were_enough(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        assert token_ms_of(llm) == 0
        for timings, told_ms in (
            ({"prompt_n": 15, "prompt_ms": 1500.0}, 0),
            ({"prompt_n": 100, "prompt_ms": 400.0}, 4),
            ({"prompt_n": 100, "prompt_ms": 900.0}, 5),
        ):
            llama_cpp[-1].timings = timings
            await llm.prefill([Message("user", "Hello")])
            assert token_ms_of(CachedLlm(llm, "it", ResponseCache(CacheSettings()))) == pytest.approx(told_ms)
        assert token_ms_of(FallbackLlm([Entry("it", llm, None)], FailoverSettings())) == pytest.approx(5)


async def test_a_cancel_frees_the_caller_within_20_ms_though_the_library_goes_on(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        (server,) = llama_cpp
        stuck = held(server)

        async def one_cancel() -> float:
            server.gate = threading.Event()
            try:
                return await cancel_s(llm, stuck)
            finally:
                server.gate.set()

        assert min([await one_cancel() for _ in range(5)]) < CANCEL_BUDGET_S
        server.gate = None
        # Its thread is used again, and nothing of the five late replies is in this one.
        assert await reply(llm) == ("Hello there", "stop")
        assert server.finished == ["told to stop"] * 5 + ["said"]


async def test_a_reply_in_text_gives_way_to_a_turn_and_goes_on_where_it_was(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        (server,) = llama_cpp
        server.words = ("One", " two", " three")
        loop = asyncio.get_running_loop()
        spoken: list[asyncio.Task[tuple[str, str | None]]] = []
        asked = threading.Event()

        def speak() -> None:
            spoken.append(asyncio.create_task(reply(llm)))
            loop.call_soon(asked.set)

        def on_word(word: str) -> None:
            if word == " two" and not spoken:
                loop.call_soon_threadsafe(speak)
                asked.wait(10)
                server.words = ("Go",)
                server.on_word = carry_on

        def carry_on(word: str) -> None:
            if len(server.requests) == 2:
                server.words = (" three",)

        server.on_word = on_word
        sampling = Sampling(max_tokens=9)
        written = [d async for d in llm.stream([Message("user", "Count.")], sampling, priority=Priority.BACKGROUND)]
        assert await spoken[0] == ("Go", "stop")
    text, voice, rest = server.requests
    assert "".join(d.text for d in written) == "One two three"
    assert [d.finish for d in written] == [None, None, None, "stop"]
    assert (text["id_slot"], voice["id_slot"], rest["id_slot"]) == (2, 0, 2)
    assert rest["messages"][-1] == {"role": "assistant", "content": "One two"}
    assert rest["max_tokens"] == 7


async def test_a_spoken_reply_begun_on_a_guess_is_not_cut_in_two_by_another_rooms(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        (server,) = llama_cpp
        stuck = held(server)
        guessed = asyncio.create_task(reply(llm, priority=Priority.SPECULATION))
        await stuck.wait()
        other = asyncio.create_task(reply(llm))
        await asyncio.sleep(0)
        let_go(server)
        assert await asyncio.gather(guessed, other) == [("Hello there", "stop")] * 2
        assert server.finished == ["said", "said"]


async def test_what_is_not_heard_yet_of_a_spoken_reply_gives_way_to_another_rooms_turn(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        (server,) = llama_cpp
        server.words = tuple(f" {number}" for number in range(20))
        loop = asyncio.get_running_loop()
        others: list[asyncio.Task[tuple[str, str | None]]] = []
        asked = threading.Event()

        def ask() -> None:
            others.append(asyncio.create_task(reply(llm, room="theirs")))
            loop.call_soon(asked.set)

        def on_word(word: str) -> None:
            if word == " 3" and not others:
                loop.call_soon_threadsafe(ask)
                asked.wait(10)
            elif word == " 15" and len(server.requests) == 1:
                server.words, server.on_word = ("Mine.",), carry_on

        def carry_on(word: str) -> None:
            server.words = (" 16", " 17")

        server.on_word = on_word
        text, finish = await reply(llm, sampling=Sampling(max_tokens=40), room="ours")
        assert await others[0] == ("Mine.", "stop")
    ours, theirs, rest = server.requests
    assert (text, finish) == ("".join(f" {number}" for number in range(18)), "stop")
    assert (ours["id_slot"], theirs["id_slot"], rest["id_slot"]) == (0, 1, 0)
    assert rest["messages"][-1] == {"role": "assistant", "content": "".join(f" {number}" for number in range(16))}
    assert rest["max_tokens"] == 24


@pytest.mark.parametrize(("calls", "slots"), [(0, [0, 0, 0, 0]), (1, [0, 0, 0, 1]), (3, [0, 1, 0, 3])])
async def test_each_call_has_a_slot_of_its_own_as_long_as_there_are_enough(tmp_path, llama_cpp, calls, slots):
    async with started(tmp_path, LanguageSettings(embedded_calls=3).for_calls(calls)) as llm:
        await llm.prefill(HELLO, room="ours")
        await reply(llm, room="theirs")
        await reply(llm, room="ours")
        await reply(llm, priority=Priority.BACKGROUND)
    (server,) = llama_cpp
    assert [request["id_slot"] for request in server.requests] == slots
    assert server.params.n_parallel == calls + 1
    assert server.params.n_ctx == own_context(llm) * (calls + 1)


async def test_a_reply_in_text_begins_once_the_turn_is_through(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        await llm.prefill([Message("user", "Count.")])
        loop = asyncio.get_running_loop()
        read_s = loop.time()
        await reply(llm, priority=Priority.BACKGROUND)
        assert loop.time() - read_s >= 0.49


async def test_of_many_who_write_none_begins_between_two_requests_of_a_turn(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        (server,) = llama_cpp
        stuck = held(server)
        many = [asyncio.create_task(reply(llm, priority=Priority.BACKGROUND)) for _ in range(3)]
        await stuck.wait()
        reading = asyncio.create_task(llm.prefill([Message("user", "How")]))
        await asyncio.sleep(0)
        let_go(server)
        await reading
        await asyncio.sleep(0.05)
        await reply(llm)
        assert [request["id_slot"] for request in server.requests] == [2, 0, 0]
        await asyncio.gather(*many)
    # Whoever was stopped goes on first.
    assert [request["messages"][-1]["role"] for request in server.requests[3:]] == ["assistant", "user", "user"]


async def test_whoever_no_longer_wants_to_write_leaves_its_place_to_the_next(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        await reply(llm)
        first, second = (asyncio.create_task(reply(llm, priority=Priority.BACKGROUND)) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        assert await second == ("Hello there", "stop")


async def test_every_sampling_setting_reaches_the_library(tmp_path, llama_cpp):
    async with started(tmp_path) as llm:
        await reply(llm)
    (request,) = llama_cpp[0].requests
    for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "max_tokens", "seed"):
        assert name in request


async def test_a_model_that_cannot_be_loaded_names_the_setting(tmp_path, llama_cpp, monkeypatch):
    monkeypatch.setattr(StubbornServer, "refuses_to_load", True)
    with pytest.raises(EngineError, match=r"could not load .*LANGUAGE_EMBEDDED_MODEL"):
        async with started(tmp_path):
            pass


async def test_a_model_file_that_is_not_there_names_the_setting(tmp_path, llama_cpp):
    llm = EmbeddedLlm(ModelStore(tmp_path, offline=True), str(tmp_path / "none.gguf"), context_tokens=512)
    with pytest.raises(ModelMissingError, match="LANGUAGE_EMBEDDED_MODEL"):
        await llm.start()
    await llm.close()


@pytest.mark.parametrize(
    ("wide", "room", "used"), [(True, True, "in eight"), (False, True, "as it is"), (True, False, "as it is")]
)
async def test_four_bit_weights_are_used_in_eight_where_they_can_be_kept(tmp_path, llama_cpp, wide, room, used):
    told: list[str] = []
    logger.add(lambda message: told.append(message.record["message"]), level="WARNING")
    model, made = tmp_path / "small.gguf", tmp_path / ".eight-bit"
    model.write_bytes(model_file())
    if not room:
        made.write_text("in the way")
    settings = SMALL.model_copy(update={"embedded_model": str(model), "embedded_eight_bit": wide})
    llm = make_llm(settings, ModelStore(tmp_path, offline=True))
    await llm.start()
    await llm.close()

    path = Path(llama_cpp[-1].params.model.path)
    assert path.parent == (made if used == "in eight" else tmp_path)
    assert len(told) == (0 if room else 1)
    assert all(
        "ACORE_MODELS_DIR" in line and line.endswith("small.gguf is used as it is, which is slower") for line in told
    )
