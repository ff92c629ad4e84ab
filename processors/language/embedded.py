"""llama.cpp in process (xllamacpp): the embedded language model. Any GGUF file; SmolLM2-135M by default."""

import asyncio
import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from processors.errors import EngineError, ModelError, ModelMissingError
from processors.lanes import Job, Lane, Priority, StreamJob
from processors.language.eight_bit import in_eight_bits
from processors.language.engines import Delta, Finish, Message, Usage, context_within
from processors.language.gguf import trained_context
from processors.language.seats import Seats
from processors.language.settings import CALLS, KEPT_PROMPTS_MIB, Sampling
from processors.language.tool_calls import CallAssembler, Tool, described, openai_message
from processors.models import ModelStore

_USUAL_CONTEXT = 2048
"""Tokens. Each takes 23 KB of memory in every slot, and 4 ms to be read, with the default model."""
_MOST_THREADS = 8
_READ_AT_ONCE = 16
"""Tokens of a prompt that are read before the next look at who else wants the model: 75 ms of the default one. Of 64
at a time each would be read a thirtieth faster."""
_EIGHT_BITS = ".eight-bit"
"""Folder in the store."""
_BEGINNING = 16
"""Tokens. Some five seconds of speech, and the model writes the next sixteen in a fraction of one."""
_COURTESY_S = 0.5
"""A voice turn asks several times in a row; for this long after each the others leave the cores to it."""
_LEAST_TO_LEARN_FROM = 16
"""Tokens. With fewer it is not their reading that takes the time."""
_SMOOTHING = 0.2
_MOST_COURTESY_S = 1.5
"""Nobody waits longer than this at a time for turns that may not come: LANGUAGE_FAILOVER_FIRST_TOKEN_S is near."""


class EmbeddedLlm:
    """One model, one thread that waits for it, and slots, each with what it has read so far.

    Each call has a slot to itself, up to `calls` of them. Text and memory share another and give way: when a turn asks,
    their reply stops at its next token, or their prompt at its next 16, and is taken up where it was when the turn is
    through. So does a spoken reply once enough of it is there to be said meanwhile. A cancelled one stops in the same
    way.
    """

    def __init__(
        self,
        store: ModelStore,
        model: str,
        *,
        context_tokens: int,
        kept_prompts_mib: int = KEPT_PROMPTS_MIB,
        calls: int = CALLS,
        eight_bit: bool = True,
    ) -> None:
        """
        Args:
            context_tokens: what each slot is allotted, as far as the model takes it; 0 for what is usual.
            eight_bit: a small model's four-bit weights are written out in eight bits, and those are used.
        """
        self._eight_bit = eight_bit
        self._kept_prompts_mib = kept_prompts_mib
        self._calls = calls
        self._seats = Seats(max(1, calls))
        self._store = store
        self._model = model
        self._allowed_tokens = context_tokens
        self._context_tokens = context_tokens
        self._lane = Lane("llm")
        self._server: Any = None
        # Set while no turn is under way, as far as one can tell.
        self._free = asyncio.Event()
        self._free.set()
        self._row = asyncio.Lock()
        self._courtesy: asyncio.TimerHandle | None = None
        self._token_ms = 0.0

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    @property
    def token_ms(self) -> float:
        return self._token_ms

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        request = _request(messages, Sampling(max_tokens=1), self._seats.of(room), tools)
        self._note_turn()
        try:
            # Stopped for a turn, it has done its part: what was read is kept.
            await self._lane.run(
                lambda job: self._complete(job, request, lambda written: Priority.SPECULATION),
                priority=Priority.SPECULATION,
            )
        finally:
            self._note_turn()

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        said: list[str] = []
        before = 0
        gave_way = True
        waits = priority is Priority.BACKGROUND

        def standing(written: int) -> Priority | None:
            if waits:
                return priority
            # One that has just begun is waited for, though it may have been begun on a guess.
            return Priority.UNHEARD if before + written >= _BEGINNING else None

        def work(job: StreamJob[Delta]) -> None:
            nonlocal gave_way
            gave_way = False
            try:
                gave_way = self._complete(job, request, standing)
            finally:
                if not gave_way:
                    leave()

        async with self._place(priority) as leave:
            while gave_way:
                if waits:
                    await self._let_the_turn_pass()
                before = len(said)
                left = sampling.max_tokens - before
                if left <= 0:
                    yield Delta("", "length")
                    return
                # The model goes on with what it has said already.
                asked = [*messages, Message("assistant", "".join(said))] if said else messages
                slot = self._calls if waits else self._seats.of(room)
                request = _request(asked, sampling.model_copy(update={"max_tokens": left}), slot, tools)
                queued = standing(0) or priority
                async with contextlib.aclosing(self._lane.stream(work, priority=queued)) as deltas:
                    async for delta in deltas:
                        if not waits:
                            self._note_turn()
                        said.append(delta.text)
                        yield delta

    async def close(self) -> None:
        if self._courtesy:
            self._courtesy.cancel()
        await self._lane.close()
        self._server = None

    @contextlib.asynccontextmanager
    async def _place(self, priority: Priority) -> AsyncGenerator[Callable[[], None]]:
        """A place in the row of those who give way, and how a thread leaves it.

        One of them asks at a time: the others would begin as soon as a turn's first request is through, and whoever
        was stopped is to go on first, while its slot still holds what was read.
        """
        if priority is not Priority.BACKGROUND:
            yield lambda: None
            return
        loop, left = asyncio.get_running_loop(), False
        await self._row.acquire()

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._row.release()

        def leave_soon() -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(leave)

        try:
            yield leave_soon
        finally:
            leave()

    def _note_turn(self) -> None:
        self._free.clear()
        if self._courtesy:
            self._courtesy.cancel()
        self._courtesy = asyncio.get_running_loop().call_later(_COURTESY_S, self._free.set)

    async def _let_the_turn_pass(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOST_COURTESY_S):
                await self._free.wait()

    def _load(self, job: Job) -> None:
        xllamacpp: Any = importlib.import_module("xllamacpp")
        path = self._path()
        self._context_tokens = context_within(
            trained_context(path), self._allowed_tokens, path.name, usual=_USUAL_CONTEXT
        )
        params = xllamacpp.CommonParams()
        params.model.path = str(self._quick(path))
        params.n_parallel = self._calls + 1
        params.n_ctx = self._context_tokens * params.n_parallel
        params.n_batch = params.n_ubatch = _READ_AT_ONCE
        # Not set, it is 8 GiB.
        params.cache_ram_mib = self._kept_prompts_mib
        # Short prompts behind a few hundred tokens are read an eighth faster without it on a CPU.
        params.flash_attn_type = 0
        # Its threads wait for each other after every layer, spinning: one whose core somebody else has (and a turn's
        # speech recognition, judgement of its end and voice do) costs ten times what its help saves.
        threads = max(1, min(os.cpu_count() or 1, _MOST_THREADS) // 2)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = -1
        try:
            self._server = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"llama.cpp could not load {path}: {error} (LANGUAGE_EMBEDDED_MODEL)") from error

    def _path(self) -> Path:
        path = Path(self._model).expanduser()
        if path.suffix.lower() != ".gguf":
            return self._store.resolve(self._model).main
        if not path.is_file():
            raise ModelMissingError(f"there is no model file {path} (LANGUAGE_EMBEDDED_MODEL)")
        return path

    def _quick(self, path: Path) -> Path:
        """The file of the same model that is read fastest."""
        if not self._eight_bit:
            return path
        try:
            return in_eight_bits(path, self._store.folder / _EIGHT_BITS)
        except ModelError as error:
            logger.warning("{}: {} is used as it is, which is slower", error, path.name)
            return path

    def _complete(self, job: Job, request: dict[str, Any], standing: Callable[[int], Priority | None]) -> bool:
        """Have llama.cpp answer. Returns whether it was stopped for somebody who goes first.

        Args:
            standing: the job's priority when so many pieces are written; None while it makes way for nobody.
        """
        if self._server is None:
            raise EngineError("the embedded language model is not loaded")
        failure: list[str] = []
        finished = gave_way = False
        written = 0
        emit = job.emit if isinstance(job, StreamJob) else None
        assembler = CallAssembler("the embedded language model")

        def on_chunk(chunk: Any) -> bool:
            nonlocal finished, gave_way, written
            for event in chunk if isinstance(chunk, list) else [chunk]:
                if "error" in event:
                    failure.append(str(event["error"].get("message", event["error"])))
                    return True
                if timings := event.get("timings"):
                    _log(timings)
                    self._learn(timings)
                try:
                    delta = _delta(event, assembler)
                except EngineError as error:
                    # Raised here it would be llama.cpp's to deal with.
                    failure.append(str(error))
                    return True
                if delta:
                    finished = finished or delta.finish is not None
                    written += 1
                    if emit:
                        emit(delta)
            # Half a call cannot be gone on with.
            if not finished and not assembler.begun and (now := standing(written)) is not None:
                gave_way = job.outranked(now)
            return job.cancelled or gave_way

        try:
            self._server.handle_chat_completions(request, on_chunk)
        except (RuntimeError, ValueError) as error:
            failure.append(str(error))
        if failure and not job.cancelled:
            raise EngineError(f"the embedded language model failed: {failure[0]}", retryable=True)
        return gave_way

    def _learn(self, timings: dict[str, Any]) -> None:
        read, took_ms = int(timings.get("prompt_n", 0)), float(timings.get("prompt_ms", 0.0))
        if read >= _LEAST_TO_LEARN_FROM:
            share = _SMOOTHING if self._token_ms else 1.0
            self._token_ms += (took_ms / read - self._token_ms) * share


def _request(messages: Sequence[Message], sampling: Sampling, slot: int, tools: Sequence[Tool] = ()) -> dict[str, Any]:
    offered = {"tools": described(tools)} if tools else {}
    return {
        "messages": [openai_message(message) for message in messages],
        "stream": True,
        "cache_prompt": True,
        # The prompt is reported as it is read, so that reading can be stopped.
        "return_progress": True,
        "id_slot": slot,
        **offered,
        **sampling.model_dump(),
    }


def _log(timings: dict[str, Any]) -> None:
    logger.debug(
        "prompt: {} tokens from the cache, {} read in {:.0f} ms; {} written in {:.0f} ms",
        timings.get("cache_n", 0),
        timings.get("prompt_n", 0),
        timings.get("prompt_ms", 0.0),
        timings.get("predicted_n", 0),
        timings.get("predicted_ms", 0.0),
    )


def _delta(event: dict[str, Any], assembler: CallAssembler) -> Delta | None:
    choices = event.get("choices")
    if not choices:
        return None
    brought = choices[0].get("delta") or {}
    text, calls = brought.get("content") or "", assembler.feed(brought.get("tool_calls"))
    reason = choices[0].get("finish_reason")
    finish: Finish | None = None
    if reason is not None:
        calls += assembler.end(cut_short=reason == "length")
        finish = "length" if reason == "length" else "tools" if assembler.begun else "stop"
    return Delta(text, finish, _usage(event.get("timings")), calls) if text or finish or calls else None


def _usage(timings: dict[str, Any] | None) -> Usage | None:
    if timings is None:
        return None
    cached = int(timings.get("cache_n", 0))
    return Usage(cached + int(timings.get("prompt_n", 0)), cached)
