"""The second half of `acore bench memory`: voice to voice with memory on and with memory off, interleaved."""

from collections.abc import Callable
from pathlib import Path

from bench.beside import brief
from bench.compare import run_compare
from bench.designs.design import Sounds
from bench.designs.ours import Ours
from bench.figures import Figures
from bench.latency import Order
from bench.measure import Recording
from bench.recall import until_indexed
from personas.profile import CharacterProfile
from pipeline.engines import Engines, model_store
from pipeline.settings import Settings
from processors.memory.service import running_memory


class Remembering:
    """Our pipeline over the memory of a folder."""

    name = "memory on"
    what = "The voice room; what was said earlier is looked up for every turn, and what is said now is kept."

    def __init__(self, engines: Engines, settings: Settings, character: CharacterProfile, folder: Path) -> None:
        self._engines = engines
        self._settings = settings
        self._character = character
        self._folder = folder

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        async with running_memory(self._folder, self._settings.memory, model_store(self._settings)) as memory:
            recall = self._settings.memory.recall
            await until_indexed(memory, 0 if recall.vectors == "off" else recall.vector_messages)
            return await Ours(self._engines, self._settings, self._character, memory).play(sounds, out)


class Forgetful(Ours):
    """Our pipeline without a memory."""

    name = "memory off"
    what = "The voice room."


def run_remembering(
    order: Order, settings: Settings, character: CharacterProfile, folder: Path, tell: Callable[[str], None]
) -> dict[str, Figures]:
    """The same turns with memory off, and with the memory of `folder` on. Writes `<out>/memory.json`, `.png`, `.html`.

    Raises:
        AcoreError: a model, an engine or a file is not as it must be.
    """

    def on(engines: Engines, settings: Settings, character: CharacterProfile) -> Remembering:
        return Remembering(engines, settings, character, folder)

    makers = {Forgetful.name: Forgetful, Remembering.name: on}
    return run_compare(order, list(makers), brief(settings), character, tell, makers=makers, of=Remembering.name)
