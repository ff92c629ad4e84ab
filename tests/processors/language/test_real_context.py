"""How much a model takes is read from the model: from its file, or from what its server says of it."""

import contextlib
import struct
import sys
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from pydantic import SecretStr, ValidationError

from personas.library import load_character
from pipeline.settings import Settings
from pipeline.voice import make_conversation
from processors.floor import Heard
from processors.language.cache import CachedLlm, ResponseCache
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import LanguageModel, context_of, make_llm
from processors.language.fallback import Entry, FallbackLlm
from processors.language.gguf import trained_context
from processors.language.settings import (
    CacheSettings,
    FailoverSettings,
    LanguageSettings,
    OllamaSettings,
    OpenAiSettings,
    OpenRouterSettings,
)
from processors.models import ModelStore
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served
from tests.processors.language.asking import reply
from tests.processors.language.doubles import MoodyLlm


def text(content: str) -> bytes:
    return struct.pack("<Q", len(content)) + content.encode()


def gguf(*entries: tuple[str, int, bytes], version: int = 3) -> bytes:
    """A model file without tensors."""
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(entries))
    return head + b"".join(text(key) + struct.pack("<I", kind) + value for key, kind, value in entries)


def words(*items: str) -> bytes:
    return struct.pack("<IQ", 8, len(items)) + b"".join(map(text, items))


LENGTH = ("qwen2.context_length", 4, struct.pack("<I", 1500))
BEFORE = (
    ("general.architecture", 8, text("qwen2")),
    ("tokenizer.ggml.tokens", 9, words("a", "b", "context_length")),
    ("tokenizer.ggml.scores", 9, struct.pack("<IQ3f", 6, 3, 0.0, 1.0, 2.0)),
    ("general.quantized", 7, b"\1"),
    ("qwen2.rope.scaling.original_context_length", 4, struct.pack("<I", 700)),
)


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (gguf(LENGTH), 1500),
        (gguf(*BEFORE, LENGTH), 1500),
        (gguf(*BEFORE, LENGTH, version=2), 1500),
        (gguf(("llama.context_length", 10, struct.pack("<Q", 131_072))), 131_072),
        (gguf(*BEFORE), 0),
        (gguf(*BEFORE, LENGTH, version=1), 0),
        (gguf(*BEFORE, LENGTH)[:-2], 0),
        (gguf(("llama.context_length", 8, text("long"))), 0),
        (gguf(("llama.context_length", 5, struct.pack("<i", -1))), 0),
        (gguf(("x", 99, b""), LENGTH), 0),
        (gguf(("x", 9, struct.pack("<IQ", 8, 1 << 60)), LENGTH), 0),
        (b"GGUF", 0),
        (b"", 0),
    ],
    ids=range(13),
)
def test_the_header_of_a_model_file_says_what_it_was_trained_on(tmp_path: Path, content: bytes, length: int):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert trained_context(path) == length
    assert trained_context(tmp_path / "none.gguf") == 0


@given(cut=st.integers(0, 400), change=st.binary(max_size=12), place=st.integers(4, 300))
def test_a_damaged_model_file_says_nothing_or_a_number(tmp_path_factory, cut: int, change: bytes, place: int):
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    whole = bytearray(gguf(*BEFORE, LENGTH))
    whole[place : place + len(change)] = change
    path.write_bytes(bytes(whole[:cut]))
    assert 0 <= trained_context(path) <= 1 << 30


def test_the_default_model_was_trained_on_8192_tokens():
    assert trained_context(ModelStore(offline=True).resolve("smollm2-135m-instruct").main) == 8192


@pytest.fixture
def allotted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What llama.cpp, for which a stand-in is loaded, was told to allot to both slots together."""
    contexts: list[int] = []

    def params() -> types.SimpleNamespace:
        parts = {name: types.SimpleNamespace() for name in ("model", "cpuparams", "cpuparams_batch")}
        return types.SimpleNamespace(**parts)

    module: Any = types.ModuleType("xllamacpp")
    module.Server = lambda params: contexts.append(params.n_ctx)
    module.CommonParams = params
    monkeypatch.setitem(sys.modules, "xllamacpp", module)
    return contexts


@pytest.fixture
def warnings() -> list[str]:
    lines: list[str] = []
    logger.add(lambda message: lines.append(message.record["message"]), level="WARNING")
    return lines


@pytest.mark.parametrize(("allowed", "given"), [(0, 1500), (1000, 1000), (4096, 1500)])
async def test_the_embedded_engine_allots_no_more_than_the_model_takes(
    tmp_path: Path, allotted: list[int], warnings: list[str], allowed: int, given: int
):
    model = tmp_path / "small.gguf"
    model.write_bytes(gguf(*BEFORE, LENGTH))
    llm = EmbeddedLlm(ModelStore(tmp_path, offline=True), str(model), context_tokens=allowed)
    await llm.start()
    await llm.close()
    assert (llm.context_tokens, allotted) == (given, [3 * given])
    told = "LANGUAGE_CONTEXT_TOKENS is 4096, but small.gguf takes no more than 1500: that is what it is shown"
    assert warnings == ([told] if allowed > 1500 else [])


@contextlib.asynccontextmanager
async def started(tmp_path: Path, settings: LanguageSettings) -> AsyncIterator[LanguageModel]:
    llm = make_llm(settings, ModelStore(tmp_path, offline=True))
    try:
        await llm.start()
        yield llm
    finally:
        await llm.close()


@pytest.mark.parametrize(
    ("info", "parameters", "allowed", "given"),
    [
        ({"llama.context_length": 131_072}, "", 0, 4096),
        ({"llama.context_length": 131_072}, 'stop "<|end|>"\nnum_ctx    16384', 0, 16_384),
        ({"llama.context_length": 131_072}, "num_ctx 16384", 3000, 3000),
        ({"llama.context_length": 131_072}, "num_ctx 2048", 9000, 9000),
        ({"gemma3.context_length": 2048, "gemma3.attention.context_length": 1}, "num_ctx 16384", 0, 2048),
        ({"gemma3.context_length": 2048}, "", 4096, 2048),
        ({}, "num_ctx many", 0, 4096),
        ({"llama.context_length": "long"}, "", 3000, 3000),
    ],
    ids=range(8),
)
async def test_ollama_is_asked_for_as_much_as_the_model_takes_and_the_settings_allow(
    tmp_path: Path, warnings: list[str], info: dict[str, Any], parameters: str, allowed: int, given: int
):
    server = OllamaServer()
    server.info, server.parameters = info, parameters
    async with served(server.app) as url:
        settings = LanguageSettings(provider="ollama", context_tokens=allowed, ollama=OllamaSettings(host=url))
        async with started(tmp_path, settings) as llm:
            await reply(llm)
            assert context_of(llm, allowed) == given
    assert server.loads[0]["options"]["num_ctx"] == given
    assert server.recorded.bodies[0]["options"]["num_ctx"] == given
    assert len(warnings) == (allowed > given)


@pytest.mark.parametrize(
    ("listed", "allowed", "given"),
    [
        ({"max_model_len": 3000}, 0, 3000),
        ({"max_model_len": 32_768}, 0, 8192),
        ({"max_model_len": 32_768}, 20_000, 20_000),
        ({"max_model_len": 3000}, 20_000, 3000),
        ({"context_length": 6000}, 0, 6000),
        ({"context_length": 200_000, "top_provider": {"context_length": 5000}}, 0, 5000),
        ({"context_length": 6000, "top_provider": {"context_length": None}}, 0, 6000),
        ({"context_window": 7000}, 0, 7000),
        ({"meta": {"n_ctx_train": 40_960, "n_ctx": 2500}}, 0, 2500),
        ({}, 0, 4096),
        ({}, 20_000, 20_000),
        ({"max_model_len": "long", "context_length": True, "meta": [3]}, 0, 4096),
    ],
    ids=range(12),
)
async def test_a_model_is_shown_what_its_server_lists_and_the_settings_allow(
    tmp_path: Path, warnings: list[str], listed: dict[str, Any], allowed: int, given: int
):
    server = OpenAiServer()
    server.models[0] |= listed
    async with served(server.app) as url:
        settings = LanguageSettings(
            provider="openai", context_tokens=allowed, openai=OpenAiSettings(base_url=f"{url}/v1", model="tiny-chat")
        )
        async with started(tmp_path, settings) as llm:
            assert context_of(llm, allowed) == given
    assert warnings == (
        [
            f"LANGUAGE_CONTEXT_TOKENS is {allowed}, but OPENAI_MODEL=tiny-chat takes no more than {given}: "
            "that is what it is shown"
        ]
        if allowed > given
        else []
    )


async def test_openrouter_lists_the_context_of_a_model_with_a_variant_too(tmp_path: Path):
    server = OpenAiServer(("maker/tiny-chat",), key="sk-x")
    server.models[0] |= {"context_length": 5000}
    async with served(server.app) as url:
        router = OpenRouterSettings(base_url=f"{url}/v1", api_key=SecretStr("sk-x"), model="maker/tiny-chat:free")
        settings = LanguageSettings(provider="openrouter", openrouter=router)
        async with started(tmp_path, settings) as llm:
            assert context_of(llm, 0) == 5000


class Roomy(MoodyLlm):
    """Says how much it takes."""

    def __init__(self, name: str, tokens: int) -> None:
        super().__init__(name)
        self.context_tokens = tokens


async def test_a_list_of_models_has_the_shortest_context_of_those_that_may_answer():
    small, large = Roomy("small", 1000), Roomy("large", 9000)
    cached = CachedLlm(large, "large", ResponseCache(CacheSettings()))
    chain = FallbackLlm([Entry("large", cached), Entry("small", small), Entry("mute", MoodyLlm("mute"))], FAILOVER)
    assert context_of(chain, 3000) == 3000, "nobody has started"
    await chain.start()
    assert context_of(chain, 3000) == 1000
    assert context_of(cached, 3000) == 9000
    assert context_of(MoodyLlm("mute"), 3000) == 3000
    assert context_of(None, 0) == 4096
    await chain.close()


FAILOVER = FailoverSettings()


def test_a_conversation_is_kept_to_what_its_model_takes():
    ava, settings = load_character("ava"), Settings.model_validate({"language": {"history_messages": 1000}})
    longest: dict[int, int] = {}
    for tokens in (1000, 8000):
        talk = make_conversation(settings, ava, llm=Roomy("model", tokens))
        for number in range(400):
            talk.add((Heard("ann", f"{number} is a number I like, and so are many others."),), "I see.")
            request = talk.request((Heard("ann", "And you?"),))
            longest[tokens] = max(longest.get(tokens, 0), sum(len(message.content) for message in request))
    assert longest[8000] > longest[1000] * 3


@pytest.mark.parametrize("tokens", [1, 511, -1])
def test_a_context_no_prompt_fits_in_is_refused(tokens: int):
    with pytest.raises(ValidationError):
        LanguageSettings(context_tokens=tokens)
