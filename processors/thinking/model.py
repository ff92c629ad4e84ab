"""The thinking model: small questions with a deadline, answered beside the language model, never before it.

Whoever asks brings the answer that holds if no model is set, or if it is late, fails or rambles: asking never fails
and never takes longer than the deadline.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from loguru import logger
from pydantic import BaseModel

from processors.errors import EngineError
from processors.lanes import Priority
from processors.language.breaker import Breaker, Phase, failed, probing, succeeded
from processors.language.chain import ModelRef, parse_ref
from processors.language.engines import LanguageModel, Message, make_engine
from processors.language.settings import LanguageSettings, Sampling
from processors.models import ModelStore
from processors.thinking.settings import ThinkingSettings

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_DECIDE_TOKENS = 3
_LABEL_TOKENS = 12
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Thought(Generic[T]):
    """An answer, and where it came from."""

    value: T
    by_model: bool
    """False if it is the default."""
    took_ms: float


@dataclass(slots=True)
class ThinkingCounts:
    """What became of the questions since the start, for metrics."""

    answered: int = 0
    late: int = 0
    failed: int = 0
    unclear: int = 0
    """Answers in which none of the choices was found."""
    unasked: int = 0
    """Questions that got their default at once, because no model is set or it rests."""


class ThinkingModel:
    """Decides, classifies and writes short texts, each within its deadline."""

    def __init__(self, llm: LanguageModel | None, settings: ThinkingSettings) -> None:
        """
        Args:
            llm: None to answer everything with its default.
        """
        self._llm = llm
        self._settings = settings
        self._breaker = Breaker()
        self.counts = ThinkingCounts()

    @property
    def asks(self) -> bool:
        """Whether there is a model to ask."""
        return self._llm is not None

    async def start(self) -> None:
        """Start the model.

        Raises:
            SettingError: a setting is wrong.
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here, or cannot be reached.
        """
        if self._llm:
            await self._llm.start()

    async def decide(self, question: str, situation: str, *, default: bool) -> Thought[bool]:
        """Answer a question about a situation with yes or no."""
        system = "You decide quickly and reliably. Answer with one word: yes or no."
        ask = _messages(system, f"{situation}\n\nQuestion: {question} Answer yes or no.")
        deadline_ms = self._settings.decide_ms
        return await self._think(ask, _DECIDE_TOKENS, deadline_ms, lambda text: _YES_NO[_first(text, _YES_NO)], default)

    async def classify(self, question: str, situation: str, labels: Sequence[str], *, default: str) -> Thought[str]:
        """Choose one of `labels`."""
        system = f"You decide quickly and reliably. Answer with exactly one of: {', '.join(labels)}."
        ask = _messages(system, f"{situation}\n\nQuestion: {question}")
        deadline_ms = self._settings.classify_ms
        return await self._think(ask, _LABEL_TOKENS, deadline_ms, lambda text: _first(text, labels), default)

    async def generate(self, instruction: str, text: str, *, default: str, max_tokens: int = 60) -> Thought[str]:
        """Write a short text by an instruction."""
        ask = _messages(instruction, text)
        return await self._think(ask, max_tokens, self._settings.generate_ms, _not_empty, default)

    async def extract(self, instruction: str, text: str, shape: type[M], *, max_tokens: int = 300) -> Thought[M | None]:
        """Take notes on a text, as a JSON object of `shape`; None if there are none. Beside everything that is
        waited for: anything else on the same engine goes first."""
        schema = json.dumps(shape.model_json_schema(), separators=(",", ":"))
        ask = _messages(f"{instruction}\nAnswer with one JSON object and nothing else. Its schema: {schema}", text)

        def read(answer: str) -> M | None:
            return _json_of(answer, shape)

        return await self._think(ask, max_tokens, self._settings.extract_ms, read, None, Priority.BACKGROUND)

    async def close(self) -> None:
        """Free what the model holds."""
        if self._llm:
            await self._llm.close()

    async def _think(
        self,
        messages: list[Message],
        max_tokens: int,
        deadline_ms: int,
        read: Callable[[str], T],
        default: T,
        priority: Priority = Priority.SPECULATION,
    ) -> Thought[T]:
        loop = asyncio.get_running_loop()
        asked_s, before = loop.time(), self._breaker
        if self._llm is None or not (before.phase is Phase.CLOSED or before.probe_due(asked_s)):
            self.counts.unasked += 1
            return Thought(default, False, 0.0)
        if before.phase is Phase.OPEN:
            self._breaker = probing(before)
        value, by_model = default, False
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
                text = await self._answer(self._llm, messages, sampling, priority)
        except TimeoutError:
            self.counts.late += 1
            # Notes that take long say nothing about how quickly a yes or no would come.
            if priority is not Priority.BACKGROUND:
                self._failed(f"no answer within {deadline_ms} ms")
        except EngineError as error:
            self.counts.failed += 1
            self._failed(str(error))
        except asyncio.CancelledError:
            self._breaker = before
            raise
        else:
            self._breaker = succeeded()
            try:
                value, by_model = read(text), True
                self.counts.answered += 1
            except LookupError:
                self.counts.unclear += 1
        return Thought(value, by_model, (loop.time() - asked_s) * 1000)

    @staticmethod
    async def _answer(llm: LanguageModel, messages: list[Message], sampling: Sampling, priority: Priority) -> str:
        async with contextlib.aclosing(llm.stream(messages, sampling, priority=priority)) as deltas:
            return "".join([delta.text async for delta in deltas])

    def _failed(self, reason: str) -> None:
        now_s = asyncio.get_running_loop().time()
        self._breaker = failed(self._breaker, now_s, self._settings)
        if self._breaker.phase is Phase.OPEN:
            rest_s = self._breaker.until_s - now_s
            logger.warning("the thinking model rests for {:.0f} s, rules decide meanwhile: {}", rest_s, reason)


def make_thinking(thinking: ThinkingSettings, language: LanguageSettings, store: ModelStore) -> ThinkingModel:
    """The model that `THINKING_PROVIDER` and `THINKING_MODEL` name; without either, none.

    Raises:
        SettingError: no engine has that name, or what it needs is not set.
    """
    ref = thinking_ref(thinking, language)
    if ref is None:
        return ThinkingModel(None, thinking)
    setting = "THINKING_PROVIDER" if thinking.provider else "LLM_PROVIDER"
    return ThinkingModel(make_engine(language.for_calls(1), store, ref, setting=setting), thinking)


def thinking_ref(thinking: ThinkingSettings, language: LanguageSettings) -> ModelRef | None:
    """The model that `THINKING_PROVIDER` and `THINKING_MODEL` name, if they do."""
    if not (thinking.provider or thinking.model):
        return None
    provider = thinking.provider or language.provider
    return ModelRef(provider, thinking.model) if thinking.model else parse_ref(provider, language)


def _messages(system: str, text: str) -> list[Message]:
    return [Message("system", system), Message("user", text)]


def _first(text: str, choices: Sequence[str] | dict[str, bool]) -> str:
    """The choice that stands first in `text`, as a whole word; of two at the same place the longer one.

    Raises:
        LookupError: none does.
    """
    found = [
        (match.start(), -len(choice), choice)
        for choice in choices
        if (match := re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text, re.IGNORECASE))
    ]
    if not found:
        raise LookupError(text)
    return min(found)[2]


def _json_of(text: str, shape: type[M]) -> M:
    """The first JSON object in `text` (models like to put words and fences around it), checked against `shape`.

    Raises:
        LookupError: there is none, or it is not of that shape.
    """
    start = text.find("{")
    try:
        document, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else (None, 0)
        return shape.model_validate(document)
    except (ValueError, RecursionError) as error:
        raise LookupError("no such JSON") from error


def _not_empty(text: str) -> str:
    if not (stripped := text.strip()):
        raise LookupError("empty")
    return stripped
