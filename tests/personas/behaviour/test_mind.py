"""What a character does unbidden: when, how often, and when not."""

import random
from collections import Counter
from typing import Any

import pytest

from personas.behaviour import (
    Answered,
    BehaviourSettings,
    Event,
    Impulse,
    JoinedVoice,
    Kind,
    Mind,
    Quiet,
    Said,
    observe,
    prompt_lines,
)
from personas.saved import from_json, to_json

ALWAYS = BehaviourSettings(reactions=1, proactive=1, curiosity=1, ambient=1, voice_joins=1, adaptive_timing=False)
NEVER = BehaviourSettings(reactions=0, proactive=0, curiosity=0, ambient=0, voice_joins=0)
TOPICS = ("games", "food")
TELLING = "yesterday we all went down to the old harbour together"


def said(text: str, at_s: float = 1000, **changes: Any) -> Said:
    return Said("room", "Sam", text, at_s, **changes)


def run(
    *events: Event,
    settings: BehaviourSettings = ALWAYS,
    mind: Mind | None = None,
    seed: int = 1,
    off: tuple[Kind, ...] = (),
) -> tuple[Mind, list[Impulse]]:
    mind, impulses, rng = mind or Mind(), [], random.Random(seed)
    for event in events:
        mind, moved = observe(mind, event, settings, TOPICS, rng, off)
        impulses += moved
    return mind, impulses


def kinds(*events: Event, **changes: Any) -> list[Kind]:
    return [impulse.kind for impulse in run(*events, **changes)[1]]


EVERYTHING = (
    said("I love this game!", 1000),
    said(TELLING, 2000),
    Quiet("room", 2000 + 1000),
    JoinedVoice("room", "Sam", 9000),
)


def test_a_lively_character_does_everything() -> None:
    assert kinds(*EVERYTHING) == ["reaction", "proactive", "curiosity", "ambient", "voice_join"]


def test_a_still_character_does_nothing() -> None:
    assert kinds(*EVERYTHING, settings=NEVER) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_can_be_switched_off(kind: Kind) -> None:
    assert kind not in kinds(*EVERYTHING, off=(kind,))
    assert len(kinds(*EVERYTHING, off=tuple(Kind))) == 0


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REACTION])
def test_whatever_is_said_unbidden_is_put_to_the_thinking_model_first(kind: Kind) -> None:
    (impulse,) = [impulse for impulse in run(*EVERYTHING)[1] if impulse.kind is kind]
    assert impulse.question.endswith("?")
    assert impulse.about


def test_chances_are_heeded() -> None:
    settings = BehaviourSettings(reactions=0.15, proactive=0.3, curiosity=0)
    seen = Counter(kind for n in range(600) for kind in kinds(said("a great game"), settings=settings, seed=n))
    assert 0.1 < seen[Kind.REACTION] / 600 < 0.2
    assert 0.25 < seen[Kind.PROACTIVE] / 600 < 0.35


def test_only_its_own_topics_move_it_to_join_in() -> None:
    assert Kind.PROACTIVE not in kinds(said("the moon"))
    assert Kind.PROACTIVE in kinds(said("a recipe"))


def test_it_does_not_interrupt_an_answer_it_is_giving_anyway() -> None:
    assert kinds(said("I love this game!", addressed=True)) == ["reaction"]


def test_it_speaks_unbidden_only_after_its_cooldown() -> None:
    quick = BehaviourSettings(reactions=0, proactive=1, curiosity=0, proactive_cooldown_s=60)
    assert len(kinds(said("a game", 0 + 1), said("a game", 40), settings=quick)) == 1
    assert len(kinds(said("a game", 1), said("a game", 61), settings=quick)) == 2


def test_one_channels_cooldown_is_not_anothers() -> None:
    other = Said("other", "Sam", "a game", 1001)
    assert kinds(said("a game", 1000), other, off=(Kind.REACTION,)) == ["proactive", "proactive"]


def test_curiosity_has_limits_by_5_and_15_minutes() -> None:
    asking = BehaviourSettings(reactions=0, proactive=0, curiosity=1, proactive_cooldown_s=0)
    events = [said(TELLING, 1000 + 60 * n) for n in range(30)]
    # One in 5 minutes, three in 15: minutes 0, 5, 10, 15, 20, 25.
    assert len(kinds(*events, settings=asking)) == 6
    more = asking.model_copy(update={"curiosity_per_5_min": 3})
    assert len(kinds(*events[:15], settings=more)) == 3
    none = asking.model_copy(update={"curiosity_per_15_min": 0})
    assert kinds(*events, settings=none) == []


def test_a_short_message_gives_nothing_to_ask_about() -> None:
    assert kinds(said("ok then"), settings=ALWAYS) == []


def test_it_speaks_once_into_a_lull_and_not_into_an_empty_room() -> None:
    settings = ALWAYS.model_copy(update={"ambient_after_s": 600, "reactions": 0, "curiosity": 0, "proactive": 0})
    lull = [Quiet("room", 1000 + 60 * n) for n in range(1, 40)]
    assert kinds(said("hm"), *lull, settings=settings) == ["ambient"]
    assert kinds(said("hm"), Quiet("room", 1000 + 599), settings=settings) == []
    assert kinds(said("hm"), Quiet("room", 1000 + 2400), settings=settings) == []
    assert kinds(*lull, settings=settings) == []


def test_an_answer_ends_a_lull() -> None:
    assert kinds(said("hm"), Answered("room", 1800), Quiet("room", 2000)) == []


def test_in_hours_when_a_channel_sleeps_so_does_the_character() -> None:
    week = 7 * 24 * 3600
    # The channel talks at the same hour every week, and this is another hour.
    history = [said("hm", week * n + 10 * k) for n in range(1, 4) for k in range(30)]
    late = [said("hm", week * 3 + 12 * 3600), Quiet("room", week * 3 + 12 * 3600 + 3500)]
    settings = ALWAYS.model_copy(update={"adaptive_timing": True, "reactions": 0, "curiosity": 0})
    adaptive = sum(
        len(kinds(*history, *late[:1], Quiet("room", late[1].at_s + 200), settings=settings, seed=n)) for n in range(40)
    )
    rigid = settings.model_copy(update={"adaptive_timing": False})
    assert adaptive < 20
    assert len(kinds(*history, *late, settings=rigid)) == 1


def test_a_mind_counts_its_exchanges_and_grows_with_them() -> None:
    mind, _ = run(*[Answered("room", n) for n in range(49)], settings=NEVER)
    assert prompt_lines(mind, 0, NEVER) == ()
    mind, _ = run(Answered("room", 50), settings=NEVER, mind=mind)
    (line,) = prompt_lines(mind, 50, NEVER)
    assert "settled in" in line
    assert prompt_lines(mind, 50, NEVER.model_copy(update={"evolves": False})) == ()


@pytest.mark.parametrize(
    ("exchanges", "word"), [(100, "through together"), (500, "jokes"), (1000, "old friends"), (5000, "part of")]
)
def test_every_milestone_has_its_line(exchanges: int, word: str) -> None:
    assert word in prompt_lines(Mind(exchanges=exchanges), 0, NEVER)[0]


def test_the_same_events_and_dice_give_the_same_mind() -> None:
    assert run(*EVERYTHING) == run(*EVERYTHING)


def test_a_mind_survives_json() -> None:
    mind, _ = run(*EVERYTHING, Answered("room", 9100))
    assert from_json(Mind, to_json(mind)) == mind


def test_a_mind_forgets_the_channels_longest_unheard() -> None:
    mind = Mind()
    for n in range(510):
        mind, _ = observe(mind, Said(f"c{n}", "Sam", "hm", 1000 + n), NEVER, (), random.Random(1))
    assert len(mind.channels) == 500
    assert "c509" in mind.channels
    assert "c0" not in mind.channels


def test_every_setting_changes_something() -> None:
    """Each field of the settings is read outside the file that declares it."""
    from pathlib import Path

    import personas.behaviour as package

    folder = Path(package.__file__).parent
    code = "\n".join(path.read_text() for path in folder.glob("*.py") if path.name != "settings.py")
    assert [name for name in BehaviourSettings.model_fields if f"settings.{name}" not in code] == []
