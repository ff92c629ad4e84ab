"""The list of models as the settings write it, over real servers on loopback."""

import asyncio
import contextlib
import time

import pytest
from pydantic import SecretStr

from processors.errors import SettingError
from processors.language.breaker import Phase
from processors.language.chain import ModelRef, model_list, parse_ref
from processors.language.engines import make_llm
from processors.language.fallback import FallbackLlm
from processors.language.ollama_llm import OllamaLlm
from processors.language.openai_llm import OpenAiLlm
from processors.language.scripted import ScriptedLlm
from processors.language.settings import (
    CacheSettings,
    FailoverSettings,
    LanguageSettings,
    OllamaSettings,
    OpenAiSettings,
    OpenRouterSettings,
    Sampling,
)
from processors.models import ModelStore
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served
from tests.processors.language.asking import CANCEL_BUDGET_S, best_cancel_s, reply


@pytest.fixture
def store(tmp_path) -> ModelStore:
    return ModelStore(tmp_path, offline=True)


@contextlib.asynccontextmanager
async def two_servers(store: ModelStore, **given):
    """Ollama first, an OpenAI-compatible server behind it."""
    ollama, openai = OllamaServer(), OpenAiServer()
    openai.behaviour.tokens = ("Second", " here.")
    async with served(ollama.app) as ollama_url, served(openai.app) as openai_url:
        settings = LanguageSettings(
            provider="ollama",
            fallbacks=("openai:tiny-chat",),
            ollama=OllamaSettings(host=ollama_url),
            openai=OpenAiSettings(base_url=f"{openai_url}/v1"),
            # Whoever fails rests until the test is over.
            **{"failover": FailoverSettings(first_token_s=0.3, rest_s=300), **given},
        )
        llm = make_llm(settings, store)
        assert isinstance(llm, FallbackLlm)
        try:
            await llm.start()
            yield llm, ollama, openai
        finally:
            await llm.close()


@pytest.mark.parametrize(
    "behaviour",
    [{"status": 500}, {"status": 429}, {"cut_after": 0}, {"malformed_after": 0}, {"error_after": 0}, {"hang_after": 0}],
)
async def test_whatever_befalls_the_first_server_the_second_answers_within_the_turn(store, behaviour):
    async with two_servers(store) as (llm, ollama, _):
        for name, value in behaviour.items():
            setattr(ollama.behaviour, name, value)
        assert (await reply(llm))[0] == "Second here."
        assert (await reply(llm))[0] == "Second here."
        assert len(ollama.recorded.bodies) == 1


async def test_a_hanging_primary_costs_its_deadline_once_and_comes_back_when_it_answers_again(store):
    policy = FailoverSettings(first_token_s=0.3, rest_s=0.4, probe_s=5)
    async with two_servers(store, failover=policy) as (llm, ollama, _):
        ollama.behaviour.hang_after = -1
        began_s = time.monotonic()
        for _ in range(3):
            assert (await reply(llm))[0] == "Second here."
        assert time.monotonic() - began_s >= 0.3
        assert llm.status[0].late == 1, "the deadline was waited for once"
        ollama.behaviour.hang_after = None
        async with asyncio.timeout(40):
            said = ""
            while said != "Hello there, friend.":
                await asyncio.sleep(0.05)
                said, _ = await reply(llm)
        assert llm.status[0].phase is Phase.CLOSED


async def test_a_chain_frees_its_caller_within_20_ms_of_a_cancel(store):
    async with two_servers(store, failover=FailoverSettings(first_token_s=30)) as (llm, ollama, _):
        ollama.behaviour.hang_after = -1
        assert await best_cancel_s(llm, ollama.recorded.hanging) < CANCEL_BUDGET_S
        assert llm.status[0].phase is Phase.CLOSED


async def test_the_cache_answers_the_same_question_without_asking_the_server(store):
    patient = FailoverSettings(first_token_s=30)
    async with two_servers(store, cache=CacheSettings(enabled=True), failover=patient) as (llm, ollama, _):
        assert await reply(llm) == await reply(llm)
        assert len(ollama.recorded.bodies) == 1


async def test_a_temperature_limit_reaches_the_wire(store):
    limits = ("ollama=0.4", "openai:tiny-chat=0.1")
    async with two_servers(store, temperature_limits=limits) as (llm, ollama, openai):
        ollama.behaviour.status = 500
        await reply(llm, sampling=Sampling(temperature=0.9))
        assert ollama.recorded.bodies[0]["options"]["temperature"] == 0.4
        assert openai.recorded.bodies[0]["temperature"] == 0.1


def test_an_entry_is_split_at_its_first_colon_only():
    settings = LanguageSettings(ollama=OllamaSettings(model="gemma3"))
    assert parse_ref("ollama:llama3.2:1b", settings) == ModelRef("ollama", "llama3.2:1b")
    assert parse_ref("openrouter:maker/model:free", settings) == ModelRef("openrouter", "maker/model:free")
    assert parse_ref("ollama", settings) == ModelRef("ollama", "gemma3")


def test_the_list_begins_with_the_provider_and_has_nobody_twice():
    settings = LanguageSettings(provider="ollama", fallbacks=("ollama:llama3.2", "embedded", "ollama:x"))
    assert [str(ref) for ref in model_list(settings)] == [
        "ollama:llama3.2",
        "embedded:smollm2-135m-instruct",
        "ollama:x",
    ]


@pytest.mark.parametrize(
    ("provider", "kind"),
    [("ollama", OllamaLlm), ("openrouter", OpenAiLlm), ("openai", OpenAiLlm), ("scripted", ScriptedLlm)],
)
def test_each_provider_makes_its_engine(store, provider, kind):
    router = OpenRouterSettings(api_key=SecretStr("k"), model="m")
    assert isinstance(make_llm(LanguageSettings(provider=provider, openrouter=router), store), kind)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"provider": "gpt"},
            "LLM_PROVIDER is 'gpt'; it must be one of: embedded, ollama, openai, openrouter, scripted",
        ),
        ({"fallbacks": ("lama:x",)}, "LANGUAGE_FALLBACKS is 'lama'; it must be one of"),
        ({"fallbacks": ("openrouter:m",)}, "OPENROUTER_API_KEY is empty"),
        ({"temperature_limits": ("ollama=0.3",)}, "LANGUAGE_TEMPERATURE_LIMITS has 'ollama=0.3'; it must be a model"),
        ({"temperature_limits": ("embedded=warm",)}, "'warm' is no number"),
        ({"provider": "ollama", "ollama": OllamaSettings(model=" ")}, "OLLAMA_MODEL is empty"),
    ],
)
def test_a_wrong_list_is_refused_before_anything_starts(store, given, message):
    with pytest.raises(SettingError, match=message):
        make_llm(LanguageSettings(**given), store)
