"""How much of the prompts of written answers the embedded engine still knows from one to the next."""

from processors.language.embedded import EmbeddedLlm
from processors.models import ModelStore
from tests.text.build import cast_of, letter, settings
from text.answering import Answerer, Draft
from text.history import RecentHistory

WRITTEN = ("Hello, Ava!", "What is your favourite colour?", "Why is that so?", "Is it not a little cold?")


async def test_most_of_what_stands_before_a_question_comes_from_the_cache() -> None:
    chosen = settings()
    answerer = Answerer(cast_of(chosen), RecentHistory(), chosen.text, chosen.language)
    llm = EmbeddedLlm(ModelStore(offline=True), "smollm2-135m-instruct", context_tokens=0)
    shares: list[float] = []

    async def unseen(piece: str) -> None:
        """Nobody reads it."""

    await llm.start()
    try:
        for text in WRITTEN:
            before = (answerer.use.cached, answerer.use.tokens)
            await answerer.answer(llm, letter(text, "ava"), "ava", Draft(), unseen)
            shares.append((answerer.use.cached - before[0]) / (answerer.use.tokens - before[1]))
    finally:
        await llm.close()
    assert answerer.use.requests == len(WRITTEN)
    # All but the words themselves, how the character feels, and the exchange before.
    assert min(shares[1:]) > 0.55
