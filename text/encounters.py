"""Characters that talk with each other: because somebody asked them to, or because one picks up what another said."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from loguru import logger

from personas.behaviour import Kind
from personas.profile import CharacterProfile
from processors.events import TextMessage
from processors.memory import Scene
from text.cast import Cast

if TYPE_CHECKING:
    from discord.abc import MessageableChannel

_STOP = re.compile(r"\W*(?:(?:please|ok|okay|hey|you two|both)\W+)*(?:stop|enough|quiet|silence|shut up|hush)\b", re.I)
_LONGEST_TOPIC = 300
_MOST = 100
"""Encounters at the same time, all servers together."""

Give = Callable[["MessageableChannel", TextMessage], Awaitable[Mapping[str, str]]]
"""Has a letter answered in a channel; gives what each character said."""


@dataclass(slots=True)
class _Encounter:
    task: asyncio.Task[None] | None = None
    stopped: bool = False
    turns: int = 0
    """Messages since a person last wrote."""


class Encounters:
    """One at a time in a channel. Each ends with its turns, or when somebody asks for silence; never of boredom."""

    def __init__(
        self, cast: Cast, give: Give, source: str, clock: Callable[[], float], *, rng: random.Random | None = None
    ) -> None:
        """`source` is whom answers are sent to; `clock` gives Unix time."""
        self._clock = clock
        self._cast = cast
        self._give = give
        self._source = source
        self._rng = rng or random.Random()
        self._running: dict[str, _Encounter] = {}
        self._numbers = count(1)

    def running(self, channel_id: str) -> bool:
        """Whether two characters are talking in a channel."""
        return channel_id in self._running

    def begin(
        self,
        channel: "MessageableChannel",
        scene: Scene,
        pair: tuple[CharacterProfile, CharacterProfile],
        topic: str,
        turns: int | None,
    ) -> bool:
        """Have two characters talk; `turns` messages at most, within the cap of the settings. False if there are two at
        it already, here or in too many other places."""
        topic = " ".join(topic.split())[:_LONGEST_TOPIC]
        about = f" about this: {topic!r}" if topic else ""
        opening = f"Begin a conversation with {pair[1].name}{about}. Speak to {pair[1].name} directly, briefly."
        return self._start(channel, scene, pair, opening, turns)

    def banter(self, channel: "MessageableChannel", scene: Scene, character_id: str) -> None:
        """A character has just answered a person: another one of the channel may pick that up, if it feels like it."""
        guild, place = scene.guild_id, scene.id
        leave = self._cast.leave
        if not leave.is_ambient(guild, place) or Kind.PROACTIVE in leave.not_done(guild, place):
            return
        spoke = self._cast.roster.get(character_id)
        others = [id for id in self._cast.regulars(guild, place) if id != character_id]
        other = self._cast.roster.get(self._rng.choice(others)) if others else None
        if spoke and other and self._picks_up(scene, other, spoke):
            opening = f"Pick up what {spoke.name} just said, in one short sentence to {spoke.name}."
            self._start(channel, scene, (other, spoke), opening, None, while_they_feel_like_it=True)

    def heard(self, channel_id: str, text: str) -> None:
        """A person said something where characters may be talking."""
        encounter = self._running.get(channel_id)
        if encounter:
            # The cap is on messages among themselves.
            encounter.turns = 0
            encounter.stopped |= bool(_STOP.match(text))

    def stop(self, channel_id: str) -> bool:
        """End an encounter: what is being said is said, nothing more. False if there is none."""
        encounter = self._running.get(channel_id)
        if encounter:
            encounter.stopped = True
        return encounter is not None

    async def close(self) -> None:
        """End them all, at once."""
        tasks = [encounter.task for encounter in self._running.values() if encounter.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self,
        channel: "MessageableChannel",
        scene: Scene,
        pair: tuple[CharacterProfile, CharacterProfile],
        opening: str,
        turns: int | None,
        *,
        while_they_feel_like_it: bool = False,
    ) -> bool:
        if scene.id in self._running or len(self._running) >= _MOST:
            return False
        encounter = self._running[scene.id] = _Encounter()
        talk = self._talk(encounter, channel, scene, pair, opening, turns, while_they_feel_like_it)
        encounter.task = asyncio.create_task(talk, name="encounter")
        encounter.task.add_done_callback(lambda task: self._ended(scene.id, task))
        return True

    async def _talk(
        self,
        encounter: _Encounter,
        channel: "MessageableChannel",
        scene: Scene,
        pair: tuple[CharacterProfile, CharacterProfile],
        instruction: str,
        turns: int | None,
        while_they_feel_like_it: bool,
    ) -> None:
        number, said = next(self._numbers), 0
        speaker, listener = pair
        while self._cast.may_go_on(encounter.turns, encounter.stopped) and (turns is None or said < turns):
            letter = TextMessage(
                source=self._source,
                key=f"encounter-{scene.id}-{number}-{said}",
                scene=scene,
                written=None,
                characters=(speaker.id,),
                unbidden=instruction,
                company=(listener.id,),
            )
            answers = await self._give(channel, letter)
            if not answers.get(speaker.id):
                return
            said += 1
            encounter.turns += 1
            speaker, listener = listener, speaker
            if while_they_feel_like_it and not self._picks_up(scene, speaker, listener):
                return
            instruction = f"{listener.name} has just spoken to you. Answer {listener.name}, briefly."

    def _picks_up(self, scene: Scene, speaker: CharacterProfile, spoke: CharacterProfile) -> bool:
        return self._cast.picks_up(scene.guild_id, speaker.id, spoke.id, self._clock())

    def _ended(self, channel_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(channel_id, None)
        if not task.cancelled() and (error := task.exception()):
            logger.opt(exception=error).error("a conversation between characters broke off")
