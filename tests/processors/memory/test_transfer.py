"""Conversations as files: what goes out comes in again, and what anybody made up does no harm."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from processors.errors import StorageError
from processors.memory.transfer import MOST_BYTES, MOST_MESSAGES, ExportedHistory, ExportedMessage, _allowed
from tests.processors.memory.talk import ANNS_DM, BENS_DM, CHANNEL, DAY_S, ELSEWHERE, talk_on


def file_of(*messages: dict[str, object], **more: object) -> bytes:
    return json.dumps({"format": "acore-history", "version": 1, "messages": messages, **more}).encode()


def message(**changes: object) -> dict[str, object]:
    return {"speaker": "ben", "name": "Ben", "text": "My kettle is called Doris", "at_s": 1_799_999_000.0, **changes}


async def test_an_exported_conversation_comes_in_elsewhere_as_it_was(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("hello «Ava»", reply="hi Ann")
        talk.say("and me", who="ben")
        exported = await talk.memory.export(CHANNEL)
        assert await talk.memory.take_in(ELSEWHERE, "ava", exported, by="ann") == 3
        assert await talk.memory.history(ELSEWHERE) == await talk.memory.history(CHANNEL)
        assert len(await talk.memory.history(CHANNEL)) == 3


async def test_an_export_is_never_larger_than_an_import_may_be(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        for number in range(3000):
            talk.say(f"{number} " + "ä" * 2000)
        exported = await talk.memory.export(CHANNEL)
        assert len(exported) <= MOST_BYTES
        assert ExportedHistory.model_validate_json(exported).messages[-1].text.startswith("2999 ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no exported conversation"),
        (b"[]", "no exported conversation"),
        (b"[" * 200_000, "no exported conversation"),
        (b'{"messages": ' + b"[" * 5000, "no exported conversation"),
        (file_of(format="other"), "format"),
        (file_of(version=99), "version"),
        (file_of(message(text="")), "messages.0.text"),
        (file_of(message(text="x" * 5000)), "messages.0.text"),
        (file_of(message(at_s=1e300)), "messages.0.at_s"),
        (file_of(message(name=["Ben"])), "messages.0.name"),
        (file_of(message()).replace(b"1799999000.0", b"NaN"), "no exported conversation"),
        (file_of(*[message(text="x")] * (MOST_MESSAGES + 1)), "messages"),
        (b"x" * (MOST_BYTES + 1), "at most 8 MB"),
    ],
    ids=range(13),
)
async def test_what_is_no_exported_conversation_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    async with talk_on(tmp_path) as talk:
        with pytest.raises(StorageError, match=reason):
            await talk.memory.take_in(CHANNEL, "ava", content, by="ann")
        assert await talk.memory.history(CHANNEL) == ()


async def test_words_put_into_another_s_mouth_are_not_told_to_them_as_theirs(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await talk.memory.take_in(CHANNEL, "ava", file_of(message()), by="ann")
        await talk.memory.take_in(ANNS_DM, "ava", file_of(message()), by="ann")
        talk.clock.pass_by(DAY_S)
        assert await talk.recall("What is my kettle called?", who="ben", scene=BENS_DM) == ()
        assert await talk.recall("What is my kettle called?", who="ann", scene=ANNS_DM) != ()
        assert await talk.recall("What is the kettle called?", who="ben") != ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_does_more_than_be_refused(document: object) -> None:
    with pytest.raises(ValidationError):
        ExportedHistory.model_validate_json(json.dumps({"messages": [document]}))


def test_of_whoever_does_not_allow_it_nothing_comes_in_nor_an_answer_that_may_quote_them() -> None:
    said = [
        *(("ann", "one"), ("ava", "to one"), ("ben", "two"), ("ann", "three"), ("ava", "to both"), ("ava", "and more")),
        *(("ann", "four"), ("ava", "to four")),
    ]
    messages = [
        ExportedMessage.model_validate(message(speaker=who, text=text, by_character=who == "ava")) for who, text in said
    ]
    kept = [one.text for one in _allowed(messages, lambda speaker: speaker != "ben")]
    assert kept == ["one", "to one", "three", "four", "to four"]
    assert _allowed(messages, lambda speaker: True) == messages
