"""The running application: start-up in dependency order, ordered shutdown."""

import asyncio
import time

from loguru import logger

from personas.library import load_character
from pipeline.engines import running_engines
from pipeline.folders import data_folder
from pipeline.heap import few_heaps, kept_lean
from pipeline.interrupts import on_interrupt
from pipeline.loop import live_loop, settled
from pipeline.privacy import OptOuts
from pipeline.rooms import DiscordRooms
from pipeline.settings import Settings
from text.bot import AcoreBot, point_at


def run_app(settings: Settings) -> None:
    """Serve Discord until interrupted.

    Raises:
        AcoreError: settings, models, engines or the login are not as they must be.
    """
    few_heaps()
    with asyncio.Runner(loop_factory=live_loop()) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    began_s = time.monotonic()
    character = load_character(settings.persona.character)
    rooms = DiscordRooms(settings, character, OptOuts(data_folder(settings)))
    point_at(settings.discord)
    bot = AcoreBot(settings.discord, rooms)
    running = asyncio.current_task()
    assert running is not None
    serving = asyncio.create_task(bot.run_until_closed(), name="discord bot")

    def stop_loading(_: "asyncio.Task[None]") -> None:
        running.cancel()

    # A refused token need not wait until the engines have loaded.
    serving.add_done_callback(stop_loading)
    try:
        with on_interrupt(running.cancel):
            # Text is served while the voice engines still load.
            async with running_engines(settings) as engines, settings.loop.watch(), kept_lean():
                rooms.bind(engines)
                serving.remove_done_callback(stop_loading)
                logger.info("voice ready after {:.1f} s", time.monotonic() - began_s)
                try:
                    with settled():
                        # Only the waiting ends here: the rooms take their leave over the bot's own connection.
                        await asyncio.shield(serving)
                finally:
                    await rooms.close()
    except asyncio.CancelledError:
        logger.info("shutting down")
    finally:
        serving.remove_done_callback(stop_loading)
        await bot.close()
        await asyncio.gather(serving, return_exceptions=True)
    if not serving.cancelled() and (error := serving.exception()) is not None:
        raise error
