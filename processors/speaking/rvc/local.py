"""Converters that run in this process: one voice on one lane."""

from collections.abc import Callable

from processors.errors import EngineError
from processors.lanes import Lane
from processors.speaking.rvc.converter import Audio, Sound, whole
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.streaming import WindowedSession, WindowedVoice, plan_windows

WHOLE_MS = 30_000
"""A clip up to this long is converted in one pass; attention's cost grows with the square of it."""


class LocalConverter:
    """A `VoiceConverter` around a voice that converts windows."""

    def __init__(self, settings: RvcSettings, load: Callable[[RvcSettings], WindowedVoice]) -> None:
        """
        Args:
            load: makes the voice, warmed up. Blocking; called on the lane by `start`.
        """
        self._settings = settings
        self._load = load
        self._lane = Lane(f"rvc-{settings.mode}")
        self._voice: WindowedVoice | None = None

    async def start(self) -> None:
        """Load the voice. One that could not be loaded needs no `close`, and a new converter to try again."""
        try:
            self._voice = await self._lane.run(lambda _: self._load(self._settings))
        except BaseException:
            await self._lane.close()
            raise

    async def convert(self, pcm: Audio, rate_hz: int) -> Sound:
        """Convert a whole clip, in one pass up to 30 s."""
        plan = plan_windows(WHOLE_MS, self._settings.context_ms, self._settings.lookahead_ms, WHOLE_MS)
        return await whole(WindowedSession(self._started(), self._lane, plan, rate_hz), pcm, rate_hz)

    def session(self, rate_hz: int) -> WindowedSession:
        """A session that converts block by block with carried context.

        Raises:
            EngineError: the converter was not started.
        """
        settings = self._settings
        # After the first, short block, up to four at once: longer windows sound better and cost less in all.
        plan = plan_windows(settings.block_ms, settings.context_ms, settings.lookahead_ms, 4 * settings.block_ms)
        return WindowedSession(self._started(), self._lane, plan, rate_hz)

    async def close(self) -> None:
        """Stop the lane and free the voice."""
        await self._lane.close()
        self._voice = None

    def _started(self) -> WindowedVoice:
        if self._voice is None:
            raise EngineError(f"rvc: the {self._settings.mode} converter was not started")
        return self._voice
