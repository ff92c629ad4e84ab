"""Speech over the bot: what stops it, and what does not."""

import pytest

from processors.floor import (
    Announce,
    Audible,
    CloseTurn,
    CloseUtterance,
    Heard,
    Interrupt,
    Phase,
    Played,
    Say,
    Saying,
    Speculate,
    Transcribe,
    Transcribed,
    UtteranceRef,
    Voiced,
)
from processors.words import Word
from tests.processors.floor_room import ALICE, POLICY, WINDOW, Room, kinds


@pytest.mark.parametrize("words", ["Mm-hm.", "Yeah.", "Oh wow, okay.", "Ha ha ha.", ""])
def test_a_back_channel_does_not_stop_the_bot(words):
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    room.talk(over, 256)
    room.quiet(128, over)
    assert room.hear(over, words) == (CloseUtterance(over),)
    assert room.floor.phase is Phase.ANSWERING


def test_more_words_than_can_have_been_said_are_asked_for_again():
    """ "Oh, wow." is "You will have" to an engine that got its first 400 ms."""
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    room.talk(over, POLICY.barge_in_ms + WINDOW)
    assert room.hear(over, "You will have") == ()
    assert room.floor.phase is Phase.ANSWERING
    [asked] = room.send(Voiced(over, POLICY.barge_in_ms + 2 * WINDOW, room.at_ms + WINDOW))
    assert isinstance(asked, Transcribe)
    room.quiet(128, over)
    assert room.hear(over, "Oh, wow.") == (CloseUtterance(over),)


STORY = "Once upon a time there was a cat who lived by the sea."


@pytest.mark.parametrize("words", ["Once upon a", "was a cat who live", "there was a hat who lived by", "the sea"])
def test_the_bots_own_words_out_of_a_loudspeaker_do_not_stop_it(words):
    room = Room()
    room.ask()
    room.send(Saying(1, STORY))
    over = UtteranceRef("alice", 2)
    room.talk(over, POLICY.barge_in_ms + WINDOW)
    assert room.hear(over, words) == ()
    room.quiet(128, over)
    assert room.hear(over, words) == (CloseUtterance(over),)
    assert room.floor.phase is Phase.ANSWERING


@pytest.mark.parametrize("words", ["What about a dog?", "Was it a cat or a dog?", "Is it by the sea or not?", "No cat"])
def test_somebody_who_speaks_of_what_the_bot_says_is_no_echo(words):
    room = Room()
    room.ask()
    room.send(Saying(1, STORY))
    over = UtteranceRef("alice", 2)
    room.talk_at_once(over, 1200)
    assert room.hear(over, words) == (Interrupt(1, "alice"),)


def test_an_echo_that_outlasts_the_reply_is_not_answered():
    room = Room()
    room.ask()
    room.send(Saying(1, STORY))
    over = UtteranceRef("alice", 2)
    room.talk(over, 320)
    room.send(Played(1, room.at_ms))
    room.quiet(128, over)
    assert room.hear(over, "who lived by the sea") == ()
    closed = room.quiet(POLICY.empty_ms, over)
    assert kinds(closed) == [CloseUtterance, CloseTurn]


def test_only_so_much_of_what_was_said_is_remembered():
    room = Room()
    room.ask()
    for _ in range(100):
        room.send(Saying(1, STORY))
    assert len(room.floor.saying) == 400


def test_words_over_the_bot_take_the_floor_while_they_are_still_being_said():
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    asked = room.talk(over, POLICY.barge_in_ms + WINDOW)
    assert kinds(asked) == [Transcribe]
    taken = room.hear(over, "Wait, stop")
    assert taken == (Interrupt(1, "alice"),)
    assert (room.floor.phase, room.floor.turn) == (Phase.LISTENING, 2)


def test_a_long_hum_over_the_bot_is_weighed_again_and_again_but_never_stops_it():
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    room.talk(over, POLICY.barge_in_ms + WINDOW)
    assert room.hear(over, "Hmm") == ()
    room.at_ms += WINDOW
    again = room.send(Voiced(over, POLICY.barge_in_ms + 2 * WINDOW, room.at_ms))
    assert kinds(again) == [Transcribe]


def test_after_an_interruption_the_whole_sentence_is_transcribed_again():
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    room.talk(over, POLICY.barge_in_ms + WINDOW)
    room.hear(over, "Wait, stop")
    room.talk(over, 320)
    assert kinds(room.quiet(128, over)) == [Transcribe]
    (guess,) = room.hear(over, "Wait, stop. What about dogs?")
    assert guess == Speculate(2, 2, (Heard("alice", "Wait, stop. What about dogs?"),), POLICY.complete_ms - 126)


def test_the_times_of_what_took_the_floor_are_kept_once_its_speaker_is_silent():
    room = Room()
    room.ask()
    over = UtteranceRef("alice", 2)
    room.talk(over, POLICY.barge_in_ms - WINDOW)
    (asked,) = room.quiet(128, over)
    assert isinstance(asked, Transcribe)
    stop = Word("Stop!", 10.0, 20.0)
    _, guess = room.send(Transcribed(over, asked.request, "Stop!", room.at_ms, words=(stop,)))
    assert isinstance(guess, Speculate)
    assert [one.words for one in guess.heard] == [(stop,)]


def test_an_echo_leaves_no_times():
    room = Room()
    room.ask()
    room.send(Saying(1, STORY))
    over = UtteranceRef("alice", 2)
    room.talk(over, 160)
    room.send(Played(1, room.at_ms))
    (asked,) = room.quiet(128, over)
    assert isinstance(asked, Transcribe)
    room.send(Transcribed(over, asked.request, "lived by the sea", room.at_ms, words=(Word("lived", 10.0, 20.0),)))
    assert [u.words for u in room.floor.utterances] == [()]


def test_somebody_talking_when_the_reply_ends_opens_the_next_turn():
    room = Room()
    room.ask()
    over = UtteranceRef("bob", 1)
    room.talk(over, 160)
    room.send(Played(1, room.at_ms))
    assert (room.floor.phase, room.floor.turn) == (Phase.LISTENING, 2)
    room.quiet(128, over)
    (guess,) = room.hear(over, "And you?")
    assert isinstance(guess, Speculate)


def test_an_announcement_is_said_while_the_floor_is_free_and_can_be_talked_over():
    room = Room()
    assert room.send(Announce("Hello everybody.")) == (Say(1, 1, "Hello everybody."),)
    room.send(Audible(1, 0.0))
    room.talk_at_once(ALICE, 800)
    assert room.hear(ALICE, "Be quiet please") == (Interrupt(1, "alice"),)
