"""Servers that speak OpenAI's chat completions: where they are, what they want, and what their refusals mean."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from processors.errors import EngineError, SettingError
from processors.language.engines import Message, Usage
from processors.language.errors import BusyError, asked_wait_s
from processors.language.settings import LanguageSettings, Sampling
from processors.language.tool_calls import Tool, described, openai_message

_MOST_SHOWN = 200
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
"""What vLLM, OpenRouter and others call the context of a model in their list."""
_SIGHT = {"auto": None, "on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Service:
    """One server, and the settings that name it."""

    name: str
    url: str
    url_setting: str
    key: str = field(repr=False)
    key_setting: str
    model: str
    """Empty for the first one the server lists."""
    model_setting: str
    sees: bool | None = None
    """Whether the model takes pictures; None to believe what the server says of it."""
    strict: bool = False
    """Whether it takes only the fields of OpenAI's own API."""
    key_check: str | None = None
    """Path that answers only to a valid key, for a server whose list of models is public."""
    reads_ahead: bool = True
    """Whether having it read a prompt ahead makes the next reply sooner, at no cost to the user."""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request."""

    def __post_init__(self) -> None:
        """
        Raises:
            SettingError: the address or the key cannot be one.
        """
        if not _is_address(self.url):
            raise SettingError(f"{self.url_setting} is {self.url!r}; it must be an address such as http://host:8080/v1")
        if not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise SettingError(f"{self.key_setting} holds a blank or a character that no key has; copy it once more")


def openrouter_service(settings: LanguageSettings) -> Service:
    """OpenRouter, as the settings have it.

    Raises:
        SettingError: the key or the model is missing.
    """
    openrouter = settings.openrouter
    key = openrouter.api_key.get_secret_value().strip()
    if not key:
        raise SettingError("OPENROUTER_API_KEY is empty; LLM_PROVIDER=openrouter needs a key of openrouter.ai/keys")
    if not openrouter.model:
        raise SettingError("OPENROUTER_MODEL is empty; it must name a model of openrouter.ai/models")
    return Service(
        name="OpenRouter",
        url=openrouter.base_url.rstrip("/"),
        url_setting="OPENROUTER_BASE_URL",
        key=key,
        key_setting="OPENROUTER_API_KEY",
        model=openrouter.model,
        model_setting="OPENROUTER_MODEL",
        key_check="/key",
        reads_ahead=False,
        headers={"X-Title": "Acore"},
        extra=openrouter.extra_fields,
        sees=_SIGHT[openrouter.sight],
    )


def openai_service(settings: LanguageSettings) -> Service:
    """The server at `OPENAI_BASE_URL`, as the settings have it.

    Raises:
        SettingError: the address cannot be one.
    """
    given = settings.openai
    own = urlsplit(given.base_url).hostname == "api.openai.com"
    strict = given.dialect == "strict" or (given.dialect == "auto" and own)
    return Service(
        name="the OpenAI-compatible server",
        url=given.base_url.rstrip("/"),
        url_setting="OPENAI_BASE_URL",
        key=given.api_key.get_secret_value().strip(),
        key_setting="OPENAI_API_KEY",
        model=given.model,
        model_setting="OPENAI_MODEL",
        strict=strict,
        reads_ahead=not own,
        extra=given.extra_fields,
        sees=_SIGHT[given.sight],
    )


def request_body(
    service: Service, model: str, messages: list[Message], sampling: Sampling, tools: Sequence[Tool] = ()
) -> dict[str, Any]:
    """The JSON of one streamed request. Every field of `sampling` that the server can take is in it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [openai_message(message) for message in messages],
        "stream": True,
        # The prompt's length, and how much of it the server still knew, come behind the reply.
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if tools:
        body["tools"] = described(tools)
    if sampling.seed >= 0:
        body["seed"] = sampling.seed
    if service.strict:
        body["max_completion_tokens"] = sampling.max_tokens
    else:
        body |= {
            "max_tokens": sampling.max_tokens,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            # vLLM and OpenRouter call it the one, llama.cpp and LM Studio the other.
            "repetition_penalty": sampling.repeat_penalty,
            "repeat_penalty": sampling.repeat_penalty,
        }
    return body | dict(service.extra)


def context_length(model: Mapping[str, Any]) -> int:
    """The context (tokens) of a listed model; 0 where the server does not say. Of several numbers the least: what
    OpenRouter's first host takes may be less than what the model was made for, as may what llama.cpp has allotted."""
    places = [model, *(model.get(name) for name in ("top_provider", "meta"))]
    told = [place[name] for place in places if isinstance(place, dict) for name in _CONTEXT_NAMES if name in place]
    if isinstance(meta := model.get("meta"), dict):
        told += [meta[name] for name in ("n_ctx", "n_ctx_train") if name in meta]
    return min((length for length in told if _is_count(length) and length > 0), default=0)


def prompt_usage(event: Mapping[str, Any]) -> Usage | None:
    """What an event of a stream says of the prompt, if it does."""
    usage = event.get("usage")
    if not isinstance(usage, dict) or not _is_count(prompt := usage.get("prompt_tokens")) or prompt == 0:
        return None
    details, timings = usage.get("prompt_tokens_details"), event.get("timings")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None and isinstance(timings, dict):
        # llama.cpp's own way to say it.
        cached = timings.get("cache_n")
    return Usage(prompt, min(cached, prompt) if _is_count(cached) else None)


def refusal(service: Service, model: str, status: int, body: bytes, retry_after: str | None = None) -> EngineError:
    """What an answer other than 200 means for the user. The key is never part of it."""
    told = said(service, body)
    because = f": {told}" if told else ""
    match status:
        case 401 | 403 if not service.key:
            return EngineError(
                f"{service.key_setting} is empty, and {service.name} at {service.url} wants a key{because}"
            )
        case 401 | 403:
            return EngineError(
                f"{service.name} at {service.url} refuses the key ({status}{because}); set {service.key_setting} to a "
                "valid one"
            )
        case 402:
            return EngineError(f"{service.name}: the account of {service.key_setting} has no credit left{because}")
        case 404:
            return EngineError(
                f"{service.name} answers 404 for {model or 'its list of models'}{because}; check "
                f"{service.model_setting} and {service.url_setting} ({service.url}), which usually ends in /v1"
            )
        case 429:
            seconds = asked_wait_s(retry_after)
            wait = "" if seconds is None else f", for {seconds:g} s"
            return BusyError(f"{service.name} takes no more requests{wait} (429{because})", retry_after_s=seconds)
        case 503 if (seconds := asked_wait_s(retry_after)) is not None:
            return BusyError(f"{service.name} is busy, for {seconds:g} s (503{because})", retry_after_s=seconds)
        case 408:
            return EngineError(f"{service.name} gave up on the request (408{because})", retryable=True)
        case _ if status >= 500:
            return EngineError(f"{service.name} at {service.url} failed ({status}{because})", retryable=True)
        case _:
            return EngineError(f"{service.name} at {service.url} refuses the request ({status}{because})")


def said(service: Service, body: bytes) -> str:
    """What a server says of its error, in one short line."""
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else text
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or text
    return without_key(service, " ".join(str(error).split()))[:_MOST_SHOWN]


def without_key(service: Service, text: str) -> str:
    """`text`, should a server repeat the key it was given, without it."""
    return text.replace(service.key, "[key]") if service.key else text


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
