"""How a speaker pauses, learned pause by pause."""

from hypothesis import given
from hypothesis import strategies as st

from processors.endpointing import required_silence_ms
from processors.floor import Interrupt, Phase, Played, Silent, UtteranceRef
from processors.habits import Habit, Habits, habit_of, pace, with_pause
from tests.processors.floor_room import ALICE, POLICY, WINDOW, Room, kinds

MOST = 1.5


def paused(*pauses_ms: int) -> Habits:
    habits: Habits = ()
    for pause_ms in pauses_ms:
        habits = with_pause(habits, "alice", pause_ms)
    return habits


def test_somebody_unknown_has_the_usual_pace():
    assert pace(habit_of((), "alice"), MOST) == 1.0


def test_long_pauses_slow_the_pace_down_and_short_ones_speed_it_up():
    slow, quick = (pace(habit_of(paused(*[ms] * 8), "alice"), 3) for ms in (900, 200))
    assert quick < 1.0 < slow


def test_one_pause_moves_it_less_than_many():
    once, often = (pace(habit_of(paused(*[900] * count), "alice"), 3) for count in (1, 8))
    assert 1.0 < once < often


@given(st.lists(st.integers(0, 5000), max_size=30), st.floats(1.0, 3.0))
def test_the_pace_stays_within_its_bounds(pauses, most):
    assert most**-0.5 <= pace(habit_of(paused(*pauses), "alice"), most) <= most


def test_a_quick_speaker_shortens_the_silences_less_than_a_slow_one_lengthens_them():
    slow, quick = (pace(habit_of(paused(*[ms] * 8), "alice"), 1.44) for ms in (1500, 150))
    assert (slow, quick) == (1.44, 1 / 1.2)


def test_consonants_and_new_thoughts_are_no_pauses():
    assert paused(149, 1501) == ()


def test_everybody_has_habits_of_their_own_and_only_so_many_are_kept():
    habits = paused(900)
    for number in range(100):
        habits = with_pause(habits, f"user-{number}", 300)
    assert len(habits) == 32
    assert habit_of(habits, "user-99") == Habit("user-99", (300,))
    assert habit_of(habits, "alice") == Habit("alice")


def needed_ms(room: Room, text: str) -> int:
    return required_silence_ms(text, POLICY, pace=pace(habit_of(room.floor.habits, "alice"), POLICY.habit))


def confirmed_after_ms(room: Room) -> float:
    """The silence behind which words without an end are answered."""
    room.talk(ALICE, 640)
    began_ms = room.at_ms
    room.quiet(128, ALICE)
    room.hear(ALICE, "I like tea")
    room.allow()
    while room.floor.phase is not Phase.ANSWERING:
        room.at_ms += WINDOW
        room.send(Silent(ALICE, int(room.at_ms - began_ms), began_ms, room.at_ms))
    return room.at_ms - began_ms


def test_whoever_pauses_long_and_goes_on_is_given_longer_before_being_answered():
    hasty, slow = Room(), Room()
    for _ in range(6):
        slow.talk(ALICE, 640)
        slow.quiet(POLICY.open_ms - WINDOW, ALICE)
    assert confirmed_after_ms(slow) > confirmed_after_ms(hasty)


def test_somebody_the_bot_cut_in_on_is_waited_for_longer_the_next_time():
    room = Room()
    room.ask("I like tea.")
    again = UtteranceRef("alice", 2)
    room.talk_at_once(again, 800)
    assert kinds(room.hear(again, "And I like cake.")) == [Interrupt]
    assert needed_ms(room, "I like tea.") > POLICY.complete_ms


def test_what_was_learned_outlives_the_turn():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(POLICY.open_ms - WINDOW, ALICE)
    room.ask()
    habits = room.floor.habits
    room.send(Played(room.floor.attempt, room.at_ms))
    assert room.floor.phase is Phase.IDLE
    assert room.floor.habits == habits != ()
