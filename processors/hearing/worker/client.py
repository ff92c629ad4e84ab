"""Our side: starts the worker, hands it segments, and starts it again when it dies."""

import asyncio
import contextlib
import itertools
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from loguru import logger

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.parakeet import SHORTEST_SAMPLES
from processors.hearing.settings import ParakeetSettings
from processors.hearing.worker.protocol import Message, decode, encode
from processors.lanes import Priority
from processors.language.waiting import outside_work
from processors.words import Transcript, Word

_FIRST_REST_S = 1.0
_LONGEST_REST_S = 60.0
_END_S = 5.0
_STDERR_LINES = 12


class WorkerStt:
    """A `SpeechToText` in a worker process. A cancelled call is forgotten; the worker skips it if it has not begun."""

    def __init__(self, command: Sequence[str], *, name: str, remedy: str, start_s: float) -> None:
        """
        Args:
            command: starts the worker.
            name: of the engine, for messages.
            remedy: what to do when it cannot be started.
            start_s: longest time it may take to load.
        """
        self._command = tuple(command)
        self._name, self._remedy, self._start_s = name, remedy, start_s
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()
        self._said: deque[str] = deque(maxlen=_STDERR_LINES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self) -> None:
        with outside_work():
            await self._launch()

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < SHORTEST_SAMPLES:
            return ""
        if not self._up.is_set() or self._process is None or self._process.stdin is None:
            raise EngineError(f"{self._name}: the worker is not running; it is being started again", retryable=True)
        pipe = self._process.stdin
        number = next(self._numbers)
        done = asyncio.get_running_loop().create_future()
        self._waiting[number] = done
        stream = f"{segment.speaker}/{segment.utterance}/{segment.part}"
        sound = segment.pcm.astype("<i2", copy=False).tobytes()
        try:
            # One write each, so that no cancellation can leave half a message in the pipe.
            pipe.write(encode({"id": number, "priority": int(priority), "stream": stream}, sound))
            with outside_work():
                return await done
        except asyncio.CancelledError:
            if self._up.is_set():
                pipe.write(encode({"cancel": number}))
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        self._closing = True
        await self._end()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _launch(self) -> None:
        """Start the worker and wait until it is ready.

        Raises:
            EngineError: it is not.
        """
        self._said.clear()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise EngineError(f"{self._name}: {self._command[0]} cannot be run ({error}); {self._remedy}") from error
        self._process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self._keep(self._listen_aside(process.stderr), "worker-stderr")
        try:
            async with asyncio.timeout(self._start_s):
                first = await _message(process.stdout)
        except TimeoutError:
            await self._end()
            raise EngineError(f"{self._name}: not loaded within {self._start_s:g} s; {self._remedy}") from None
        except BaseException:
            await self._end()
            raise
        if first is None or "ready" not in first:
            await self._end()
            why = first.get("unusable", first) if first else self._last_words()
            raise EngineError(f"{self._name} cannot run: {why}; {self._remedy}")
        self._up.set()
        logger.info("{} ready: {}", self._name, first["ready"])
        self._keep(self._listen(process), "worker-answers")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Take answers until the worker ends; then have another one started."""
        assert process.stdout is not None
        while (answer := await _message(process.stdout)) is not None:
            done = self._waiting.get(answer.get("id", 0))
            # Nobody waits for what was cancelled.
            if done is None or done.done():
                continue
            if "text" in answer:
                words = (Word(*word) for word in answer.get("words", ()))
                done.set_result(Transcript(answer["text"], words))
            else:
                done.set_exception(EngineError(f"{self._name} failed: {answer.get('error')}", retryable=True))
        self._up.clear()
        await self._end()
        error = f"{self._name}: the worker died (status {process.returncode}): {self._last_words()}"
        for done in self._waiting.values():
            if not done.done():
                done.set_exception(EngineError(error, retryable=True))
        if not self._closing:
            logger.error("{}", error)
            self._keep(self._relaunch(), "worker-restart")

    async def _relaunch(self) -> None:
        rest_s = _FIRST_REST_S
        while True:
            try:
                return await self._launch()
            except EngineError as error:
                logger.error("the worker did not start again, next try in {:.0f} s: {}", rest_s, error)
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, _LONGEST_REST_S)

    async def _listen_aside(self, source: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await source.readline()
            except ValueError:
                # A line longer than the buffer, such as a progress bar: dropped.
                continue
            if not line:
                return
            if text := line.decode("utf-8", "replace").strip():
                self._said.append(text)

    def _last_words(self) -> str:
        return self._said[-1] if self._said else "it said nothing"

    async def _end(self) -> None:
        """Close the worker's input, at which it ends; kill it if it does not."""
        self._up.clear()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(0.0 if self._closing else _END_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _keep(self, work, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _message(source: asyncio.StreamReader) -> Message | None:
    """The worker's next message; None when it has ended or lost its mind."""
    try:
        line = await source.readline()
        return decode(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def nemo_stt(settings: ParakeetSettings) -> WorkerStt:
    """`STT_ENGINE=parakeet-nemo`."""
    python = settings.nemo_python or sys.executable
    model = settings.nemo_model
    if model.endswith(".nemo"):
        model = str(Path(model).expanduser().absolute())
    return WorkerStt(
        (python, "-m", "processors.hearing.worker.nemo", model, settings.device),
        name="parakeet-nemo",
        remedy="check PARAKEET_NEMO_MODEL and PARAKEET_DEVICE, and that `pip install 'acore[nemo]'` was run for "
        f"{python} (PARAKEET_NEMO_PYTHON)",
        start_s=settings.nemo_start_s,
    )
