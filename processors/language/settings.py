"""Settings of the language model."""

from typing import Annotated

from pydantic import Field

from processors.setting_names import Env, SettingsGroup


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


class LanguageSettings(SettingsGroup):
    """Which language model answers, and how."""

    provider: Annotated[str, Env("LLM_PROVIDER")] = "embedded"
    """Language model engine: embedded (llama.cpp in process) or scripted (tests and benchmarks)."""
    embedded_model: str = "smollm2-135m-instruct"
    """The embedded engine's model, by its name in `acore models list`, or the path of a GGUF file."""
    context_tokens: int = Field(default=2048, ge=512, le=131072)
    """Length of the embedded model's context in tokens."""
    history_messages: int = Field(default=30, ge=2, le=1000)
    """How many messages of the conversation the model is shown at most."""
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long (s) the next token may take before the reply is given up."""
    sampling: Sampling = Sampling()
    """How the next token is chosen."""
    scripted_replies: tuple[str, ...] = ("Hello! It is good to hear you. How was your day?",)
    """What the scripted engine answers, reply by reply, starting over at the end."""
    scripted_first_token_ms: float = Field(default=80.0, ge=0, le=60000)
    """How long (ms) the scripted engine takes to its first token."""
    scripted_per_token_ms: float = Field(default=15.0, ge=0, le=10000)
    """How long (ms) the scripted engine takes for each further token."""
