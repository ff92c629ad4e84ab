"""Settings of the language model."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from processors.setting_names import Env, SettingsGroup

KEPT_PROMPTS_MIB = 64
CALLS = 2
_NO_KEY = SecretStr("")
_LEAST_CONTEXT = 512
_DURATION = re.compile(r"-?\d+|(\d+(\.\d+)?(ms|s|m|h))+")
"""As Ollama reads them; a bare number is in seconds."""


class Sampling(SettingsGroup):
    """How the next token is chosen, and how long a reply may be."""

    temperature: float = Field(default=0.3, ge=0.0, le=2.0)
    """0 always takes the likeliest token; higher is livelier."""
    top_p: float = Field(default=0.9, gt=0.0, le=1.0)
    """Only the likeliest tokens that together have this probability are considered."""
    top_k: int = Field(default=40, ge=0, le=1000)
    """Only this many likeliest tokens are considered; 0 for all."""
    min_p: float = Field(default=0.05, ge=0.0, le=1.0)
    """Tokens less likely than this share of the likeliest one are dropped."""
    repeat_penalty: float = Field(default=1.1, ge=0.5, le=2.0)
    """Above 1 discourages tokens that were just used."""
    max_tokens: int = Field(default=70, ge=1, le=4096)
    """Longest spoken reply in tokens. A reply cut by it ends with its last whole sentence."""
    seed: int = Field(default=-1, ge=-1)
    """Fixed seed for repeatable replies; -1 for a new one each time."""


class OllamaSettings(SettingsGroup):
    """An Ollama server."""

    host: Annotated[str, Env("OLLAMA_HOST")] = "http://127.0.0.1:11434"
    """Address of the Ollama server."""
    model: Annotated[str, Env("OLLAMA_MODEL")] = "llama3.2"
    """Model the Ollama server answers with."""
    pull: bool = True
    """Have the server fetch the model at start if it does not have it."""
    keep_alive: str = "30m"
    """How long the server keeps the model in memory after a reply: such as 30m; -1 for ever, 0 not at all."""
    load_timeout_s: float = Field(default=300.0, gt=0, le=7200)
    """How long (s) the server may take at start to load the model into memory."""

    @field_validator("keep_alive")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        if not _DURATION.fullmatch(text):
            raise ValueError("it must be a duration such as 30m or 1h30m, a number of seconds, or -1")
        return text


def _json_object(text: str) -> dict[str, Any]:
    parsed = json.loads(text or "{}")
    if not isinstance(parsed, dict):
        raise ValueError("it must be a JSON object")
    return parsed


class _Compatible(SettingsGroup):
    sight: Literal["auto", "on", "off"] = "auto"
    """Whether the model is shown pictures: auto if the server's list of models says that it takes them."""
    extra: str = ""
    """Further fields of every request: a JSON object such as {"chat_template_kwargs": {"enable_thinking": false}}."""

    @field_validator("extra")
    @classmethod
    def _is_json_object(cls, text: str) -> str:
        try:
            _json_object(text)
        except ValueError as error:
            raise ValueError(f'it must be a JSON object such as {{"logprobs": false}} ({error})') from None
        return text

    @property
    def extra_fields(self) -> dict[str, Any]:
        """`extra` as data."""
        return _json_object(self.extra)


class OpenRouterSettings(_Compatible):
    """OpenRouter."""

    api_key: Annotated[SecretStr, Env("OPENROUTER_API_KEY")] = _NO_KEY
    """Key of an OpenRouter account."""
    model: Annotated[str, Env("OPENROUTER_MODEL")] = ""
    """Model that OpenRouter answers with, by its name on openrouter.ai/models."""
    base_url: Annotated[str, Env("OPENROUTER_BASE_URL")] = "https://openrouter.ai/api/v1"
    """Address of OpenRouter's API."""


class OpenAiSettings(_Compatible):
    """Any server with OpenAI's chat completions: OpenAI, vLLM, llama.cpp, LM Studio."""

    api_key: Annotated[SecretStr, Env("OPENAI_API_KEY")] = _NO_KEY
    """Key of the server; empty if it wants none."""
    model: Annotated[str, Env("OPENAI_MODEL")] = ""
    """Model the server answers with; empty for the first one it lists."""
    base_url: Annotated[str, Env("OPENAI_BASE_URL")] = "http://127.0.0.1:8080/v1"
    """Address of the server's API, up to and with /v1."""
    dialect: Literal["auto", "extended", "strict"] = "auto"
    """Sampling fields sent: strict for OpenAI's own, extended for top_k, min_p and repetition penalty too."""


class FailoverSettings(SettingsGroup):
    """When the next model of the list answers instead."""

    first_token_s: float = Field(default=3.0, gt=0, le=120)
    """How long (s) a model may take to its first word while another one could answer instead."""
    tolerate: int = Field(default=1, ge=1, le=100)
    """Failures in a row after which a model is rested."""
    rest_s: float = Field(default=30.0, gt=0, le=86400)
    """First rest (s) of a failing model. A request beside the talk then tries it; each failure doubles the rest."""
    longest_rest_s: float = Field(default=600.0, gt=0, le=86400)
    """Longest rest (s) of a failing model."""
    probe_s: float = Field(default=30.0, gt=0, le=600)
    """How long (s) a rested model may take to its first word when it is tried again beside the talk."""
    retry_after_s: float = Field(default=1.0, ge=0, le=60)
    """Longest wait (s) a busy server may ask for (Retry-After) to be asked again; a longer one counts as a failure."""


class CacheSettings(SettingsGroup):
    """Replies kept for the same question."""

    enabled: bool = False
    """Give the same reply to the same conversation. Off: people who talk expect a new one."""
    entries: int = Field(default=1000, ge=1, le=1_000_000)
    """How many replies are kept; the one unused for longest goes first."""
    ttl_s: float = Field(default=3600.0, gt=0, le=31_536_000)
    """How long (s) a reply is kept."""


class LanguageSettings(SettingsGroup):
    """Which language model answers, and how."""

    provider: Annotated[str, Env("LLM_PROVIDER")] = "embedded"
    """Language model: embedded (llama.cpp in process), ollama, openrouter, openai (or compatible), scripted (tests)."""
    fallbacks: tuple[str, ...] = ()
    """Models that answer when those before them fail, in order, such as ["ollama:llama3.2:1b", "embedded"]."""
    temperature_limits: tuple[str, ...] = ()
    """Highest temperature of single models, such as ["ollama:llama3.2:1b=0.4"], for those that ramble above it."""
    embedded_model: str = "smollm2-135m-instruct"
    """The embedded engine's model, by its name in `acore models list`, or the path of a GGUF file."""
    embedded_eight_bit: bool = True
    """Use a small model's Q4_1 weights in eight bits (Q8_0), written out once: the embedded engine reads those a third
    faster, the answers are the same but for rounding, and it takes half as much memory again."""
    embedded_kept_prompts_mib: int = Field(default=KEPT_PROMPTS_MIB, ge=0, le=65536)
    """Memory (MiB) for what the embedded engine has read of prompts that others pushed aside; 0 to read them anew."""
    embedded_calls: int = Field(default=CALLS, ge=0, le=32)
    """Calls whose conversations the embedded engine keeps in mind at once: one more must be read anew at each turn.
    Each takes 47 MB with the default model. 0: calls share a place with text."""
    context_tokens: int = Field(default=0, ge=0, le=2_000_000)
    """The most tokens a model is shown, and what the embedded one and Ollama allot, as far as the model takes them.
    0: 2048 (embedded), 4096 (Ollama, or what its model file says), 8192 (servers; 4096 if they do not say theirs)."""
    history_messages: int = Field(default=30, ge=2, le=1000)
    """How many messages of the conversation the model is shown at most."""
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long (s) the next token may take before the reply is given up."""
    sampling: Sampling = Sampling()
    """How the next token is chosen."""
    ollama: OllamaSettings = OllamaSettings()
    """The Ollama server."""
    openrouter: OpenRouterSettings = OpenRouterSettings()
    """OpenRouter."""
    openai: OpenAiSettings = OpenAiSettings()
    """A server compatible with OpenAI's."""
    failover: FailoverSettings = FailoverSettings()
    """When the next model answers instead."""
    cache: CacheSettings = CacheSettings()
    """Replies kept for the same question."""
    scripted_replies: tuple[str, ...] = ("Hello! It is good to hear you. How was your day?",)
    """What the scripted engine answers, reply by reply, starting over at the end."""
    scripted_first_token_ms: float = Field(default=80.0, ge=0, le=60000)
    """How long (ms) the scripted engine takes to its first token."""
    scripted_per_token_ms: float = Field(default=15.0, ge=0, le=10000)
    """How long (ms) the scripted engine takes for each further token."""

    def for_calls(self, most: int) -> "LanguageSettings":
        """The same for who makes so many calls at most."""
        return self.model_copy(update={"embedded_calls": min(self.embedded_calls, most)})

    @field_validator("context_tokens")
    @classmethod
    def _is_no_tiny_context(cls, tokens: int) -> int:
        if 0 < tokens < _LEAST_CONTEXT:
            raise ValueError(f"it must be 0 or at least {_LEAST_CONTEXT}")
        return tokens
