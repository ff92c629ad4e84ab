import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.discord import gateway

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=25),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("user_id", "ssrc", "audio_ssrc", "user_ids", "transition_id", "protocol_version", "dave_protocol_version")


@pytest.mark.parametrize(
    ("message", "fact"),
    [
        ({"op": 4, "d": {"dave_protocol_version": 1, "secret_key": []}}, gateway.SessionDescribed(1)),
        ({"op": 4, "d": {"mode": "x"}}, gateway.SessionDescribed(0)),
        ({"op": 5, "d": {"user_id": "7", "ssrc": 9, "speaking": 1}}, gateway.StreamOwner(7, 9)),
        ({"op": 12, "d": {"user_id": "7", "audio_ssrc": 9}}, gateway.StreamOwner(7, 9)),
        ({"op": 12, "d": {"user_id": "7", "audio_ssrc": 0}}, None),
        ({"op": 11, "d": {"user_ids": ["1", "x", "2"]}}, gateway.UsersPresent((1, 2))),
        ({"op": 13, "d": {"user_id": "7"}}, gateway.UserLeft(7)),
        ({"op": 21, "d": {"transition_id": 3, "protocol_version": 0}}, gateway.TransitionPrepared(3, 0)),
        ({"op": 22, "d": {"transition_id": 3}}, gateway.TransitionExecuted(3)),
        ({"op": 5, "d": {"user_id": 7, "ssrc": 9}}, None),
        ({"op": 5, "d": {"user_id": "9" * 20, "ssrc": 9}}, None),
        ({"op": 6, "d": 1}, None),
    ],
)
def test_a_message_is_read(message, fact):
    assert gateway.read(message) == fact


@given(JSON)
def test_no_json_value_is_too_strange(message):
    gateway.read(message)


@given(st.integers(0, 31), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_payload_is_too_strange(op, payload):
    gateway.read({"op": op, "d": payload})
