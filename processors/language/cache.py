"""Replies kept for the same question: least recently used goes first, and none is older than its time to live."""

import contextlib
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass, replace

from loguru import logger

from processors.lanes import Priority
from processors.language.engines import Delta, LanguageModel, Message, can_see, own_context, token_ms_of
from processors.language.settings import CacheSettings, Sampling
from processors.language.tool_calls import Tool


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What became of the requests since the start."""

    hits: int
    misses: int
    kept: int
    """Replies in the cache."""


class ResponseCache:
    """Whole replies by model, messages and sampling."""

    def __init__(self, settings: CacheSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, tuple[Delta, ...]]] = OrderedDict()
        self._hits = self._misses = 0

    @property
    def counts(self) -> CacheCounts:
        """Hits and misses so far."""
        return CacheCounts(self._hits, self._misses, len(self._kept))

    def get(self, key: bytes) -> tuple[Delta, ...] | None:
        """The reply kept under `key`, if it is not too old."""
        found = self._kept.get(key)
        if found is not None and self._clock() < found[0]:
            self._kept.move_to_end(key)
            self._hits += 1
            return found[1]
        self._kept.pop(key, None)
        self._misses += 1
        return None

    def put(self, key: bytes, reply: tuple[Delta, ...]) -> None:
        """Keep a whole reply."""
        self._kept[key] = self._clock() + self._settings.ttl_s, reply
        self._kept.move_to_end(key)
        while len(self._kept) > self._settings.entries:
            self._kept.popitem(last=False)


class CachedLlm:
    """A language model whose finished replies are given again, piece by piece as they came."""

    def __init__(self, llm: LanguageModel, name: str, cache: ResponseCache) -> None:
        """
        Args:
            name: tells its replies from those of other models in the same cache.
        """
        self._llm = llm
        self._name = name
        self._cache = cache

    @property
    def sees(self) -> bool:
        return can_see(self._llm)

    @property
    def context_tokens(self) -> int:
        return own_context(self._llm)

    @property
    def token_ms(self) -> float:
        return token_ms_of(self._llm)

    async def start(self) -> None:
        await self._llm.start()

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        await self._llm.prefill(messages, tools=tools, room=room)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        key = cache_key(self._name, messages, sampling, tools)
        if kept := self._cache.get(key):
            for delta in kept:
                yield delta
            return
        reply: list[Delta] = []
        asked = self._llm.stream(messages, sampling, tools=tools, priority=priority, room=room)
        async with contextlib.aclosing(asked) as deltas:
            async for delta in deltas:
                # Given again, it costs no prompt.
                reply.append(replace(delta, usage=None) if delta.usage else delta)
                yield delta
        # A stream that was closed or failed on the way does not come here: only whole replies are kept.
        if any(delta.text.strip() or delta.calls for delta in reply):
            self._cache.put(key, tuple(reply))

    async def close(self) -> None:
        counts = self._cache.counts
        logger.info("reply cache: {} hits, {} misses, {} replies kept", counts.hits, counts.misses, counts.kept)
        await self._llm.close()


def cache_key(name: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[Tool] = ()) -> bytes:
    """Equal for the same model, messages, sampling and tools, and for nothing else."""
    said, offered = [asdict(message) for message in messages], [asdict(tool) for tool in tools]
    everything = [name, said, sampling.model_dump(), offered]
    # Pictures are the only thing in it that JSON has no form for.
    text = json.dumps(everything, ensure_ascii=True, default=lambda data: hashlib.blake2b(data).hexdigest())
    return hashlib.blake2b(text.encode(), digest_size=20).digest()
