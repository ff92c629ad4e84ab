"""Who is in the middle of an exchange, and which post is whose."""

from text.exchanges import Exchanges


def test_whoever_was_answered_goes_on_for_a_while() -> None:
    exchanges = Exchanges()
    exchanges.answered(10, 7, "Hello.", 100.0)
    assert exchanges.goes_on(10, 7, 399.0, 300)
    assert not exchanges.goes_on(10, 7, 400.0, 300)
    assert not exchanges.goes_on(10, 8, 101.0, 300)
    assert not exchanges.goes_on(11, 7, 101.0, 300)


def test_somebody_else_writing_ends_it_and_a_new_answer_begins_it_again() -> None:
    exchanges = Exchanges()
    exchanges.answered(10, 7, "Hello.", 100.0)
    exchanges.written(10, 7)
    assert exchanges.goes_on(10, 7, 101.0, 300)
    exchanges.written(10, 8)
    assert not exchanges.goes_on(10, 7, 101.0, 300)
    assert exchanges.active(10, 101.0, 300)
    exchanges.answered(10, 7, "Again.", 102.0)
    assert exchanges.goes_on(10, 7, 103.0, 300)
    assert exchanges.last_words(10) == "Again."


def test_an_exchange_that_was_ended_is_over() -> None:
    exchanges = Exchanges()
    exchanges.answered(10, 7, "Hello.", 100.0)
    exchanges.end(10)
    assert not exchanges.goes_on(10, 7, 101.0, 300)
    assert exchanges.last_words(10) == ""


def test_only_so_many_channels_and_posts_are_kept() -> None:
    exchanges = Exchanges()
    for number in range(6000):
        exchanges.answered(number, 7, "Hello.", 100.0)
        exchanges.posted(number, "ava")
    assert not exchanges.active(0, 100.0, 300)
    assert exchanges.active(5999, 100.0, 300)
    assert exchanges.author(0) is None
    assert exchanges.author(5999) == "ava"
