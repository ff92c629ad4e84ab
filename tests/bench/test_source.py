"""The source plays turns on their cues and remembers where."""

from dataclasses import dataclass

import numpy as np

from bench.corpus.manifest import Kind, Turn
from bench.source import CuedSource, CuePolicy
from processors.language.settings import LanguageSettings


@dataclass
class Room:
    """Says what it is told to say."""

    idle: bool = True
    bot_talking: bool = False


def turn(name: str, kind: Kind = Kind.PLAIN) -> Turn:
    return Turn(name, kind, "somebody", True, "hello", "a.wav", "", 50.0, 0.0, 50.0)


SOUND = np.full(800, 1000, np.int16)
POLICY = CuePolicy(quiet_ms=100, over_bot_ms=60, patience_ms=200, idle_patience_ms=400)


def play(source: CuedSource, frames: int) -> np.ndarray:
    return np.concatenate([frame for _ in range(frames) if (frame := source.read_frame()) is not None])


def test_a_turn_is_played_once_the_room_is_quiet_and_lies_where_it_is_said_to() -> None:
    source = CuedSource([(turn("a"), SOUND)], Room(), POLICY)

    heard = play(source, 20)

    at = round(source.placed[0].at_ms * 16)
    assert source.placed[0].at_ms == 80
    assert np.array_equal(heard[at : at + 800], SOUND)
    assert not heard[:at].any()
    assert source.read_frame() is None


def test_a_busy_room_is_waited_for_but_not_for_ever() -> None:
    source = CuedSource([(turn("a"), SOUND)], Room(idle=False), POLICY)

    play(source, 40)

    assert source.placed[0].at_ms == 480


def test_a_turn_over_the_bot_is_skipped_when_the_bot_never_talks() -> None:
    source = CuedSource([(turn("over", Kind.TALK_OVER), SOUND), (turn("b"), SOUND)], Room(), POLICY)

    play(source, 60)

    assert [skipped.id for skipped in source.skipped] == ["over"]
    assert [placed.turn.id for placed in source.placed] == ["b"]


def test_the_longest_answer_is_heard_out_before_the_next_turn() -> None:
    tokens = LanguageSettings().sampling.max_tokens
    # Four letters and a space a token, which is long, said as slowly as ten letters in a second.
    assert CuePolicy().idle_patience_ms > tokens * 5 / 10 * 1000


def test_a_turn_over_the_bot_waits_for_the_bot() -> None:
    room = Room(idle=False)
    source = CuedSource([(turn("over", Kind.TALK_OVER), SOUND)], room, POLICY)

    play(source, 5)
    room.bot_talking = True
    play(source, 10)

    assert source.placed[0].at_ms == 140
