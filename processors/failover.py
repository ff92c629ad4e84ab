"""An ordered list of engines of one kind, of which the first that is well is asked.

An engine that failed or was late rests (`processors.language.breaker`): a dead one costs a turn its deadline once, not
every turn. After its rest it is tried beside the talk, and is back from the turn after that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from loguru import logger
from pydantic import Field

from processors.errors import AcoreError, EngineError, SettingError
from processors.language.breaker import Breaker, Phase, failed, probing, succeeded
from processors.language.errors import BusyError
from processors.setting_names import SettingsGroup


class FailoverPolicy(SettingsGroup):
    """When the next engine of the list is asked instead."""

    deadline_s: float = Field(default=4.0, gt=0, le=120)
    """How long (s) an engine may take (to its transcript, or to its next piece of sound) while another is there."""
    tolerate: int = Field(default=1, ge=1, le=100)
    """Failures in a row after which an engine rests."""
    rest_s: float = Field(default=30.0, gt=0, le=86400)
    """First rest (s) of a failing engine. It is then tried beside the talk; each failure doubles the rest."""
    longest_rest_s: float = Field(default=600.0, gt=0, le=86400)
    """Longest rest (s) of a failing engine."""
    probe_s: float = Field(default=30.0, gt=0, le=600)
    """How long (s) a rested engine may take when it is tried beside the talk."""


class Engine(Protocol):
    """What any engine is."""

    async def start(self) -> None:
        """Load and warm up."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


E = TypeVar("E", bound=Engine)


class LateError(EngineError):
    """It took longer than its deadline."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """How one engine of the list is doing."""

    name: str
    phase: Phase
    answered: int
    failed: int
    """Errors; the late ones are not among them."""
    late: int
    last_error: str
    """Empty if it never failed."""


@dataclass(slots=True)
class Member(Generic[E]):
    """One engine of the list, and where it stands."""

    name: str
    engine: E
    breaker: Breaker = field(default_factory=Breaker)
    started: bool = False
    answered: int = 0
    failed: int = 0
    late: int = 0
    last_error: str = ""
    probe: asyncio.Task[None] | None = field(default=None, repr=False)


class Roster(Generic[E]):
    """Keeps the list: whom to ask, who failed, who is tried again."""

    def __init__(
        self, engines: Sequence[tuple[str, E]], policy: FailoverPolicy, probe: Callable[[E], Awaitable[None]]
    ) -> None:
        """
        Args:
            engines: names and engines, the best first.
            probe: has an engine do something small; raises EngineError if it fails.
        """
        self._members = [Member(name, engine) for name, engine in engines]
        self._policy = policy
        self._probe = probe

    @property
    def status(self) -> tuple[MemberStatus, ...]:
        """How each engine is doing, in the order of the list."""
        return tuple(
            MemberStatus(m.name, m.breaker.phase, m.answered, m.failed, m.late, m.last_error) for m in self._members
        )

    async def start(self) -> None:
        """Start all at once. A server that cannot be reached may come later, if any other engine is there; what is
        set wrongly stops the start.

        Raises:
            SettingError: a setting is wrong.
            ModelError: files are missing or corrupt.
            EngineError: an engine cannot run here, or none can be reached.
        """
        results = await asyncio.gather(*(member.engine.start() for member in self._members), return_exceptions=True)
        unreachable: list[EngineError] = []
        for member, result in zip(self._members, results, strict=True):
            if isinstance(result, EngineError) and result.retryable:
                unreachable.append(result)
                self.note_failure(member, result)
            elif isinstance(result, BaseException):
                raise result
            else:
                member.started = True
        if len(unreachable) == len(self._members):
            raise unreachable[0]

    async def close(self) -> None:
        """Close all."""
        probes = [member.probe for member in self._members if member.probe]
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        for member in self._members:
            await member.engine.close()

    def candidates(self) -> list[tuple[Member[E], float | None]]:
        """Whom to ask, in this order, each with its deadline (s): those that are well, or all if none is. The last
        one has nobody to give way to, and no deadline. Those that have rested are tried beside it."""
        self._begin_probes()
        well = [m for m in self._members if m.breaker.phase is Phase.CLOSED] or self._members
        return [(m, None if m is well[-1] else self._policy.deadline_s) for m in well]

    def note_success(self, member: Member[E]) -> None:
        """It answered. Asked as a last resort, it stays out of turn until its probe all the same."""
        member.answered += 1
        if member.breaker.phase is Phase.CLOSED:
            member.breaker = succeeded()

    def note_failure(self, member: Member[E], error: EngineError) -> None:
        """It failed, or was late."""
        if isinstance(error, LateError):
            member.late += 1
        else:
            member.failed += 1
        member.last_error = str(error)
        before = member.breaker
        now_s = asyncio.get_running_loop().time()
        asked_rest_s = error.retry_after_s if isinstance(error, BusyError) else None
        member.breaker = failed(before, now_s, self._policy, asked_rest_s=asked_rest_s)
        if member.breaker.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            logger.warning("{} rests for {:.0f} s: {}", member.name, member.breaker.until_s - now_s, error)

    def _begin_probes(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for member in self._members:
            if member.breaker.probe_due(now_s):
                member.breaker = probing(member.breaker)
                member.probe = asyncio.create_task(self._try_again(member), name=f"probe-{member.name}")

    async def _try_again(self, member: Member[E]) -> None:
        try:
            async with asyncio.timeout(self._policy.probe_s):
                if not member.started:
                    await member.engine.start()
                    member.started = True
                await self._probe(member.engine)
        except TimeoutError:
            self.note_failure(member, LateError(f"no answer within {self._policy.probe_s:g} s", retryable=True))
        except AcoreError as error:
            self.note_failure(member, error if isinstance(error, EngineError) else EngineError(str(error)))
        else:
            member.breaker = succeeded()
            logger.warning("{} is back", member.name)


def names_in_order(first: str, fallbacks: Sequence[str]) -> tuple[str, ...]:
    """An engine and its fallbacks, each once."""
    return tuple(dict.fromkeys((first, *fallbacks)))


class Choice(Protocol):
    """Settings that choose engines of one kind."""

    @property
    def engine(self) -> str:
        """The first one's name."""
        ...

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The names of those behind it."""
        ...


M = TypeVar("M")


def makers_in_order(choice: Choice, known: Mapping[str, M], *, setting: str, fallbacks: str) -> list[tuple[str, M]]:
    """What makes the engines chosen, by name, from a registry of them.

    Args:
        setting, fallbacks: the settings that name the first engine and those behind it, for messages.

    Raises:
        SettingError: no engine has a name.
    """
    names = names_in_order(choice.engine, choice.fallbacks)
    for name in names:
        if name not in known:
            by = setting if name == choice.engine else fallbacks
            raise SettingError(f"{by} is {name!r}; it must be one of: {', '.join(sorted(known))}")
    return [(name, known[name]) for name in names]
