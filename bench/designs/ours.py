"""Acore's own pipeline, as `acore replay` runs it."""

from pathlib import Path

from bench.designs.design import Sounds, read_bot
from bench.measure import Recording
from bench.source import CuedSource
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.replay import Room, replay_with
from pipeline.settings import Settings


class Ours:
    """The voice pipeline with the given settings."""

    name = "acore"
    what = "Acore's pipeline: speculation on the first short silence, an end of turn that follows the words, clauses."

    def __init__(self, engines: Engines, settings: Settings, character: CharacterProfile) -> None:
        self._engines = engines
        self._settings = settings
        self._character = character

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        played: list[CuedSource] = []

        def speaker(room: Room) -> dict[str, CuedSource]:
            played.append(CuedSource(sounds, room))
            return {"speaker": played[0]}

        replay = await replay_with(self._engines, self._settings, self._character, speaker, out=out, stereo=True)
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
