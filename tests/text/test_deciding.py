"""Whether a message is answered."""

from dataclasses import replace

import pytest

from text.deciding import ANSWERED, Incoming, Why, decide, is_command
from text.settings import TextSettings

PLAIN = Incoming("What a day.", channel_id=10, user_id=7)
SETTINGS = TextSettings()


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"direct": True}, Why.DIRECT),
        ({"mentions_bot": True}, Why.MENTION),
        ({"replies_to_character": True, "replies_to_other": True}, Why.REPLY),
        ({"names_character": True}, Why.NAME),
        ({"in_own_thread": True}, Why.THREAD),
        ({"in_session": True}, Why.SESSION),
        ({"goes_on": True}, Why.FOLLOW_UP),
        ({"pictures": 1, "text": "What is this?"}, Why.PICTURE),
        ({"mentions_bot": True, "text": ""}, Why.MENTION),
        ({"direct": True, "text": "", "pictures": 1}, Why.DIRECT),
        ({"names_character": True, "mentions_others": True}, Why.NAME),
        ({"mentions_bot": True, "text": "!help"}, Why.MENTION),
    ],
)
def test_it_is_answered(known: dict[str, object], why: Why) -> None:
    assert decide(replace(PLAIN, **known), SETTINGS) is why
    assert why in ANSWERED


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, Why.OTHERS),
        ({"mentions_bot": True, "by_bot": True}, Why.BOT),
        ({"mentions_bot": True, "text": "Hi #ignore"}, Why.IGNORED),
        ({"direct": True, "text": "#IGNORE me"}, Why.IGNORED),
        ({"text": "!play jazz", "in_session": True}, Why.COMMAND),
        ({"text": "   ", "in_session": True}, Why.EMPTY),
        ({"text": "", "direct": True}, Why.EMPTY),
        ({"in_session": True, "mentions_others": True}, Why.OTHERS),
        ({"goes_on": True, "replies_to_other": True}, Why.OTHERS),
        ({"pictures": 1, "text": "my cat today"}, Why.OTHERS),
        ({"pictures": 1, "text": ""}, Why.OTHERS),
    ],
)
def test_it_is_not_answered(known: dict[str, object], why: Why) -> None:
    assert decide(replace(PLAIN, **known), SETTINGS) is why
    assert why not in ANSWERED


@pytest.mark.parametrize(
    ("changed", "known", "why"),
    [
        ({"ignored_users": (7,)}, {"mentions_bot": True}, Why.IGNORED_USER),
        ({"ignored_channels": (10,)}, {"mentions_bot": True}, Why.NOT_HERE),
        ({"ignored_channels": (9,)}, {"mentions_bot": True, "parent_id": 9}, Why.NOT_HERE),
        ({"channels": (11,)}, {"mentions_bot": True}, Why.NOT_HERE),
        ({"channels": (10,)}, {"mentions_bot": True}, Why.MENTION),
        ({"channels": (9,)}, {"mentions_bot": True, "parent_id": 9}, Why.MENTION),
        ({"channels": (11,)}, {"direct": True}, Why.DIRECT),
        ({"direct_messages": False}, {"direct": True}, Why.NOT_HERE),
        ({"threads": False}, {"in_own_thread": True}, Why.OTHERS),
        ({"picture_questions": False}, {"pictures": 1, "text": "What is this?"}, Why.OTHERS),
        ({"command_prefixes": ("?",)}, {"text": "!play jazz", "in_session": True}, Why.SESSION),
    ],
)
def test_every_setting_is_heeded(changed: dict[str, object], known: dict[str, object], why: Why) -> None:
    assert decide(replace(PLAIN, **known), SETTINGS.model_copy(update=changed)) is why


@pytest.mark.parametrize("text", ["!play", "?help me", ".ping", "$buy 3"])
def test_a_prefix_with_a_word_behind_it_is_a_command(text: str) -> None:
    assert is_command(text, SETTINGS.command_prefixes)


@pytest.mark.parametrize("text", ["...well", "?!", "! what", "/ 3", "$5 for that", "hello!", ""])
def test_punctuation_alone_is_none(text: str) -> None:
    assert not is_command(text, SETTINGS.command_prefixes)


def test_ignore_is_a_word_of_its_own() -> None:
    assert decide(replace(PLAIN, text="see issue#ignored", mentions_bot=True), SETTINGS) is Why.MENTION
