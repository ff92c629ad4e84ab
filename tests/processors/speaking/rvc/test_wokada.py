"""A w-okada server over HTTP."""

import asyncio

import numpy as np
import pytest
from aiohttp import web

from processors.errors import EngineError, SettingError
from processors.speaking.rvc.converter import Audio
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.wokada import RATE_HZ, WOkadaConverter, WOkadaSession
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.rvc.servers import WOkada, served

CLAUSE = (0.3 * np.sin(np.arange(70_000) / 15)).astype(np.float32)


def converter(url: str, **changes: object) -> WOkadaConverter:
    base = {"mode": "w-okada", "url": url, "timeout_s": 2.0}
    return WOkadaConverter(RvcSettings.model_validate(base | changes))


async def spoken(session: WOkadaSession, clause: Audio, portion: int = 9000) -> Audio:
    pieces = []
    for at in range(0, len(clause), portion):
        pieces += [sound.pcm async for sound in session.feed(clause[at : at + portion])]
    pieces += [sound.pcm async for sound in session.flush()]
    return np.concatenate(pieces)


async def test_the_whole_clause_comes_back_late_by_the_crossfade_and_no_later() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        sound = await rvc.convert(CLAUSE, RATE_HZ)
        await rvc.close()
    assert sound.rate_hz == RATE_HZ
    assert len(sound.pcm) == len(CLAUSE) + server.DELAY
    np.testing.assert_allclose(sound.pcm[server.DELAY :], -CLAUSE, atol=1e-4)
    assert not sound.pcm[: server.DELAY].any()


async def test_all_blocks_are_of_one_size_in_chunks_of_128() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url, block_ms=200)
        await rvc.start()
        await rvc.convert(CLAUSE, RATE_HZ)
        await rvc.close()
    assert set(server.blocks) == {9600}
    assert rvc.block % 128 == 0


async def test_the_voice_is_set_up_at_the_start() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url, pitch=-4, index_rate=0.5, protect=0.25, speaker=2)
        await rvc.start()
        await rvc.close()
    assert server.values == {
        "inputSampleRate": "48000",
        "outputSampleRate": "48000",
        "dstId": "2",
        "tran": "-4",
        "indexRatio": "0.5",
        "protect": "0.25",
    }
    assert len(server.blocks) == 1, "silence warms the networks up"


async def test_characters_that_share_a_server_speak_at_their_own_pitch() -> None:
    server = WOkada()
    async with served(server.app) as url:
        low, high = converter(url, pitch=-4), converter(url, pitch=6)
        await low.start()
        await high.start()
        await low.convert(CLAUSE, RATE_HZ)
        assert server.values["tran"] == "-4"
        await high.convert(CLAUSE, RATE_HZ)
        assert server.values["tran"] == "6"
        await low.close()
        await high.close()


async def test_speech_of_another_rate_is_resampled() -> None:
    async with served(WOkada().app) as url:
        rvc = converter(url)
        await rvc.start()
        sound = await rvc.convert(CLAUSE[:24_000], 24_000)
        await rvc.close()
    assert len(sound.pcm) == pytest.approx(48_000 + WOkada.DELAY, abs=3)


async def test_a_clause_that_was_broken_off_is_not_heard_in_the_next_one() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        broken = rvc.session(RATE_HZ)
        assert [sound async for sound in broken.feed(CLAUSE)]
        after = await spoken(rvc.session(RATE_HZ), CLAUSE)
        await rvc.close()
    assert not after[: server.DELAY].any()
    np.testing.assert_allclose(after[server.DELAY :], -CLAUSE, atol=1e-4)


async def test_clauses_follow_each_other_in_one_session() -> None:
    async with served(WOkada().app) as url:
        rvc = converter(url)
        await rvc.start()
        session = rvc.session(RATE_HZ)
        first, second = await spoken(session, CLAUSE), await spoken(session, CLAUSE)
        assert [sound async for sound in session.flush()] == []
        await rvc.close()
    np.testing.assert_array_equal(first, second)


async def test_a_server_without_a_voice_is_told_at_the_start() -> None:
    server = WOkada()
    server.voice = False
    async with served(server.app) as url:
        with pytest.raises(EngineError, match="no voice loaded; choose one on its page"):
            await converter(url).start()


BROKEN = {
    "exception": (web.json_response("list index out of range"), "could not convert: list index out of range"),
    "one sample": (web.json_response({"timestamp": 1, "changedVoiceBase64": "AAA="}), "1 samples came back for 24064"),
    "half a sample": (web.json_response({"timestamp": 1, "changedVoiceBase64": "AA=="}), "could not convert"),
    "no base64": (web.json_response({"timestamp": 1, "changedVoiceBase64": "*"}), "could not convert"),
    "malformed": (web.Response(text="<html>"), "no JSON"),
    "error": (web.Response(status=500, text="boom"), "answers 500: boom"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_answer_is_an_engine_error(kind: str) -> None:
    answer, said = BROKEN[kind]
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        server.trouble.answers["/test"] = answer
        with pytest.raises(EngineError, match=said):
            await rvc.convert(CLAUSE, RATE_HZ)
        await rvc.close()


async def test_a_server_that_hangs_is_given_up_after_the_timeout() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        # Not before: until it hangs, a busy machine may take its time.
        assert rvc._server is not None
        rvc._server._client.timeout = 0.2
        server.trouble.hang = asyncio.Event()
        with pytest.raises(EngineError, match=r"no answer within 2 s"):
            await rvc.convert(CLAUSE, RATE_HZ)
        server.trouble.hang.set()
        await rvc.close()


async def test_a_cancelled_conversion_frees_its_caller_within_20_ms_and_the_next_clause_is_clean() -> None:
    server = WOkada()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        taken_s: list[float] = []
        for _ in range(3):
            server.trouble.hang = asyncio.Event()
            server.trouble.hanging.clear()
            taken_s.append(await cancel_s(rvc.convert(CLAUSE, RATE_HZ), server.trouble.hanging.wait()))
            server.trouble.hang.set()
        assert min(taken_s) < CANCEL_BUDGET_S
        server.trouble.hang = None
        after = (await rvc.convert(CLAUSE, RATE_HZ)).pcm
        await rvc.close()
    assert not after[: server.DELAY].any()
    np.testing.assert_allclose(after[server.DELAY :], -CLAUSE, atol=1e-4)


async def test_the_address_is_needed() -> None:
    with pytest.raises(SettingError, match="RVC_WEBUI_URL is ''"):
        await converter("").start()
