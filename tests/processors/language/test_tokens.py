"""Token counts without a tokenizer."""

import pytest

from processors.language.engines import Message, Usage
from processors.language.tokens import TokenCounter

MEASURED = {
    "You are a friendly companion who talks with people in a voice channel. You answer briefly, and you never pretend "
    "to know what you do not know.": 30,
    "ok so like, i went 2 the shop yesterday lol!!! and the guy said: 'we're closed, m8'... $14.99 for a #3 "
    "coffee?!": 40,
    "Gestern bin ich mit dem Fahrrad zur Universität gefahren und habe unterwegs einen alten Freund getroffen, der in "
    "München wohnt.": 45,
    "Вчера я поехал на велосипеде в университет и по дороге встретил старого друга.": 56,
    "昨天我骑自行车去大学，路上遇到了一个老朋友。": 36,
    "昨日、自転車で大学に行って、途中で古い友達に会いました。": 47,
    "어제 자전거를 타고 대학교에 가는 길에 오랜 친구를 만났습니다.": 75,
    "1234567890 2026-11-27 09:03 3.14159": 35,
}
"""Texts and their tokens, as llama.cpp counts them with SmolLM2."""


@pytest.mark.parametrize("text", MEASURED)
def test_the_estimate_is_near_in_any_script(text: str) -> None:
    assert 0.5 * MEASURED[text] <= TokenCounter().count(text) <= 1.5 * MEASURED[text]


def test_one_report_of_the_engine_makes_the_estimate_good() -> None:
    counter = TokenCounter()
    messages = [Message("user", "word " * 100)]
    counter.learn(messages, Usage(205))
    assert counter.messages(messages) == pytest.approx(205, rel=0.03)


def test_reports_that_cannot_be_true_move_it_within_bounds_only() -> None:
    counter = TokenCounter()
    for tokens in (0, 1, 10**9, 1, 10**9):
        counter.learn([Message("user", "word " * 100)], Usage(tokens))
        assert 30 < counter.count("word " * 100) <= 300


def test_a_short_request_teaches_nothing() -> None:
    counter = TokenCounter()
    counter.learn([Message("user", "Hi")], Usage(50))
    assert counter.count("word " * 100) == 100
