"""The floor, event by event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.floor import (
    Announce,
    Audible,
    CloseTurn,
    CloseUtterance,
    Completeness,
    Confirm,
    Discard,
    Floor,
    GiveUp,
    Heard,
    Interrupt,
    Phase,
    Played,
    Silent,
    Speculate,
    Transcribe,
    Transcribed,
    UtteranceRef,
    Verdict,
    Voiced,
)
from processors.turns import NOTHING_HEARD, step
from processors.words import Word
from tests.processors.floor_room import ALICE, BOB, POLICY, WINDOW, Room, kinds


def test_the_first_short_silence_asks_for_the_words_and_their_arrival_starts_a_guess():
    room = Room()
    room.talk(ALICE, 640)
    assert kinds(room.quiet(128, ALICE)) == [Transcribe]
    assert room.hear(ALICE, "How are you?") == (
        Speculate(1, 1, (Heard("alice", "How are you?"),), POLICY.complete_ms - 128),
    )
    assert room.floor.phase is Phase.GUESSING


WORDS = (Word("How", 0.0, 200.0), Word("are", 200.0, 300.0), Word("you?", 300.0, 500.0))


def test_the_times_of_words_go_with_them_until_they_change():
    room = Room()
    room.talk(ALICE, 640)
    (asked,) = room.quiet(128, ALICE)
    assert isinstance(asked, Transcribe)
    (guess,) = room.send(Transcribed(ALICE, asked.request, " How are you? ", room.at_ms, words=WORDS))
    assert isinstance(guess, Speculate)
    assert [one.words for one in guess.heard] == [WORDS]
    room.talk(ALICE, 320)
    assert [u.words for u in room.floor.utterances] == [()]
    (asked,) = room.quiet(128, ALICE)
    assert isinstance(asked, Transcribe)
    (guess,) = room.send(Transcribed(ALICE, asked.request, "How are you today?", room.at_ms))
    assert isinstance(guess, Speculate)
    assert [one.words for one in guess.heard] == [()]


def test_what_was_said_is_the_same_whether_the_times_of_its_words_are_known():
    assert Heard("alice", "How are you?", WORDS) == Heard("alice", "How are you?")


def test_a_finished_sentence_is_confirmed_after_the_complete_silence_and_not_before():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    room.hear(ALICE, "How are you?")
    room.allow()
    assert room.quiet(POLICY.complete_ms - 128 - WINDOW, ALICE) == []
    confirmed = room.quiet(POLICY.complete_ms + WINDOW, ALICE)
    assert kinds(confirmed) == [Confirm]
    assert room.floor.phase is Phase.ANSWERING


@pytest.mark.parametrize(("stirs_ms", "late_ms"), [(0, 0), (WINDOW, WINDOW), (2 * WINDOW, 2 * WINDOW), (5000, 96)])
def test_what_begins_in_the_silence_is_waited_for_but_not_for_long(stirs_ms, late_ms):
    room = Room()
    room.talk(ALICE, 640)
    began = room.at_ms
    room.quiet(128, ALICE)
    room.hear(ALICE, "How are you?")
    room.allow()
    while room.floor.phase is Phase.GUESSING:
        room.at_ms += WINDOW
        silence_ms = int(room.at_ms - began)
        stirring = POLICY.complete_ms <= silence_ms < POLICY.complete_ms + stirs_ms
        room.send(Silent(ALICE, silence_ms, began, room.at_ms, stirring))
    assert room.at_ms - began == POLICY.complete_ms + late_ms


def test_a_word_that_began_before_its_turn_was_answered_goes_on_with_the_turn():
    room = Room()
    room.talk(ALICE, 640)
    began = room.at_ms
    room.quiet(POLICY.complete_ms - WINDOW, ALICE)
    room.hear(ALICE, "How are you?")
    room.allow()
    room.at_ms += WINDOW
    assert room.send(Silent(ALICE, int(room.at_ms - began), began, room.at_ms, stirring=True)) == ()
    assert kinds(room.talk(ALICE, WINDOW)) == [Discard]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("How are you?", POLICY.complete_ms),
        ("I was wondering", POLICY.open_ms),
        ("So I went to the", POLICY.trailing_ms),
    ],
)
def test_the_words_set_how_long_the_silence_must_last(text, needed):
    room = Room()
    room.talk(ALICE, 640)
    began = room.at_ms
    room.quiet(128, ALICE)
    room.hear(ALICE, text)
    room.allow()
    while room.floor.phase is Phase.GUESSING:
        room.at_ms += WINDOW
        room.send(Silent(ALICE, int(room.at_ms - began), began, room.at_ms))
    assert needed <= room.at_ms - began < needed + WINDOW


def test_going_on_speaking_discards_the_guess_and_keeps_the_turn():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    room.hear(ALICE, "I think.")
    assert room.talk(ALICE, 320) == [Discard(1)]
    room.quiet(128, ALICE)
    guess = room.hear(ALICE, "I think so.")
    assert guess == (Speculate(1, 2, (Heard("alice", "I think so."),), 972),)


def test_a_transcript_asked_for_before_speech_resumed_is_ignored():
    room = Room()
    room.talk(ALICE, 640)
    (asked,) = room.quiet(128, ALICE)
    room.talk(ALICE, 320)
    assert isinstance(asked, Transcribe)
    assert room.send(Transcribed(ALICE, asked.request, "I think", room.at_ms)) == ()


def test_words_that_come_after_the_silence_already_suffices_are_answered_at_once():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(POLICY.complete_ms + 64, ALICE)
    assert kinds(room.hear(ALICE, "How are you?")) == [Speculate]
    assert kinds(room.allow()) == [Confirm]


def test_speech_before_the_answer_is_audible_takes_the_turn_back():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    room.hear(ALICE, "How are you?")
    room.allow()
    room.quiet(400, ALICE)
    assert room.floor.phase is Phase.ANSWERING
    assert room.talk(ALICE, 64) == [Discard(1)]
    room.quiet(128, ALICE)
    (guess,) = room.hear(ALICE, "How are you? And your cat?")
    assert isinstance(guess, Speculate)
    assert guess.turn == 1


def test_the_utterances_of_a_turn_are_closed_once_its_answer_is_audible():
    room = Room()
    room.ask()
    assert CloseUtterance(ALICE) in room.log
    assert room.floor.utterances == ()


def test_two_people_talking_at_once_are_one_turn_with_two_transcripts_in_order():
    room = Room()
    room.talk(ALICE, 320)
    room.talk(BOB, 320)
    room.quiet(128, ALICE, BOB)
    assert room.hear(BOB, "Me too.") == ()
    (guess,) = room.hear(ALICE, "I like tea.")
    assert guess == Speculate(1, 1, (Heard("alice", "I like tea."), Heard("bob", "Me too.")), POLICY.complete_ms - 128)


def test_the_turn_stays_open_while_anybody_is_talking():
    room = Room()
    room.talk(ALICE, 320)
    room.quiet(96, ALICE)
    room.hear(ALICE, "I like tea.")
    assert Discard(1) in room.talk(BOB, 96)
    assert room.quiet(2000, ALICE) == []


def test_noise_without_words_closes_the_turn_with_a_reason():
    room = Room()
    room.talk(ALICE, 160)
    room.quiet(128, ALICE)
    room.hear(ALICE, " ")
    actions = room.quiet(POLICY.empty_ms + WINDOW, ALICE)
    assert kinds(actions) == [CloseUtterance, CloseTurn]
    assert isinstance(actions[-1], CloseTurn)
    assert actions[-1].reason == NOTHING_HEARD
    assert room.floor.phase is Phase.IDLE


def test_a_turn_not_meant_for_the_bot_closes_unanswered_when_it_is_over():
    room = Room()
    room.talk(ALICE, 320)
    room.quiet(128, ALICE)
    room.hear(ALICE, "Bob, is that you?")
    assert room.send(Verdict(1, False, "not addressed to the bot")) == (Discard(1),)
    actions = room.quiet(POLICY.complete_ms + WINDOW, ALICE)
    assert kinds(actions) == [CloseUtterance, CloseTurn]
    assert isinstance(actions[-1], CloseTurn)
    assert actions[-1].reason == "not addressed to the bot"


def test_a_refusal_can_be_overturned_by_what_is_said_next():
    room = Room()
    room.talk(ALICE, 320)
    room.quiet(128, ALICE)
    room.hear(ALICE, "What do you think?")
    room.send(Verdict(1, False, "not addressed to the bot"))
    room.talk(ALICE, 320)
    room.quiet(128, ALICE)
    room.hear(ALICE, "What do you think, Ava?")
    room.allow()
    assert kinds(room.quiet(400, ALICE)) == [Confirm]


def test_a_silent_gate_delays_the_answer_by_no_more_than_its_deadline():
    room = Room()
    room.talk(ALICE, 320)
    began = room.at_ms
    room.quiet(128, ALICE)
    room.hear(ALICE, "How are you?")
    while room.floor.phase is Phase.GUESSING:
        room.at_ms += WINDOW
        room.send(Silent(ALICE, int(room.at_ms - began), began, room.at_ms))
    assert room.at_ms - began <= POLICY.complete_ms + POLICY.gate_deadline_ms + WINDOW


def test_a_reply_that_came_to_nothing_frees_the_floor():
    room = Room()
    room.talk(ALICE, 320)
    room.quiet(128, ALICE)
    room.hear(ALICE, "How are you?")
    room.allow()
    room.quiet(400, ALICE)
    assert room.send(Played(1, room.at_ms)) == (CloseUtterance(ALICE),)
    assert room.floor.phase is Phase.IDLE


def test_a_sentence_that_does_not_sound_finished_is_waited_for():
    room = Room()
    room.talk(ALICE, 640)
    began = room.at_ms
    room.quiet(128, ALICE)
    request = room.floor.requests
    room.send(Transcribed(ALICE, request, "I was wondering.", room.at_ms, judging=True))
    room.allow()
    room.send(Completeness(ALICE, request, 0.01))
    while room.floor.phase is Phase.GUESSING:
        room.at_ms += WINDOW
        room.send(Silent(ALICE, int(room.at_ms - began), began, room.at_ms))
    assert POLICY.doubtful_ms <= room.at_ms - began < POLICY.doubtful_ms + WINDOW


@pytest.mark.parametrize("sound_first", [True, False])
def test_words_and_sound_that_agree_end_the_turn_early_in_whichever_order_they_come(sound_first):
    room = Room()
    room.talk(ALICE, 640)
    began = room.at_ms
    room.quiet(128, ALICE)
    request = room.floor.requests
    events = [
        Transcribed(ALICE, request, "How are you?", room.at_ms, judging=True),
        Completeness(ALICE, request, 0.99),
    ]
    for event in reversed(events) if sound_first else events:
        room.send(event)
    room.allow()
    while room.floor.phase is Phase.GUESSING:
        room.at_ms += WINDOW
        room.send(Silent(ALICE, int(room.at_ms - began), began, room.at_ms))
    assert room.at_ms - began < POLICY.complete_ms + WINDOW


def test_while_the_sound_is_being_judged_no_turn_is_over_early():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    room.send(Transcribed(ALICE, room.floor.requests, "How are you?", room.at_ms, judging=True))
    room.allow()
    assert room.quiet(POLICY.complete_ms, ALICE) == []


def test_a_judgement_of_words_that_have_changed_since_is_ignored():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    request = room.floor.requests
    room.talk(ALICE, 320)
    before = room.floor
    room.send(Completeness(ALICE, request, 0.99))
    assert room.floor == before


def test_an_announcement_does_not_cut_into_a_turn():
    room = Room()
    room.talk(ALICE, 320)
    assert room.send(Announce("Hello everybody.")) == ()


def test_a_turn_that_is_given_up_frees_the_floor_and_says_why():
    room = Room()
    room.talk(ALICE, 320)
    room.quiet(128, ALICE)
    room.hear(ALICE, "So the")
    actions = room.send(GiveUp("open for too long"))
    assert kinds(actions) == [Discard, CloseUtterance, CloseTurn]
    assert room.floor.phase is Phase.IDLE


def test_an_answer_that_never_becomes_audible_can_be_given_up():
    room = Room()
    room.talk(ALICE, 640)
    room.quiet(128, ALICE)
    room.hear(ALICE, "What can you do?")
    room.send(Verdict(1, True, ""))
    room.quiet(640, ALICE)
    assert room.floor.phase is Phase.ANSWERING
    assert kinds(room.send(GiveUp("no stage answered"))) == [Discard, CloseUtterance, CloseTurn]
    assert room.floor.phase is Phase.IDLE


def test_an_announcement_that_never_becomes_audible_can_be_given_up():
    room = Room()
    room.send(Announce("Hello everybody."))
    assert room.send(GiveUp("no stage answered")) == (Discard(1),)
    assert room.floor.phase is Phase.IDLE


_REFS = st.builds(UtteranceRef, st.sampled_from(["alice", "bob"]), st.integers(1, 3))
_MS = st.integers(0, 3000)
_EVENTS = st.one_of(
    st.builds(Voiced, _REFS, st.integers(32, 2000), st.floats(0, 1e6)),
    st.builds(Silent, _REFS, st.integers(1, 3000), st.floats(0, 1e6), st.floats(0, 1e6)),
    st.builds(
        Transcribed,
        _REFS,
        st.integers(0, 12),
        st.sampled_from(["", "Yes.", "Tell me more.", "So the"]),
        st.floats(0, 1e6),
    ),
    st.builds(Completeness, _REFS, st.integers(0, 12), st.floats(0, 1)),
    st.builds(Verdict, st.integers(0, 6), st.booleans(), st.just("because")),
    st.builds(Audible, st.integers(0, 6), st.floats(0, 1e6)),
    st.builds(Played, st.integers(0, 6), st.floats(0, 1e6)),
)


@given(st.lists(_EVENTS, max_size=60))
def test_whatever_happens_every_attempt_is_confirmed_at_most_once_and_never_after_it_was_discarded(events):
    floor, confirmed, gone = Floor(), set(), set()
    for event in events:
        floor, actions = step(floor, event, POLICY)
        for action in actions:
            match action:
                case Confirm(attempt=attempt):
                    assert attempt not in confirmed | gone
                    confirmed.add(attempt)
                case Discard(attempt):
                    gone.add(attempt)
                case Interrupt(attempt):
                    assert attempt in confirmed
                    gone.add(attempt)
        assert (floor.phase is Phase.IDLE) <= (not floor.utterances)
