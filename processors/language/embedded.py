"""llama.cpp in process (xllamacpp): the embedded language model. Any GGUF file; SmolLM2-135M by default."""

import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from processors.errors import EngineError, ModelMissingError
from processors.lanes import Job, Lane, Priority, StreamJob
from processors.language.engines import Delta, Finish, Message
from processors.language.settings import Sampling
from processors.models import ModelStore

_MOST_THREADS = 8


class EmbeddedLlm:
    """One model, one slot, one thread that waits for it. The slot's prefix cache carries over from turn to turn.

    A cancelled reply stops at its next token; a prompt being read is read to its end.
    """

    def __init__(self, store: ModelStore, model: str, *, context_tokens: int) -> None:
        self._store = store
        self._model = model
        self._context_tokens = context_tokens
        self._lane = Lane("llm")
        self._server: Any = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def prefill(self, messages: Sequence[Message]) -> None:
        request = _request(messages, Sampling(max_tokens=1))
        await self._lane.run(lambda job: self._complete(job, request), priority=Priority.SPECULATION)

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Delta, None]:
        request = _request(messages, sampling)

        def work(job: StreamJob[Delta]) -> None:
            self._complete(job, request, job)

        async with contextlib.aclosing(self._lane.stream(work, priority=priority)) as deltas:
            async for delta in deltas:
                yield delta

    async def close(self) -> None:
        await self._lane.close()
        self._server = None

    def _load(self, job: Job) -> None:
        xllamacpp: Any = importlib.import_module("xllamacpp")
        path = self._path()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = self._context_tokens
        params.n_parallel = 1
        cores = min(os.cpu_count() or 1, _MOST_THREADS)
        params.cpuparams_batch.n_threads = cores
        # A token at a time is bound by memory: half the cores write as fast, and the voice has the other half.
        params.cpuparams.n_threads = max(1, cores // 2)
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

    def _complete(self, job: Job, request: dict[str, Any], out: StreamJob[Delta] | None = None) -> None:
        if self._server is None:
            raise EngineError("the embedded language model is not loaded")
        failure: list[str] = []

        def on_chunk(chunk: Any) -> bool:
            for event in chunk if isinstance(chunk, list) else [chunk]:
                if "error" in event:
                    failure.append(str(event["error"].get("message", event["error"])))
                    return True
                if timings := event.get("timings"):
                    logger.debug(
                        "prompt: {} tokens from the cache, {} read in {:.0f} ms; {} written in {:.0f} ms",
                        timings.get("cache_n", 0),
                        timings.get("prompt_n", 0),
                        timings.get("prompt_ms", 0.0),
                        timings.get("predicted_n", 0),
                        timings.get("predicted_ms", 0.0),
                    )
                delta = _delta(event)
                if out and delta:
                    out.emit(delta)
            return job.cancelled

        try:
            self._server.handle_chat_completions(request, on_chunk)
        except (RuntimeError, ValueError) as error:
            failure.append(str(error))
        if failure and not job.cancelled:
            raise EngineError(f"the embedded language model failed: {failure[0]}", retryable=True)


def _request(messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
    return {
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "cache_prompt": True,
        **sampling.model_dump(),
    }


def _delta(event: dict[str, Any]) -> Delta | None:
    choices = event.get("choices")
    if not choices:
        return None
    text = choices[0].get("delta", {}).get("content") or ""
    reason = choices[0].get("finish_reason")
    finish: Finish | None = None if reason is None else ("length" if reason == "length" else "stop")
    return Delta(text, finish) if text or finish else None
