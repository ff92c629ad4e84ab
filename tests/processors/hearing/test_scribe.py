"""Writing an utterance down while it grows."""

import asyncio

import numpy as np
import pytest

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.scribe import Scribe
from processors.lanes import Priority
from processors.words import Transcript, Word, words_of

WINDOW = 512


class CountingStt:
    """Answers with the length of what it was given, after a while; keeps what it was asked."""

    def __init__(self, delay_s: float = 0.05) -> None:
        self.delay_s = delay_s
        self.asked: list[tuple[int, int, Priority]] = []

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        windows = len(segment.pcm) // WINDOW
        self.asked.append((segment.part, windows, priority))
        await asyncio.sleep(self.delay_s)
        if windows == 13:
            raise EngineError("thirteen")
        return f"w{windows}"


class Sound:
    """An utterance that grows."""

    def __init__(self) -> None:
        self.length = 0

    def since(self, window: int) -> np.ndarray:
        return np.zeros((self.length - window) * WINDOW, np.int16)


class TimedStt(CountingStt):
    """Also says that it was one word, from its sound's first sample to its last."""

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        text = await super().transcribe(segment, priority=priority)
        return Transcript(text, (Word(text, 0.0, len(segment.pcm) / 16),))


def make(stt):
    tasks: set[asyncio.Task[str]] = set()

    def create(work):
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    return Scribe(stt, "alice", 1, create), Sound()


def test_words_decoded_ahead_serve_the_one_who_asks_later(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 40
        ahead = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=38, end=40, ahead=True))
        await asyncio.sleep(0.03)
        sound.length = 42
        began = asyncio.get_running_loop().time()
        assert await scribe.transcribe(sound.since, spoken=38, end=42) == "w40"
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.02)
        assert await ahead == "w40"
        assert stt.asked == [(0, 40, Priority.SPECULATION)]

    virtually(main())


def test_speech_after_the_draft_makes_it_worthless(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 40
        ahead = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=38, end=40, ahead=True))
        await asyncio.sleep(0.01)
        sound.length = 60
        assert await scribe.transcribe(sound.since, spoken=58, end=60) == "w60"
        assert await ahead == "w60"

    virtually(main())


def test_whoever_waits_for_a_draft_that_is_superseded_gets_the_newer_one(virtually):
    async def main():
        scribe, sound = make(CountingStt())
        sound.length = 40
        asked = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=38, end=40))
        await asyncio.sleep(0.01)
        sound.length = 44
        ahead = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=42, end=44, ahead=True))
        assert await asked == "w44"
        assert await ahead == "w44"

    virtually(main())


def test_what_was_said_before_a_pause_is_not_decoded_again_once_it_is_long(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 200
        assert await scribe.transcribe(sound.since, spoken=195, end=200) == "w200"
        sound.length = 260
        assert await scribe.transcribe(sound.since, spoken=255, end=260) == "w200 w60"
        assert stt.asked == [(0, 200, Priority.LIVE), (1, 60, Priority.LIVE)]

    virtually(main())


def test_the_times_of_words_count_from_the_utterances_beginning_also_in_later_parts(virtually):
    async def main():
        scribe, sound = make(TimedStt())
        sound.length = 200
        await scribe.transcribe(sound.since, spoken=195, end=200)
        sound.length = 260
        said = await scribe.transcribe(sound.since, spoken=255, end=260)
        assert said == "w200 w60"
        assert words_of(said) == (Word("w200", 0, 200 * 32), Word("w60", 200 * 32, 260 * 32))

    virtually(main())


def test_the_times_of_words_are_right_where_the_beginning_is_no_longer_there(virtually):
    async def main():
        scribe, sound = make(TimedStt())
        sound.length = 200
        said = await scribe.transcribe(lambda since: sound.since(since)[-50 * WINDOW :], spoken=195, end=200)
        assert words_of(said) == (Word("w50", 150 * 32, 200 * 32),)

    virtually(main())


def test_a_long_draft_that_nobody_asked_for_may_end_within_a_word_and_is_decoded_again(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 200
        await scribe.transcribe(sound.since, spoken=199, end=200, ahead=True)
        sound.length = 260
        assert await scribe.transcribe(sound.since, spoken=255, end=260) == "w260"

    virtually(main())


def test_a_long_draft_made_ahead_is_kept_once_it_was_asked_for(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 200
        await scribe.transcribe(sound.since, spoken=199, end=200, ahead=True)
        sound.length = 203
        assert await scribe.transcribe(sound.since, spoken=199, end=203) == "w200"
        sound.length = 260
        assert await scribe.transcribe(sound.since, spoken=255, end=260) == "w200 w60"

    virtually(main())


def test_a_short_beginning_is_decoded_again_with_its_continuation(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 40
        await scribe.transcribe(sound.since, spoken=38, end=40)
        sound.length = 90
        assert await scribe.transcribe(sound.since, spoken=88, end=90) == "w90"

    virtually(main())


def test_a_failure_reaches_who_asked_and_the_next_try_starts_afresh(virtually):
    async def main():
        scribe, sound = make(CountingStt())
        sound.length = 13
        with pytest.raises(EngineError):
            await scribe.transcribe(sound.since, spoken=12, end=13)
        sound.length = 20
        assert await scribe.transcribe(sound.since, spoken=18, end=20) == "w20"

    virtually(main())


def test_a_cancelled_listener_leaves_the_draft_for_the_next(virtually):
    async def main():
        stt = CountingStt()
        scribe, sound = make(stt)
        sound.length = 40
        first = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=38, end=40))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await scribe.transcribe(sound.since, spoken=38, end=40) == "w40"
        assert len(stt.asked) == 1

    virtually(main())


def test_closing_hands_over_what_is_still_under_way(virtually):
    async def main():
        scribe, sound = make(CountingStt())
        sound.length = 40
        waiting = asyncio.ensure_future(scribe.transcribe(sound.since, spoken=38, end=40))
        await asyncio.sleep(0.01)
        (task,) = scribe.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    virtually(main())
