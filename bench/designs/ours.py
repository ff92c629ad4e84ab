"""Acore's own pipeline, as `acore replay` runs it."""

import time
from pathlib import Path
from uuid import uuid4

from bench.designs.design import Sounds, read_bot
from bench.measure import Recording
from bench.source import CuedSource
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.replay import Room, replay_with
from pipeline.settings import Settings
from processors.memory.port import Scene, SceneKind
from processors.memory.room import RoomMemory
from processors.memory.service import MemoryService
from processors.memory.worker import MemoryWorker

BENCH_GUILD = "bench"
"""The server in whose memory the bench lives."""


class Ours:
    """The voice pipeline with the given settings."""

    name = "acore"
    what = "Acore's pipeline: speculation on the first short silence, an end of turn that follows the words, clauses."

    def __init__(
        self,
        engines: Engines,
        settings: Settings,
        character: CharacterProfile,
        memory: MemoryService | None = None,
    ) -> None:
        """With `memory` the character remembers, as `acore run` has it."""
        self._engines = engines
        self._settings = settings
        self._character = character
        self._memory = memory

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        played: list[CuedSource] = []

        def speaker(room: Room) -> dict[str, CuedSource]:
            played.append(CuedSource(sounds, room))
            return {"speaker": played[0]}

        memory, workers = self._remembering()
        replay = await replay_with(
            self._engines,
            self._settings,
            self._character,
            speaker,
            out=out,
            stereo=True,
            memory=memory,
            side_workers=workers,
        )
        if replay.interrupted:
            raise KeyboardInterrupt
        bot, length_ms = read_bot(out)
        return Recording(
            placed=tuple(played[0].placed),
            bot=bot,
            length_ms=length_ms,
            reply_starts_ms=tuple(one.first_audio_ms for one in replay.turns if one.first_audio_ms is not None),
            interruptions_ms=tuple(one.interrupted_ms for one in replay.turns if one.interrupted_ms is not None),
            heard=tuple((one.stopped_ms, heard.text) for one in replay.turns for heard in one.heard),
            records=replay.turns,
        )

    def _remembering(self) -> tuple[RoomMemory | None, tuple[MemoryWorker, ...]]:
        if self._memory is None:
            return None, ()
        scene = Scene(SceneKind.VOICE, f"bench-{uuid4().hex}", BENCH_GUILD, since_s=time.time())
        who = (self._character.id, self._character.name)
        worker = MemoryWorker("memory", self._memory, lambda: scene, *who)
        reading_ms = self._settings.memory.recall.reading_ms
        return RoomMemory(self._memory, lambda: scene, self._character.id, reading_ms=reading_ms), (worker,)
