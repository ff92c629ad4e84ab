"""One voice room on Discord: the transport, the pipeline over it, and what keeps both alive."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
from loguru import logger
from pipecat.workers.base_worker import BaseWorker

from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.room_mind import RoomMind
from pipeline.room_notices import notice_of, step_on_stage
from pipeline.session import VoiceSession
from pipeline.settings import Settings
from pipeline.turn_listener import TurnListener
from pipeline.voice import VoicePipeline, make_prompt, room_voice, voice_pipeline
from processors.clock import SessionClock
from processors.events import TurnRecord
from processors.frames import AnnounceFrame, GiveUpFrame
from processors.language.context import Background
from processors.language.conversation import everybody_may
from processors.memory import Scene, SceneKind
from processors.memory.background import BackgroundWorker
from processors.memory.remembrance import Remembrance
from processors.memory.room import RoomMemory
from processors.memory.worker import MemoryWorker
from text.cast import Cast, LoreLikeness
from text.permissions import missing_rights
from text.rooms import ListenerStatus, RoomError, RoomStatus
from transports.discord import (
    Crowded,
    DiscordTransport,
    DiscordVoiceError,
    LineClosed,
    LineDown,
    LineUp,
    Mending,
    Remedy,
    Silenced,
    VoiceEvent,
)

if TYPE_CHECKING:
    from discord.channel import VocalGuildChannel

_CLOSE_S = 2.5
_POST_S = 0.5
"""How long closing waits for notices that are being posted: often they say why."""
_TO_BE_HERE = frozenset({"View Channel", "Connect"})
"""Without one of them the bot could not come back. That it may not speak, Discord tells by suppressing it."""

Overhear = Callable[[int, CharacterProfile, TurnRecord, Callable[[str], str]], Coroutine[Any, Any, None]]
"""`(guild id, character, turn, name of a speaker)`: whoever else should know what was said."""


async def nobody_overhears(
    guild_id: int, character: CharacterProfile, record: TurnRecord, name_of: Callable[[str], str]
) -> None:
    """What was said stays in its room."""


class DiscordRoom:
    """Implements `text.rooms.VoiceRoom`."""

    def __init__(
        self,
        channel: "VocalGuildChannel",
        engines: Engines,
        settings: Settings,
        cast: Cast,
        opted_out: Iterable[int],
        on_closed: Callable[["DiscordRoom", str], None],
        overhear: Overhear = nobody_overhears,
        memory: Remembrance | None = None,
        likeness: LoreLikeness | None = None,
    ) -> None:
        self._channel = channel
        self._engines = engines
        self._settings = settings
        self._speaker_limit = settings.discord_voice.speaker_limit
        self._told_of: set[int] = set()
        """Of whom the channel knows that they are beyond the limit; once a stay is enough."""
        self._lacked: set[str] = set()
        """What the bot was without when it came: a moderator may drag it where it may not go by itself."""
        self._on_closed = on_closed
        self._overhear = overhear
        self._closing = False
        clock = SessionClock()
        may_stay = memory.consent.may_stay if memory else everybody_may
        self._mind = RoomMind(
            cast, str(channel.guild.id), str(channel.id), self._name_of, likeness=likeness, may_stay=may_stay
        )
        character = self._mind.character
        self._since_s = time.time()
        self._side_workers: list[BaseWorker] = [TurnListener(f"turns-{channel.guild.id}", self._note_turn)]
        self._memory = memory
        self._recall: RoomMemory | None = None
        self._record: MemoryWorker | None = None
        if memory:
            self._recall = RoomMemory(memory, self._scene, character.id, reading_ms=settings.memory.recall.reading_ms)
            memory.limit_knowledge(character.id, character.settings.knowledge)
            name = f"memory-{channel.guild.id}"
            self._record = MemoryWorker(name, memory, self._scene, character.id, character.name, self._name_of)
            self._side_workers.append(self._record)
            self._side_workers.append(
                BackgroundWorker(f"background-{channel.guild.id}", lambda: self._background(memory), self._know)
            )
        self.pipeline: VoicePipeline = voice_pipeline(
            engines,
            settings,
            character,
            clock,
            name_of=self._name_of,
            people=self._people,
            mind=self._mind,
            memory=self._recall,
            may_stay=may_stay,
        )
        self.transport = DiscordTransport(
            settings.discord_voice, clock, on_event=self._on_event, turn_open_s=lambda: self.pipeline.turn_taking.open_s
        )
        for user_id in opted_out:
            self.transport.opt_out(user_id)
        self._session = VoiceSession(
            self.pipeline, self.transport.input(), self.transport.output(), clock, name=f"voice-{channel.guild.id}"
        )
        self._running: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._posts: set[asyncio.Task[None]] = set()
        self._last_turn: TurnRecord | None = None
        self._turns = 0

    @property
    def channel(self) -> "VocalGuildChannel":
        """Where it is, also after a moderator has moved it."""
        return self.transport.channel or self._channel

    async def open(self) -> None:
        """Start the pipeline and join the channel.

        Raises:
            RoomError: the channel cannot be joined.
        """
        ready = asyncio.Event()

        async def on_ready() -> None:
            ready.set()

        running = self._session.run(*self._side_workers, on_ready=on_ready)
        self._running = asyncio.create_task(running, name="voice session")
        self._running.add_done_callback(self._ended)
        await ready.wait()
        # Beside the join: a language model that hangs must not keep the bot out.
        self._later(self.pipeline.responder.read_prompt())
        try:
            await self.transport.join(self._channel)
        except DiscordVoiceError as error:
            await self.close("could not join")
            raise RoomError(str(error)) from error

    async def move(self, channel: "VocalGuildChannel") -> None:
        """Go to another channel of the same guild.

        Raises:
            RoomError: the move did not succeed.
        """
        try:
            await self.transport.move(channel)
        except DiscordVoiceError as error:
            raise RoomError(str(error)) from error
        self.recast()

    def recast(self) -> None:
        """Let whoever is chosen for the channel have the room, from the next reply on."""
        if self._mind.enter(str(self.channel.id)):
            self._hand_over()

    def reread(self) -> None:
        """Go on with the characters as their cards say now, from the next reply on."""
        before = self._mind.character
        if self._mind.enter(str(self.channel.id)):
            # Whoever had the room is gone.
            self._hand_over()
        elif self._mind.reread():
            now = self._mind.character
            logger.info("{} goes on as its card says now", now.name)
            # A voice that was chosen for the room stays, as long as the card asks for the same one as before.
            alike = now.settings.sound == before.settings.sound
            voice = None if alike else room_voice(self._engines, self._settings, now)
            prompt = make_prompt(self._settings, now, self._mind.opening.system, self._engines.llm)
            self.pipeline.rewrite(prompt, now, voice)
            if self._memory and self._record:
                self._memory.limit_knowledge(now.id, now.settings.knowledge)
                self._record.hand_over(now.id, now.name)
            self._later(self.pipeline.responder.read_prompt())

    def _hand_over(self) -> None:
        chosen = self._mind.character
        voice = room_voice(self._engines, self._settings, chosen)
        logger.info("{} has the voice room now", chosen.name)
        prompt = make_prompt(self._settings, chosen, self._mind.opening.system, self._engines.llm)
        self.pipeline.hand_over(prompt, chosen, voice)
        if self._memory and self._recall and self._record:
            self._recall.hand_over(chosen.id)
            self._memory.limit_knowledge(chosen.id, chosen.settings.knowledge)
            self._record.hand_over(chosen.id, chosen.name)
            self._later(self._learn(self._memory))
        else:
            self._later(self.pipeline.responder.read_prompt())

    async def _learn(self, memory: Remembrance) -> None:
        """Have the character know what it knows of the people here, and the model read it."""
        self.pipeline.conversation.know(await self._background(memory))
        await self.pipeline.responder.read_prompt()

    async def close(self, reason: str) -> None:
        """Leave and end the session; done within three seconds. Safe to repeat."""
        if self._closing:
            return
        self._closing = True
        logger.info("closing the voice room: {}", reason)
        for task in self._beside - self._posts:
            task.cancel()
        await self.transport.leave()
        if self._running:
            await self._session.cancel(reason)
            _, late = await asyncio.wait([self._running], timeout=_CLOSE_S)
            for task in late:
                logger.warning("the voice session did not end in time")
                task.cancel()
        await self._mind.close()
        await self.transport.cleanup()
        if self._posts:
            _, late = await asyncio.wait(self._posts, timeout=_POST_S)
            for task in late:
                task.cancel()

    async def say(self, text: str, character: str = "") -> None:
        """Speak `text` as soon as the floor is free, in the voice of a character of this id; by default in that of
        whoever has the room."""
        await self._session.queue(AnnounceFrame(text, character))

    def listen(self, on: bool) -> None:
        """Begin or stop to hear everybody."""
        self.transport.listen(on)

    def set_voice(self, voice: str) -> None:
        """Change how the bot sounds from the next clause on.

        Raises:
            RoomError: the engine has no such voice.
        """
        if voice not in self._engines.tts.voices:
            raise RoomError(f"I have no voice `{voice}`; `/voices` lists them.")
        speaker = self.pipeline.speaker
        speaker.restyle(replace(speaker.style, voice=voice))

    def status(self) -> RoomStatus:
        """The present state."""
        line = self.transport.status()
        return RoomStatus(
            channel_id=line.channel_id,
            connected=line.connected,
            listening=self.transport.listening,
            encrypted=line.encryption.version > 0 and line.encryption.ready,
            heard=tuple(ListenerStatus(one.user_id, one.loss) for one in line.receive.speakers),
            not_heard=line.receive.not_heard,
            opted_out=line.receive.opted_out,
            phase=str(self.pipeline.turn_taking.floor.phase),
            turns=self._turns,
            last_v2v_ms=self._last_turn.v2v_ms if self._last_turn else None,
            undecryptable=line.receive.counters.undecryptable,
            recoveries=line.recoveries,
        )

    async def reconsider_rights(self) -> None:
        """Leave, and say so, where the bot may no longer be: Discord lets it stay until the connection breaks."""
        lost = _TO_BE_HERE.intersection(missing_rights(self.channel)) - self._lacked
        if not lost or self._closing:
            return
        self._lacked |= lost
        names = " and ".join(sorted(lost))
        await self.notify(f"I have lost the permission {names} here, so I am leaving.")
        self._on_closed(self, f"the bot lost the permission {names} there")

    def _name_of(self, id: str) -> str:
        """The name of a member, or of a character."""
        if id.isdigit():
            member = self._channel.guild.get_member(int(id))
            return member.display_name if member else id
        player = self._mind.player(id) if id else None
        return player.name if player else id

    def _scene(self) -> Scene:
        """Where the room is now, for memory."""
        channel = self.channel
        seen_by_all = channel.permissions_for(channel.guild.default_role)
        return Scene(
            SceneKind.VOICE,
            str(channel.id),
            str(channel.guild.id),
            restricted=not (seen_by_all.view_channel and seen_by_all.connect),
            since_s=self._since_s,
        )

    def forget(self, person: str) -> int:
        """Drop what a person said from the conversation that goes on; how many exchanges that were."""
        self._last_turn = None
        self._mind.forget()
        return self.pipeline.forget(person)

    async def _background(self, memory: Remembrance) -> Background:
        people = {str(member.id): member.display_name for member in self.channel.members if not member.bot}
        return await memory.background(self._scene(), self._mind.character.id, people)

    def _know(self, background: Background) -> None:
        conversation = self.pipeline.conversation
        before = conversation.prefix
        conversation.know(background)
        if conversation.prefix != before:
            # Nothing has been said yet: it is read before somebody waits for an answer.
            self._later(self.pipeline.responder.read_prompt())

    def _people(self) -> int:
        return sum(not member.bot for member in self.channel.members)

    def _note_turn(self, record: TurnRecord) -> None:
        self._turns += 1
        self._mind.note_turn(record)
        if record.answered and record.heard:
            self._last_turn = record
        if record.heard or record.spoken:
            self._later(self._overhear(self.channel.guild.id, self._mind.character, record, self._name_of))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._closing or task.cancelled():
            return
        error = task.exception()
        logger.opt(exception=error).error("the voice session ended by itself")
        self._on_closed(self, "the voice session failed" if error else "the voice session ended by itself")

    def _on_event(self, event: VoiceEvent) -> None:
        match event:
            case LineUp():
                self._lacked = set(missing_rights(self.channel))
                # A moderator may have dragged the bot to a channel for which somebody else was chosen.
                self.recast()
            case LineDown(code=code):
                logger.warning("voice line down (close code {}), mending", code)
            case Silenced(suppressed=True) if isinstance(self.channel, discord.StageChannel):
                self._later(self._step_on(self.channel))
                return
            case Crowded(user_id) if user_id in self._told_of:
                return
            case Crowded(user_id):
                self._told_of.add(user_id)
            case Mending(remedy=Remedy.END_TURN):
                self._later(self._session.queue(GiveUpFrame("no stage answered in time")))
            case LineClosed(reason=reason) if not self._closing:
                self._on_closed(self, reason)
            case _:
                pass
        text = notice_of(event, speaker_limit=self._speaker_limit, name_of=lambda user_id: self._name_of(str(user_id)))
        if text is not None:
            self._post(text)

    async def _step_on(self, stage: discord.StageChannel) -> None:
        if (text := await step_on_stage(stage)) is not None:
            await self.notify(text)

    async def notify(self, text: str) -> None:
        """Post to the channel's chat; that it could not be posted is only logged."""
        try:
            await self.channel.send(text)
        except discord.HTTPException as error:
            logger.warning("a notice could not be posted: {}", error)

    def _post(self, text: str) -> None:
        task = self._later(self.notify(text))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task
