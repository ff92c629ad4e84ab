"""What characters do unasked."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from personas.behaviour import Event, Impulse, JoinedVoice, Kind, Quiet, Said
from processors.events import TextMessage
from processors.memory import Scene, SceneKind
from processors.thinking.model import Thought
from tests.text.build import cast_of, settings
from text.cast import Urge
from text.unasked import Unasked
from text.urges import Welcome

AVA = cast_of(settings()).roster.default
SCENE = Scene(SceneKind.CHANNEL, "10", "1")


class Moved:
    """A cast that is moved to one thing by everything."""

    def __init__(self, kind: Kind, delay_s: float = 0.0) -> None:
        self.kind = kind
        self.delay_s = delay_s
        self.seen: list[Event] = []
        self.leave = SimpleNamespace(channels={"10"})

    def observe(self, guild_id: str, event: Event) -> tuple[Urge, ...]:
        self.seen.append(event)
        return (Urge(AVA, Impulse(self.kind, event.channel, "tea", "Would it be welcome?")),)

    def answer_delay_s(self, guild_id: str, channel_id: str, character_id: str) -> float:
        return self.delay_s


class Thinking:
    """A thinking model that always answers the same; with None there is none."""

    def __init__(self, answer: bool | None) -> None:
        self._answer = answer
        self.asks = answer is not None
        self.asked: list[str] = []

    async def decide(self, question: str, situation: str, *, default: bool) -> Thought[bool]:
        self.asked.append(question)
        return Thought(default if self._answer is None else self._answer, self.asks, 0.0)


class Hands:
    """Takes what is to be given."""

    def __init__(self) -> None:
        self.given: list[TextMessage] = []
        self.said: list[TextMessage] = []

    async def give(self, channel: Any, letter: TextMessage) -> None:
        self.given.append(letter)

    async def say(self, letter: TextMessage) -> None:
        self.said.append(letter)


class Message:
    """A message that can be reacted to."""

    id = 5
    author = SimpleNamespace(display_name="Alice")
    channel = None

    def __init__(self) -> None:
        self.reactions: list[str] = []

    async def add_reaction(self, emoji: str) -> None:
        self.reactions.append(emoji)


def unasked(moved: Moved, thinking: Thinking | None, client: Any = None) -> tuple[Unasked, Hands]:
    hands, welcome = Hands(), Welcome()
    if thinking:
        welcome.bind(cast(Any, thinking))
    return Unasked(client, cast(Any, hands), cast(Any, moved), welcome, "text-line", clock=lambda: 100.0), hands


async def test_a_reaction_needs_nobodys_leave() -> None:
    doing, hands = unasked(Moved(Kind.REACTION), Thinking(False))
    message = Message()
    await doing.written(cast(Any, message), "tea!", SCENE, addressed=False)
    assert message.reactions == ["tea"]
    assert hands.given == []


@pytest.mark.parametrize(("answer", "speaks"), [(True, True), (False, False), (None, True)])
async def test_a_remark_is_made_if_the_thinking_model_finds_it_welcome(answer: bool | None, speaks: bool) -> None:
    moved, thinking = Moved(Kind.PROACTIVE), Thinking(answer)
    doing, hands = unasked(moved, thinking)
    await doing.written(cast(Any, Message()), "I like tea", SCENE, addressed=False)
    assert thinking.asked == ["Would it be welcome?"]
    assert moved.seen == [Said("10", "Alice", "I like tea", 100.0)]
    assert [(letter.written, letter.characters, "tea" in letter.unbidden) for letter in hands.given] == (
        [(None, ("ava",), True)] if speaks else []
    )


async def test_nothing_is_said_before_the_engines_are_ready() -> None:
    doing, hands = unasked(Moved(Kind.PROACTIVE), None)
    await doing.written(cast(Any, Message()), "I like tea", SCENE, addressed=False)
    assert hands.given == []


def test_a_remark_comes_at_the_pace_of_its_channel(virtually: Callable[..., Any]) -> None:
    async def main() -> tuple[int, int]:
        doing, hands = unasked(Moved(Kind.PROACTIVE, delay_s=7.0), Thinking(True))
        writing = asyncio.ensure_future(doing.written(cast(Any, Message()), "I like tea", SCENE, addressed=False))
        await asyncio.sleep(6.9)
        early = len(hands.given)
        await writing
        return early, len(hands.given)

    assert virtually(main()) == (0, 1)


@pytest.mark.parametrize("welcome", [True, False])
async def test_who_enters_the_voice_channel_is_greeted_aloud_if_that_is_welcome(welcome: bool) -> None:
    moved = Moved(Kind.VOICE_JOIN)
    doing, hands = unasked(moved, Thinking(welcome))
    member = SimpleNamespace(id=7, display_name="Bob", guild=SimpleNamespace(id=1))
    await doing.entered(cast(Any, member), 77)
    assert moved.seen == [JoinedVoice("77", "Bob", 100.0)]
    assert [letter.scene for letter in hands.said] == [Scene(SceneKind.VOICE, "77", "1")] * welcome


def test_quiet_minutes_are_told_only_of_channels_that_are_there(virtually: Callable[..., Any]) -> None:
    async def main() -> list[Event]:
        moved = Moved(Kind.AMBIENT)
        gone = SimpleNamespace(get_channel=lambda id: None)
        doing, _ = unasked(moved, Thinking(True), gone)
        minding = asyncio.ensure_future(doing.mind_silence())
        await asyncio.sleep(200)
        minding.cancel()
        await asyncio.gather(minding, return_exceptions=True)
        return moved.seen

    assert virtually(main()) == []


@pytest.mark.parametrize("welcome", [True, False])
def test_a_quiet_minute_may_move_a_character_to_speak(
    welcome: bool, virtually: Callable[..., Any], monkeypatch: Any
) -> None:
    async def main() -> tuple[list[Event], Hands]:
        moved = Moved(Kind.AMBIENT)
        doing, hands = unasked(moved, Thinking(welcome))
        channel = SimpleNamespace(id=10, guild=SimpleNamespace(id=1))
        monkeypatch.setattr(doing, "_ambient", lambda: [channel])
        minding = asyncio.ensure_future(doing.mind_silence())
        await asyncio.sleep(130)
        minding.cancel()
        await asyncio.gather(minding, return_exceptions=True)
        return moved.seen, hands

    seen, hands = virtually(main())
    assert seen == [Quiet("10", 100.0)] * 2
    assert len(hands.given) == 2 * welcome
