"""A person's right to know and to be forgotten, over everything that keeps anything of people.

Every place that does is a `Keeper`; whoever adds one registers it. What must not be forgotten is a wish: opt-outs stay,
and are told in an export.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from loguru import logger

from processors.errors import AcoreError

_FILES = "files"
"""As an answer calls those that could not be rewritten."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """One place where something of people is kept."""

    name: str
    """As an export calls it."""
    export: Callable[[str], Awaitable[Any]]
    """What it has of a person, as JSON takes it."""
    forget: Callable[[str], Awaitable[int]]
    """Drops it; returns how much that was."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What has been forgotten."""

    counts: dict[str, int]
    """By keeper."""
    failed: tuple[str, ...] = ()
    """Keepers that could not: what they keep is still there."""

    @property
    def total(self) -> int:
        """All entries."""
        return sum(self.counts.values())


class Eraser:
    """Asks every keeper in turn, and has the files rewritten so that no byte is left."""

    def __init__(
        self, keepers: list[Keeper], scrub: Callable[[], Awaitable[None]], alone: asyncio.Lock | None = None
    ) -> None:
        """
        Args:
            scrub: leaves no byte of what was deleted in the files; raises AcoreError or OSError.
            alone: held meanwhile; whoever moves what is kept from one place to another holds it, too.
        """
        self._keepers = keepers
        self._scrub = scrub
        self._alone = alone or asyncio.Lock()

    def register(self, keeper: Keeper) -> None:
        """One more place."""
        self._keepers.append(keeper)

    async def export(self, person: str) -> dict[str, Any]:
        """Everything that is kept of a person, by place."""
        return {keeper.name: await keeper.export(person) for keeper in self._keepers}

    async def forget(self, person: str) -> Erased:
        """Forget a person everywhere. One keeper that fails does not keep the others from it."""
        async with self._alone:
            return await self._forget(person)

    async def _forget(self, person: str) -> Erased:
        counts: dict[str, int] = {}
        failed: list[str] = []
        for keeper in self._keepers:
            try:
                counts[keeper.name] = await keeper.forget(person)
            except (AcoreError, OSError) as error:
                logger.error("{} could not forget a person: {}", keeper.name, error)
                failed.append(keeper.name)
        try:
            await self._scrub()
        except (AcoreError, OSError) as error:
            logger.error("what was deleted of a person may still be in the files: {}", error)
            failed.append(_FILES)
        logger.info("a person was forgotten: {} entries", sum(counts.values()))
        return Erased(counts, tuple(failed))


def drop_damaged(folder: Path) -> int:
    """Remove what was set aside as damaged: it can be read by nobody but holds the words of everybody."""
    count = 0
    for path in folder.glob("*.damaged-*"):
        rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        count += 1
    return count
