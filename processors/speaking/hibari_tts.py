"""hibari (a 7.9 MB distillation of Kokoro's af_heart): the embedded voice. 60 times real time on one core."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import numpy as np

from processors.errors import EngineError
from processors.lanes import Job, Lane, Priority
from processors.models import ModelStore
from processors.speaking.engines import Pcm, VoiceStyle

if TYPE_CHECKING:
    from hibari import Hibari

MODEL = "hibari-heart"

_WARM_UP = "Hello there, how are you doing today? It is 7:30, and 25 degrees."


class HibariTts:
    """hibari on one thread; one clause is one call, a long one several."""

    sample_rate_hz = 24000
    voices = ("af_heart",)

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._lane = Lane("hibari")
        self._hibari: Hibari | None = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        return self._lane.pieces(lambda: self._sentences(text, style.speed), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._hibari = None

    def _load(self, job: Job) -> None:
        from hibari import Hibari

        path = self._store.resolve(MODEL).main
        # Any failure of the ONNX runtime to read the graph means the same to the user.
        try:
            self._hibari = Hibari(model=str(path))
        except Exception as error:
            raise EngineError(f"hibari could not load {path}: {error} (TTS_ENGINE=hibari)") from error
        for _ in self._sentences(_WARM_UP, 1.0):
            pass

    def _sentences(self, text: str, speed: float):
        if self._hibari is None:
            raise EngineError("the hibari voice is not loaded")
        # A fixed seed makes the same words the same sound, down to the sample.
        for wave in self._hibari.stream(text, speed=speed, seed=0):
            yield (np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16)
