"""What moves characters to do something nobody asked for, and what keeps them from it."""

import pytest

from personas.behaviour import JoinedVoice, Kind, Quiet, Said
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import Cast

LIVELY = {"reactions": 1, "proactive": 1, "curiosity": 1, "ambient": 1, "voice_joins": 1, "adaptive_timing": False}
AVA = profile("Ava", acore={"topics": ["games"], "behaviour": LIVELY})
BRAM = profile("Bram", acore={"topics": ["games"], "behaviour": LIVELY})
GAME = "We love this game, it is so much fun!"


def moved(cast: Cast, text: str = GAME, channel: str = "c", at_s: float = NOW_S) -> list[Kind]:
    urges = cast.observe("g", Said(channel, "1", text, at_s))
    return [urge.impulse.kind for urge in urges]


def test_in_an_ambient_channel_characters_react_and_want_to_join_in() -> None:
    cast = cast_of(AVA)
    cast.leave.set_ambient("g", "c", True)
    assert moved(cast) == [Kind.REACTION, Kind.PROACTIVE]
    assert moved(cast, at_s=NOW_S + 10) == [Kind.REACTION], "it has just wanted to speak"


def test_a_channel_is_ambient_by_setting_too() -> None:
    by_setting = cast_of(AVA, ambient_channels=(77,))
    assert Kind.PROACTIVE in moved(by_setting, channel="77")
    by_setting.leave.set_ambient("g", "c", True)
    assert by_setting.leave.channels == {"77", "c"}


def test_elsewhere_they_keep_silent_and_react_only_where_they_are_at_home() -> None:
    cast = cast_of(AVA)
    assert moved(cast) == []
    cast.answered("g", "c", "ava", "1", "Hello.", NOW_S)
    assert moved(cast) == [Kind.REACTION]


@pytest.mark.parametrize("kind", [Kind.REACTION, Kind.PROACTIVE])
def test_each_kind_can_be_switched_off_for_a_channel_and_for_all(kind: Kind) -> None:
    cast = cast_of(AVA)
    cast.leave.set_ambient("g", "c", True)
    cast.leave.switch("g", "c", kind, False)
    assert kind not in moved(cast)
    cast.leave.switch("g", "c", kind, True)
    assert kind in moved(cast, at_s=NOW_S + 1000)
    silent = cast_of(AVA, off=(kind,))
    silent.leave.set_ambient("g", "c", True)
    assert kind not in moved(silent)


def test_of_several_characters_one_reacts_and_one_speaks() -> None:
    speakers: set[str] = set()
    for seed in range(20):
        cast = cast_of(AVA, BRAM, present=("ava", "bram"), seed=seed)
        cast.leave.set_ambient("g", "c", True)
        urges = cast.observe("g", Said("c", "1", GAME, NOW_S))
        assert [urge.impulse.kind for urge in urges] == [Kind.REACTION, Kind.PROACTIVE]
        speakers.add(urges[1].character.id)
    assert speakers == {"ava", "bram"}


def test_a_lull_moves_them_to_speak_once() -> None:
    cast = cast_of(AVA)
    cast.leave.set_ambient("g", "c", True)
    moved(cast)
    lull = [bool(cast.observe("g", Quiet("c", NOW_S + minute * 60))) for minute in range(1, 60)]
    assert lull.count(True) == 1
    assert lull.index(True) == 14


def test_whoever_joins_the_voice_channel_may_be_greeted() -> None:
    cast = cast_of(AVA, ambient_channels=(20,))
    [urge] = cast.observe("g", JoinedVoice("20", "Mia", NOW_S))
    assert urge.impulse.kind is Kind.VOICE_JOIN
    assert not cast.observe("g", JoinedVoice("21", "Mia", NOW_S)), "not in a channel where nobody allowed it"
    silent = cast_of(AVA, ambient_channels=(20,), off=(Kind.VOICE_JOIN,))
    assert not silent.observe("g", JoinedVoice("20", "Mia", NOW_S))


def test_the_settings_say_how_lively_a_character_is_whose_card_does_not() -> None:
    from text.cast.settings import BehaviourDefaults

    plain = profile("Ava", acore={"topics": ["games"], "behaviour": {"reactions": 0}})
    cast = cast_of(plain, behaviour=BehaviourDefaults(reactions=1, proactive=1))
    cast.leave.set_ambient("g", "c", True)
    assert moved(cast) == [Kind.PROACTIVE]


def test_an_answer_nobody_waits_for_comes_at_the_channels_pace() -> None:
    slow = profile("Ava", acore={"behaviour": {"adaptive_timing": True}})
    cast, hasty = cast_of(slow), cast_of(AVA)
    for one in (cast, hasty):
        for n in range(20):
            one.observe("g", Said("c", "1", "Hm.", NOW_S + n * 100))
    assert 3 < cast.answer_delay_s("g", "c", "ava") < 20
    assert hasty.answer_delay_s("g", "c", "ava") == 0
