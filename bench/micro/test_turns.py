"""The turn policy and the clause splitter: what decides, event by event and token by token."""

from pytest_benchmark.fixture import BenchmarkFixture

from processors.endpointing import TurnPolicy, is_back_channel, required_silence_ms
from processors.floor import Floor, Silent, UtteranceRef, Voiced
from processors.speaking.clauses import ClauseSplitter
from processors.turns import step

REF = UtteranceRef("somebody", 1)
REPLY = (
    "Well, that is a good question, and I have thought about it before. Most people would say yes, because it is "
    "cheaper; I am not so sure. What do you think yourself?"
).split(" ")


def test_a_turn_of_three_seconds(benchmark: BenchmarkFixture) -> None:
    """94 events through the pure function: two and a half seconds of speech, half a second of silence."""
    policy = TurnPolicy()
    voiced = [Voiced(REF, 96 + 32 * index, 32.0 * index) for index in range(78)]
    silent = [Silent(REF, 32 * index, 2496.0, 2496.0 + 32 * index) for index in range(1, 17)]

    def turn() -> None:
        floor = Floor()
        for event in (*voiced, *silent):
            floor, _ = step(floor, event, policy)

    benchmark(turn)


def test_required_silence(benchmark: BenchmarkFixture) -> None:
    """The completeness of a transcript."""
    benchmark(required_silence_ms, "I was wondering whether you could tell me something about the", TurnPolicy())


def test_back_channel(benchmark: BenchmarkFixture) -> None:
    """Is what was said over the bot worth stopping for?"""
    benchmark(is_back_channel, "Yeah, yeah, right.")


def test_clauses_of_a_reply(benchmark: BenchmarkFixture) -> None:
    """A reply of 30 words, delta by delta."""

    def split() -> None:
        splitter = ClauseSplitter()
        for word in REPLY:
            splitter.feed(f"{word} ")
        splitter.flush()

    benchmark(split)
