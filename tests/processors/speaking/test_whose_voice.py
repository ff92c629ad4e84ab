"""Whose voice is heard in a room: that of whoever has it, and for what another character wrote, the other's."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from processors.clock import SessionClock
from processors.floor import Heard
from processors.frames import (
    ClauseSpokenFrame,
    ConfirmFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SayFrame,
    SpeculateFrame,
)
from processors.speaking.engines import VoiceStyle
from processors.speaking.scripted import ScriptedTts
from processors.speaking.settings import SpeakingSettings
from processors.speaking.speaker import Speaker, Voice
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
SLOW = Voice(ScriptedTts(), VoiceStyle(speed=0.5))
"""Takes twice as long for the same words."""
ROOM, OTHER = 9 * ScriptedTts.ms_per_character, 18 * ScriptedTts.ms_per_character
"""How long (ms) "It is so." sounds in the room's own voice, and in the slow one."""


def speaker() -> tuple[Speaker, Alone]:
    settings = SpeakingSettings(pause_ms=0)
    stage = Speaker(Voice(ScriptedTts()), settings, SessionClock(), voice_of={"slow": SLOW}.get)
    return stage, Alone(stage)


def lengths_ms(alone: Alone) -> list[float]:
    return [frame.duration_ms for frame in alone.of(ClauseSpokenFrame)]


@pytest.mark.parametrize(("persona", "expected_ms"), [("", ROOM), ("slow", OTHER), ("nobody", ROOM)])
def test_what_is_read_for_a_character_is_read_in_its_voice(
    virtually: Virtually, persona: str, expected_ms: int
) -> None:
    async def run() -> Alone:
        stage, alone = speaker()
        await alone.send(SayFrame(1, 1, "It is so.", 0.0, persona))
        await alone.settle(5)
        await stage.cleanup()
        return alone

    assert lengths_ms(virtually(run())) == [pytest.approx(expected_ms, abs=10)]


def test_the_rooms_own_voice_is_back_for_the_next_reply(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = speaker()
        for number, persona in enumerate(("slow", ""), 1):
            await alone.send(SayFrame(number, number, "It is so.", 0.0, persona))
            await alone.settle(5)
        await stage.cleanup()
        return alone

    assert lengths_ms(virtually(run())) == [pytest.approx(OTHER, abs=10), pytest.approx(ROOM, abs=10)]


def test_who_takes_over_the_room_speaks_from_the_next_reply_on(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = speaker()
        await alone.send(
            SpeculateFrame(1, 1, (Heard("ann", "Why?"),), 0.0),
            ConfirmFrame(1, 1, 0.0, 0.0, 0.0),
            ReplyTextFrame(1, "It is so. ", 0.0),
        )
        await alone.settle(1)
        stage.hand_over(SLOW)
        await alone.send(ReplyTextFrame(1, "It is so.", 0.0), ReplyTextEndFrame(1, False, 0.0))
        await alone.settle(5)
        await alone.send(SayFrame(2, 2, "It is so.", 0.0))
        await alone.settle(5)
        await stage.cleanup()
        return alone

    first, second, third = (frame.duration_ms for frame in virtually(run()).of(ClauseSpokenFrame))
    assert first == pytest.approx(ROOM, abs=10)
    assert second < 1.3 * ROOM, "a reply that has begun is not finished by somebody else"
    assert third == pytest.approx(OTHER, abs=10)
