"""Who is in the middle of an exchange, and which post is whose."""

from text.cast import Exchanges, Keeper, LastWords

HELLO = LastWords("ava", "Hello.")


def exchanges() -> Exchanges:
    return Exchanges(Keeper(None))


def test_whoever_was_answered_goes_on_for_a_while() -> None:
    going = exchanges()
    going.answered("g", "10", "7", HELLO, 100.0)
    assert going.goes_on("g", "10", "7", 399.0, 300)
    assert not going.goes_on("g", "10", "7", 400.0, 300)
    assert not going.goes_on("g", "10", "8", 101.0, 300)
    assert not going.goes_on("g", "11", "7", 101.0, 300)


def test_somebody_else_writing_ends_it_and_a_new_answer_begins_it_again() -> None:
    going = exchanges()
    going.answered("g", "10", "7", HELLO, 100.0)
    going.written("g", "10", "7")
    assert going.goes_on("g", "10", "7", 101.0, 300)
    going.written("g", "10", "8")
    assert not going.goes_on("g", "10", "7", 101.0, 300)
    assert going.active("g", "10", 101.0, 300)
    going.answered("g", "10", "7", LastWords("bram", "Again."), 102.0)
    assert going.goes_on("g", "10", "7", 103.0, 300)
    assert going.last_words("10") == LastWords("bram", "Again.")


def test_an_exchange_that_was_ended_is_over() -> None:
    going = exchanges()
    going.answered("g", "10", "7", HELLO, 100.0)
    going.end("g", "10")
    assert not going.goes_on("g", "10", "7", 101.0, 300)
    assert not going.active("g", "10", 101.0, 300)
    assert going.last_words("10") is None


def test_where_nobody_was_answered_nothing_goes_on() -> None:
    going = exchanges()
    going.written("g", "10", "7")
    going.end("g", "10")
    assert not going.active("g", "10", 0.0, 300)


def test_words_are_kept_of_only_so_many_channels() -> None:
    going = exchanges()
    for number in range(1001):
        going.answered("g", str(number), "7", HELLO, 100.0)
    assert going.last_words("0") is None
    assert going.last_words("1000") == HELLO


def test_direct_messages_and_servers_do_not_mix() -> None:
    going = exchanges()
    going.posted("g", "5", "ava")
    assert going.author("g", "5") == "ava"
    assert going.author("", "5") is None
