"""How much of a prompt the embedded engine still knows from turn to turn, and what it says of its length."""

import asyncio
import contextlib

from processors.language.context import Background, Notes
from processors.language.conversation import Conversation, Prompt
from processors.language.embedded import EmbeddedLlm
from processors.language.settings import Sampling
from processors.models import ModelStore
from processors.turns import Heard

PERSONA = "You are Ada, a friendly companion who talks with people in a voice channel. " * 4
SAID = ("Hello, Ada!", "What is your favourite colour?", "Why is that so?", "Is it not a little cold?")


def test_most_of_every_prompt_but_the_first_comes_from_the_cache_and_the_estimate_holds() -> None:
    llm = EmbeddedLlm(ModelStore(None), "smollm2-135m-instruct", context_tokens=1024)
    talk = Conversation(Prompt(PERSONA), most_messages=30, most_tokens=900)
    talk.know(Background(people=("Ann: likes the sea",)))
    shares: list[float] = []
    off: list[float] = []

    async def run() -> None:
        await llm.start()
        try:
            for turn, said in enumerate(SAID):
                notes = Notes(clock=f"It is {turn} o'clock.")
                request = talk.request((Heard("ann", said),), notes)
                async with contextlib.aclosing(llm.stream(request, Sampling(max_tokens=4, seed=1))) as deltas:
                    [usage] = [delta.usage async for delta in deltas if delta.usage]
                estimated = sum(part.tokens for part in talk.parts((Heard("ann", said),), notes))
                off.append(abs(estimated / usage.prompt_tokens - 1))
                shares.append((usage.cached_tokens or 0) / usage.prompt_tokens)
                talk.note_usage(request, usage)
                talk.add((Heard("ann", said),), "I like that very much.", notes)
        finally:
            await llm.close()

    asyncio.run(run())
    # The clock and the words alone are new, and the exchange before, whose notes are gone.
    assert min(shares[1:]) > 0.55
    assert talk.use.share > 0.4
    assert max(off[1:]) < 0.35


def test_rooms_that_talk_by_turns_do_not_push_each_others_prompts_aside() -> None:
    """As many as there are calls. Of one more nothing but the common beginning is known."""
    llm = EmbeddedLlm(ModelStore(None), "smollm2-135m-instruct", context_tokens=512, calls=2, kept_prompts_mib=0)

    async def cached(room: str, talk: Conversation, said: str) -> float:
        request = talk.request((Heard("ann", said),))
        async with contextlib.aclosing(llm.stream(request, Sampling(max_tokens=2, seed=1), room=room)) as deltas:
            [usage] = [delta.usage async for delta in deltas if delta.usage]
        talk.add((Heard("ann", said),), f"{room}, I like that very much. " * 4)
        return (usage.cached_tokens or 0) / usage.prompt_tokens

    async def run(rooms: str) -> list[float]:
        talks = {room: Conversation(Prompt("You are Ada."), most_messages=30, most_tokens=400) for room in rooms}
        return [await cached(room, talks[room], f"{room}? {said}") for said in SAID[:3] for room in rooms]

    async def both() -> tuple[list[float], list[float]]:
        await llm.start()
        try:
            return await run("AB"), await run("CDE")
        finally:
            await llm.close()

    two, three = asyncio.run(both())
    # The reply before is new: it was never asked to say that.
    assert min(two[-2:]) > 0.5
    assert max(three[-3:]) < 0.2
