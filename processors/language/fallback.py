"""Several language models as one: the first that is well answers, the next one if it fails or is late.

A model that failed rests (`processors.language.breaker`): a dead one costs a turn its deadline once, not every turn.
After its rest it is tried beside the talk, by a small request of its own, and is back from the turn after that.
While somebody speaks with pauses, guesses are dropped before any deadline: what they waited in vain adds up.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from loguru import logger

from processors.errors import AcoreError, EngineError
from processors.lanes import Priority
from processors.language.breaker import Breaker, Phase, failed, probing, succeeded
from processors.language.engines import Delta, LanguageModel, Message, can_see, own_context, token_ms_of
from processors.language.errors import BusyError
from processors.language.settings import FailoverSettings, Sampling
from processors.language.tool_calls import Tool

_LEAST_PATIENCE = 0.25
"""Share of the deadline that every request has, however much was waited before it."""
_PROBE = (Message("user", "Say yes."),)
_PROBE_SAMPLING = Sampling(temperature=0.0, max_tokens=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the list."""

    name: str
    """`provider:model`."""
    llm: LanguageModel
    most_temperature: float | None = None
    """It is never asked for more."""
    bare: LanguageModel | None = None
    """The model behind `llm`, where that may answer from a cache; tried after a rest."""


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """How one model of the list is doing."""

    name: str
    phase: Phase
    answered: int
    """Replies it began in time."""
    failed: int
    """Errors, also in the middle of a reply."""
    late: int
    """Requests it did not begin to answer in time."""
    first_token_ms: float | None
    """Mean time to its first word."""
    last_error: str
    """Empty if it never failed."""


@dataclass(slots=True)
class _State:
    entry: Entry
    breaker: Breaker = field(default_factory=Breaker)
    started: bool = False
    answered: int = 0
    failed: int = 0
    late: int = 0
    first_token_s: float = 0.0
    """Sum over `answered`."""
    last_error: str = ""
    waited_s: float = 0.0
    """Waited in vain since its last word, by requests that were dropped before they had any."""
    probe: asyncio.Task[None] | None = field(default=None, repr=False)


class _Late(EngineError):
    """No word within the deadline."""


class FallbackLlm:
    """A `LanguageModel` over an ordered list of them."""

    def __init__(self, entries: Sequence[Entry], settings: FailoverSettings) -> None:
        self._states = [_State(entry) for entry in entries]
        self._settings = settings

    @property
    def status(self) -> tuple[EntryStatus, ...]:
        """How each model is doing, in the order of the list."""
        return tuple(
            EntryStatus(
                state.entry.name,
                state.breaker.phase,
                state.answered,
                state.failed,
                state.late,
                state.first_token_s / state.answered * 1000 if state.answered else None,
                state.last_error,
            )
            for state in self._states
        )

    @property
    def sees(self) -> bool:
        return any(can_see(state.entry.llm) for state in self._states)

    @property
    def context_tokens(self) -> int:
        """The shortest of those that have started: any of them may answer."""
        told = [own for state in self._states if state.started and (own := own_context(state.entry.llm))]
        return min(told, default=0)

    @property
    def token_ms(self) -> float:
        """Of the one that is to answer next."""
        return token_ms_of(self._in_order()[0].entry.llm)

    async def start(self) -> None:
        """Start all at once. A server that cannot be reached may come later, if any other model is there; what is
        set wrongly stops the start.

        Raises:
            SettingError: a setting is wrong.
            ModelError: files are missing or corrupt.
            EngineError: a model cannot run here, or none can be reached.
        """
        results = await asyncio.gather(*(state.entry.llm.start() for state in self._states), return_exceptions=True)
        unreachable: list[EngineError] = []
        for state, result in zip(self._states, results, strict=True):
            if isinstance(result, EngineError) and result.retryable:
                unreachable.append(result)
                self._note_failure(state, result)
            elif isinstance(result, BaseException):
                raise result
            else:
                state.started = True
        if len(unreachable) == len(self._states):
            raise unreachable[0]

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        """Have the model that is to answer next read ahead."""
        await self._in_order()[0].entry.llm.prefill(messages, tools=tools, room=room)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        self._begin_probes()
        reasons: list[str] = []
        candidates = self._in_order()
        if any(message.pictures for message in messages):
            candidates = [state for state in candidates if can_see(state.entry.llm)]
            if not candidates:
                raise EngineError("no language model that sees pictures is well", retryable=True)
        for state in candidates:
            # The last one has nobody to give way to; what can wait waits, and proves nothing about a model.
            waits = state is candidates[-1] or priority is Priority.BACKGROUND
            deadline_s = None if waits else self._patience_s(state)
            asked = _limited(sampling, state.entry.most_temperature)
            reply = state.entry.llm.stream(messages, asked, tools=tools, priority=priority, room=room)
            async with contextlib.aclosing(reply) as deltas:
                try:
                    began = await self._first_word(state, deltas, deadline_s)
                except EngineError as error:
                    self._note_failure(state, error)
                    reasons.append(f"{state.entry.name}: {error}")
                    continue
                if began is None:
                    reasons.append(f"{state.entry.name}: it said nothing")
                    continue
                for delta in began:
                    yield delta
                try:
                    async for delta in deltas:
                        yield delta
                except EngineError as error:
                    # Its words may have been spoken: another model's would not go on from them.
                    self._note_failure(state, error)
                    raise
                return
        raise EngineError(f"no language model answered ({'; '.join(reasons)})", retryable=True)

    async def close(self) -> None:
        probes = [state.probe for state in self._states if state.probe]
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        for state in self._states:
            await state.entry.llm.close()

    def _in_order(self) -> list[_State]:
        """Those that are well; if none is, all of them: there is nothing left to lose."""
        return [state for state in self._states if state.breaker.phase is Phase.CLOSED] or self._states

    def _patience_s(self, state: _State) -> float:
        """How long it may take to its first word. One known to be slow, but in time, keeps the time it needs."""
        whole_s = self._settings.first_token_s
        usual_s = state.first_token_s / state.answered if state.answered else 0.0
        return min(whole_s, max(whole_s - state.waited_s, whole_s * _LEAST_PATIENCE, 2 * usual_s))

    async def _first_word(
        self, state: _State, deltas: AsyncGenerator[Delta, None], deadline_s: float | None
    ) -> list[Delta] | None:
        """What came up to and with the first word or call; None if the reply ended without one.

        Raises:
            EngineError: it failed, or was late.
        """
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        held: list[Delta] = []
        try:
            async with asyncio.timeout(deadline_s):
                async for delta in deltas:
                    held.append(delta)
                    if delta.text.strip() or delta.calls:
                        break
                else:
                    return None
        except asyncio.CancelledError:
            state.waited_s += loop.time() - asked_s
            raise
        except TimeoutError:
            waited_s = state.waited_s + loop.time() - asked_s
            raise _Late(f"no word within {waited_s:.1f} s (LANGUAGE_FAILOVER_FIRST_TOKEN_S)", retryable=True) from None
        state.answered += 1
        state.waited_s = 0.0
        state.first_token_s += loop.time() - asked_s
        # Whoever was asked as a last resort stays out of turn until its probe: one word proves little.
        if state.breaker.phase is Phase.CLOSED:
            state.breaker = succeeded()
        return held

    def _note_failure(self, state: _State, error: EngineError) -> None:
        if isinstance(error, _Late):
            state.late += 1
        else:
            state.failed += 1
        state.last_error = str(error)
        state.waited_s = 0.0
        asked_rest_s = error.retry_after_s if isinstance(error, BusyError) else None
        before = state.breaker
        now_s = asyncio.get_running_loop().time()
        state.breaker = failed(before, now_s, self._settings, asked_rest_s=asked_rest_s)
        if state.breaker.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            rest_s = state.breaker.until_s - now_s
            logger.warning("{} rests for {:.0f} s: {}", state.entry.name, rest_s, error)

    def _begin_probes(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for state in self._states:
            if state.breaker.probe_due(now_s):
                state.breaker = probing(state.breaker)
                state.probe = asyncio.create_task(self._probe(state), name=f"probe-{state.entry.name}")

    async def _probe(self, state: _State) -> None:
        llm = state.entry.bare or state.entry.llm
        try:
            if not state.started:
                await llm.start()
                state.started = True
            took_s = await self._probed_s(llm)
            if took_s > self._settings.first_token_s:
                # It may have had to load. Now that it has, it must be in time.
                took_s = await self._probed_s(llm)
            if took_s > self._settings.first_token_s:
                raise _Late(f"back, but takes {took_s:.1f} s to its first word", retryable=True)
        except AcoreError as error:
            self._note_failure(state, error if isinstance(error, EngineError) else EngineError(str(error)))
        else:
            state.breaker = succeeded()
            logger.warning("{} is back", state.entry.name)

    async def _probed_s(self, llm: LanguageModel) -> float:
        """How long (s) it takes to its first piece.

        Raises:
            EngineError: it failed, or gave none in time.
        """
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        first_s: float | None = None
        try:
            async with (
                asyncio.timeout(self._settings.probe_s),
                contextlib.aclosing(llm.stream(_PROBE, _PROBE_SAMPLING, priority=Priority.BACKGROUND)) as deltas,
            ):
                async for _ in deltas:
                    first_s = loop.time() - asked_s if first_s is None else first_s
        except TimeoutError:
            raise _Late(f"no answer within {self._settings.probe_s:g} s", retryable=True) from None
        return loop.time() - asked_s if first_s is None else first_s


def _limited(sampling: Sampling, most_temperature: float | None) -> Sampling:
    if most_temperature is None or sampling.temperature <= most_temperature:
        return sampling
    return sampling.model_copy(update={"temperature": most_temperature})
