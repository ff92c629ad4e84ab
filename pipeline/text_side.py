"""The text side of the running application: the worker that answers, on a bus of its own, and what it needs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pipecat.workers.runner import WorkerRunner

from personas.profile import CharacterProfile
from pipeline.settings import Settings
from processors.events import TurnRecord, VoiceTurn
from processors.memory import Memory, Utterance
from text.answering import Answerer
from text.cast import Cast, LoreLikeness
from text.client import TextClient
from text.history import RecentHistory
from text.prompt import TextPrompt
from text.worker import TextWorker


@dataclass(frozen=True, slots=True)
class TextSide:
    """Everything that answers in text."""

    worker: TextWorker
    line: TextClient
    """What the Discord bot, or a console, writes through."""

    async def overhear(
        self, guild_id: int, character: CharacterProfile, record: TurnRecord, name_of: Callable[[str], str]
    ) -> None:
        """Tell it of a turn in a voice room: text and voice share a mind. `name_of` knows people and characters."""
        at_s = time.time()
        speaker = (record.persona, name_of(record.persona)) if record.persona else (character.id, character.name)
        spoken = Utterance(*speaker, record.spoken, at_s, by_character=True)
        turn = VoiceTurn(
            source=self.line.name,
            guild_id=str(guild_id),
            persona_id=character.id,
            heard=tuple(Utterance(one.speaker, name_of(one.speaker), one.text, at_s) for one in record.heard),
            reply=spoken if record.spoken else None,
        )
        await self.line.send_bus_message(turn)


@asynccontextmanager
async def running_text(
    settings: Settings,
    cast: Cast,
    *,
    memory: Memory | None = None,
    show: Callable[[TextPrompt], None] = lambda prompt: None,
    likeness: LoreLikeness | None = None,
) -> AsyncIterator[TextSide]:
    """The text worker, ready to take messages; it answers them once it has a language model.

    Args:
        memory: None to remember only while the process runs.
        show: is handed every prompt.
        likeness: finds lore by its meaning; None to find it by its keys alone.
    """
    remembered = memory or RecentHistory()
    answerer = Answerer(cast, remembered, settings.text, settings.language, show=show, likeness=likeness)
    side = TextSide(TextWorker("text", answerer, settings.text), TextClient("text-line"))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(side.worker, side.line)
    ready = asyncio.Event()

    async def on_ready(_: WorkerRunner) -> None:
        ready.set()

    runner.add_event_handler("on_ready", on_ready)
    running = asyncio.create_task(runner.run(auto_end=False), name="text side")
    try:
        await ready.wait()
        yield side
    finally:
        await runner.cancel("shutting down")
        await running
