"""The running application: start-up in dependency order, ordered shutdown."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import discord
from discord.ext import commands
from loguru import logger

from pipeline.characters import running_cast, shelf_of
from pipeline.engines import running_engines, running_language
from pipeline.folders import data_folder
from pipeline.forgetting import eraser_of, left_servers
from pipeline.heap import few_heaps, kept_lean
from pipeline.interrupts import on_interrupt
from pipeline.loop import live_loop, settled
from pipeline.memory import likeness_of, memory_of, overhearing
from pipeline.no_rooms import NoRooms
from pipeline.privacy import OptOuts
from pipeline.settings import Settings
from pipeline.text_side import TextSide, running_text
from processors.language.engines import LanguageModel
from processors.memory.remembrance import Remembrance
from processors.thinking.model import ThinkingModel
from text.bot import AcoreBot, point_at
from text.cast import Cast, LoreLikeness, Shelf
from text.commands import make_cogs
from text.commands.forgetting import ForgettingCommands
from text.commands.remembering import memory_cogs
from text.desk import TextDesk
from text.urges import Welcome

if TYPE_CHECKING:
    from pipeline.rooms import DiscordRooms


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
    shelf = shelf_of(settings)
    loaded = asyncio.Event()
    # The data folder is claimed before anything else is done in it.
    async with (
        memory_of(settings, loaded) as memory,
        _cast(settings, shelf, memory) as cast,
        likeness_of(settings, memory) as likeness,
        running_text(settings, cast, memory=memory, likeness=likeness) as text,
    ):
        await _serve_discord(settings, cast, shelf, text, memory, likeness, loaded, began_s)


def _cast(settings: Settings, shelf: Shelf, memory: Remembrance | None) -> AbstractAsyncContextManager[Cast]:
    if memory is None:
        return running_cast(settings, shelf, None)
    return running_cast(settings, shelf, memory.memory.store, memory.consent.may_learn)


async def _serve_discord(
    settings: Settings,
    cast: Cast,
    shelf: Shelf,
    text: TextSide,
    memory: Remembrance | None,
    likeness: LoreLikeness,
    loaded: asyncio.Event,
    began_s: float,
) -> None:
    opt_outs = OptOuts(data_folder(settings))
    rooms = _rooms(settings, cast, opt_outs, text, memory, likeness)
    knowledge = memory.knowledge if memory and settings.memory.knowledge.enabled else None
    eraser = eraser_of(memory, cast, rooms, text, opt_outs, settings.log.folder)
    welcome = Welcome()

    def make_desk(client: discord.Client) -> TextDesk:
        return TextDesk(client, text.line, cast, rooms, welcome, settings.text)

    def cogs(desk: TextDesk) -> tuple[commands.Cog, ...]:
        of_memory = memory_cogs(memory, cast) if memory else (ForgettingCommands(eraser),)
        return make_cogs(rooms, cast, shelf, desk, of_memory, knowledge)

    def text_ready(llm: LanguageModel, thinking: ThinkingModel) -> None:
        text.worker.bind(llm)
        welcome.bind(thinking)
        if memory:
            memory.think_with(thinking)
        logger.info("text ready after {:.1f} s", time.monotonic() - began_s)

    point_at(settings.discord)
    left = left_servers(memory, cast, forget=settings.memory.privacy.forget_left_servers)
    bot = AcoreBot(settings.discord, rooms, settings.text, make_desk, cogs, left)
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
            async with _engines(settings, rooms, text_ready), settings.loop.watch(), kept_lean():
                serving.remove_done_callback(stop_loading)
                loaded.set()
                if settings.discord.voice:
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


def _rooms(
    settings: Settings,
    cast: Cast,
    opt_outs: OptOuts,
    text: TextSide,
    memory: Remembrance | None,
    likeness: LoreLikeness,
) -> "DiscordRooms | NoRooms":
    if not settings.discord.voice:
        return NoRooms(settings, opt_outs)
    # A bot that only writes does without what a call is made of.
    from pipeline.rooms import DiscordRooms

    return DiscordRooms(settings, cast, opt_outs, overhearing(text.overhear, memory), memory, likeness)


@asynccontextmanager
async def _engines(
    settings: Settings, rooms: "DiscordRooms | NoRooms", on_language: Callable[[LanguageModel, ThinkingModel], None]
) -> AsyncIterator[None]:
    """The engines that are needed, at work."""
    if isinstance(rooms, NoRooms):
        async with running_language(settings) as (llm, thinking):
            on_language(llm, thinking)
            yield
        return
    async with running_engines(settings, on_language) as engines:
        rooms.bind(engines)
        yield
