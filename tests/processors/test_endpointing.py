"""Silence and words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.endpointing import TurnPolicy, is_back_channel, is_premature, required_silence_ms, words_of

POLICY = TurnPolicy()


@pytest.mark.parametrize("text", ["How are you?", "I like tea.", "Stop!", 'He said "no."', "Come on in."])
def test_a_finished_sentence_needs_the_least_silence(text):
    assert required_silence_ms(text, POLICY) == POLICY.complete_ms


@pytest.mark.parametrize("text", ["I like tea", "the quick brown fox", "It is five five five.", "My number is 555."])
def test_words_without_an_end_need_more(text):
    assert required_silence_ms(text, POLICY) == POLICY.open_ms


@pytest.mark.parametrize(
    "text",
    [
        "I went to the",
        "and",
        "Well, um",
        "because.",
        "He began a complaint against.",
        "I want a...",
        "My favourite is the.",
        "I like apples,",
        "It is 5 5",
    ],
)
def test_a_connector_a_filler_or_a_cut_off_phrase_needs_the_most(text):
    assert required_silence_ms(text, POLICY) == POLICY.trailing_ms


def test_no_words_are_waited_for_longer_than_finished_ones():
    assert required_silence_ms("...", POLICY) == POLICY.empty_ms


@pytest.mark.parametrize(
    "text", ["mm-hm", "Yeah.", "Yeah, right.", "I see.", "Oh, really?", "Haha", "", "Mum.", "Bless"]
)
def test_signals_of_listening_are_back_channels(text):
    assert is_back_channel(text)


@pytest.mark.parametrize(
    "text", ["No.", "Wait", "Stop!", "Yeah but what about dogs", "Stop it", "ok ok ok ok ok ok tell me"]
)
def test_anything_with_content_is_not(text):
    assert not is_back_channel(text)


@pytest.mark.parametrize("text", ["If I,", "Get, yeah.", "Come on.", "Really? Re"])
def test_two_words_are_a_signal_only_when_they_were_brief(text):
    assert is_back_channel(text, spoken_ms=500)
    assert not is_back_channel(text, spoken_ms=900)


@pytest.mark.parametrize("text", ["Stop it", "Hold on", "Excuse me", "Never mind", "No, wait"])
def test_a_word_that_is_meant_to_stop_somebody_does_so_however_brief(text):
    assert not is_back_channel(text, spoken_ms=300)


def test_more_words_than_can_have_been_said_are_premature_unless_the_first_is_to_stop_somebody():
    assert is_premature("You will have", spoken_ms=400)
    assert not is_premature("You will have", spoken_ms=800)
    assert not is_premature("Wait, I have another question.", spoken_ms=400)


def test_silences_follow_the_speakers_pace_but_for_those_without_words():
    needed = required_silence_ms("How are you?", POLICY)
    assert required_silence_ms("How are you?", POLICY, pace=1.5) == 1.5 * needed
    assert required_silence_ms("...", POLICY, pace=1.5) == POLICY.empty_ms
    assert required_silence_ms("How are you?", POLICY, pace=0.01) == POLICY.eager_ms


def test_profiles_order_themselves_by_patience():
    profiles = [TurnPolicy(profile=name) for name in ("snappy", "balanced", "patient")]
    assert profiles == sorted(profiles, key=lambda policy: policy.complete_ms)
    assert len({policy.complete_ms for policy in profiles}) == 3


def test_a_value_given_beside_a_profile_wins():
    assert TurnPolicy(profile="snappy", complete_ms=300).complete_ms == 300


def test_words_are_told_apart_from_punctuation():
    assert words_of("Don’t stop — it's 5 o'clock!") == ["don't", "stop", "it's", "5", "o'clock"]


def test_a_sentence_must_sound_finished_and_a_question_only_half_so():
    assert required_silence_ms("I like tea.", POLICY, completeness=0.96) == POLICY.complete_ms
    assert POLICY.complete_ms < required_silence_ms("I like tea.", POLICY, completeness=0.8) < POLICY.open_ms
    assert required_silence_ms("I like tea.", POLICY, completeness=POLICY.unsure) == POLICY.open_ms
    assert POLICY.open_ms < required_silence_ms("I like tea.", POLICY, completeness=0.1) < POLICY.doubtful_ms
    assert required_silence_ms("I like tea.", POLICY, completeness=0.01) == POLICY.doubtful_ms
    assert required_silence_ms("I like tea", POLICY, completeness=0.001) == POLICY.doubtful_ms
    assert required_silence_ms("I like tea", POLICY, completeness=0.8) == POLICY.open_ms
    assert required_silence_ms("I like tea", POLICY, completeness=0.96) == POLICY.complete_ms
    assert required_silence_ms("Do you like tea?", POLICY, completeness=0.5) == POLICY.complete_ms
    assert POLICY.complete_ms < required_silence_ms("Do you like tea?", POLICY, completeness=0.4) < POLICY.open_ms
    assert required_silence_ms("Do you like tea?", POLICY, completeness=0.001) == POLICY.open_ms
    assert POLICY.open_ms < POLICY.doubtful_ms <= POLICY.trailing_ms
    assert required_silence_ms("Are you against?", POLICY) == POLICY.complete_ms
    assert required_silence_ms("Do you like the?", POLICY, completeness=0.1) == POLICY.trailing_ms


def test_a_mark_behind_a_word_that_few_sentences_end_on_is_believed_if_it_sounds_final():
    assert required_silence_ms("The movie was.", POLICY) == POLICY.complete_ms
    assert required_silence_ms("The movie was.", POLICY, completeness=0.96) == POLICY.complete_ms
    assert required_silence_ms("The movie was.", POLICY, completeness=0.8) == POLICY.trailing_ms
    assert required_silence_ms("Where are you from?", POLICY, completeness=0.1) == POLICY.open_ms


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["I like tea.", "I like tea", "Do you like tea?", "I like the", "I like tea,"]),
)
def test_nobody_waits_longer_for_what_sounds_more_finished(less: float, more: float, sure: float, unsure: float, text):
    policy = TurnPolicy(sure=sure, unsure=unsure, sure_question=sure)
    less, more = sorted((less, more))
    longer, shorter = (required_silence_ms(text, policy, completeness=completeness) for completeness in (less, more))
    assert policy.complete_ms <= shorter <= longer <= policy.trailing_ms


def test_how_long_is_waited_has_no_steps_but_those_of_the_words():
    waits = [required_silence_ms("I like tea.", POLICY, completeness=share / 1000) for share in range(1001)]
    assert max(abs(before - after) for before, after in pairwise(waits)) < 70
    assert (max(waits), min(waits)) == (POLICY.doubtful_ms, POLICY.complete_ms)


def test_a_hanging_word_that_sounds_final_was_misheard_and_a_comma_set_too_early():
    assert required_silence_ms("I went to the", POLICY, completeness=0.99) == POLICY.open_ms
    assert required_silence_ms("I went to the shop,", POLICY, completeness=0.99) == POLICY.open_ms
    assert required_silence_ms("I went to the shop,", POLICY, completeness=0.9) == POLICY.trailing_ms
