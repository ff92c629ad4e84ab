"""RVC-WebUI over HTTP."""

import asyncio

import numpy as np
import pytest
from aiohttp import web

from processors.errors import EngineError, SettingError
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.webui import WebUiConverter
from tests.processors.speaking.rvc.servers import RvcWebUi, served

CLAUSE = (0.3 * np.sin(np.arange(24_000) / 9)).astype(np.float32)


def converter(url: str, **changes: object) -> WebUiConverter:
    base = {"mode": "webui", "url": url, "model": "alice.pth", "timeout_s": 2.0}
    return WebUiConverter(RvcSettings.model_validate(base | changes))


@pytest.mark.parametrize("inline", [False, True])
async def test_a_clip_goes_there_and_comes_back_converted(inline: bool) -> None:
    server = RvcWebUi(inline=inline)
    async with served(server.app) as url:
        rvc = converter(url, pitch=3, index="logs/alice.index", index_rate=0.4, protect=0.2, speaker=1)
        await rvc.start()
        sound = await rvc.convert(CLAUSE, 24_000)
        await rvc.close()
    assert sound.rate_hz == 24_000
    np.testing.assert_allclose(sound.pcm, -CLAUSE, atol=1e-4)
    voice, values = server.converted[0]
    assert voice == "alice.pth"
    assert values[0] == 1
    assert values[2:] == [3, None, "rmvpe", "logs/alice.index", "", 0.4, 3, 0, 1.0, 0.2]


async def test_a_session_converts_clause_by_clause() -> None:
    server = RvcWebUi()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        session = rvc.session(24_000)
        fed = [sound async for sound in session.feed(CLAUSE[:9000])]
        fed += [sound async for sound in session.feed(CLAUSE[9000:])]
        flushed = [sound async for sound in session.flush()]
        again = [sound async for sound in session.flush()]
        await rvc.close()
    assert (fed, again) == ([], [])
    np.testing.assert_allclose(flushed[0].pcm, -CLAUSE, atol=1e-4)


async def test_personas_that_share_a_server_each_get_their_voice() -> None:
    server = RvcWebUi()
    async with served(server.app) as url:
        alice, bob = converter(url), converter(url, model="bob.pth")
        await alice.start()
        await bob.start()
        for rvc in (alice, alice, bob, alice):
            await rvc.convert(CLAUSE, 24_000)
        await asyncio.gather(*(rvc.convert(CLAUSE, 24_000) for rvc in (alice, bob, alice, bob)))
        await alice.close()
        await bob.close()
    order = ["alice.pth", "alice.pth", "bob.pth", "alice.pth"]
    assert [voice for voice, _ in server.converted][:4] == order
    assert sorted(voice for voice, _ in server.converted[4:]) == ["alice.pth"] * 2 + ["bob.pth"] * 2
    assert server.loaded[:5] == ["alice.pth", "bob.pth", "alice.pth", "bob.pth", "alice.pth"]


async def test_an_unknown_voice_is_refused_at_the_start() -> None:
    async with served(RvcWebUi().app) as url:
        with pytest.raises(EngineError, match=r"RVC_MODEL.*cannot load 'carol\.pth'"):
            await converter(url, model="carol.pth").start()


@pytest.mark.parametrize("wrong", [{"url": ""}, {"url": "localhost:7865"}, {"model": ""}])
async def test_missing_settings_are_named(wrong: dict[str, str]) -> None:
    named = {"url": "RVC_WEBUI_URL", "model": "RVC_MODEL"}[next(iter(wrong))]
    with pytest.raises(SettingError, match=named):
        await converter(**({"url": "http://127.0.0.1:9"} | wrong)).start()


async def test_a_server_that_is_not_there_is_named() -> None:
    async with served(web.Application()) as url:
        pass
    with pytest.raises(EngineError, match=r"RVC_WEBUI_URL.*cannot be reached") as caught:
        await converter(url).start()
    assert caught.value.retryable


async def test_a_server_of_another_kind_is_told() -> None:
    server = RvcWebUi()
    server.trouble.answers["/config"] = web.json_response({"dependencies": []})
    async with served(server.app) as url:
        with pytest.raises(EngineError, match="no infer_change_voice and no infer_convert"):
            await converter(url).start()


BROKEN = {
    "error": ("/run/infer_convert", web.Response(status=500, text="boom"), "answers 500: boom"),
    "malformed": ("/run/infer_convert", web.Response(text='{"data": ['), "no JSON"),
    "empty": ("/run/infer_convert", web.json_response({"data": []}), "no reason given"),
    "no data": ("/run/infer_convert", web.json_response({"detail": "x"}), "answers no data"),
    "traceback": (
        "/run/infer_convert",
        web.json_response({"data": ["Traceback\nCUDA out of memory", None]}),
        "could not convert: CUDA out of memory",
    ),
    "no file": ("/run/infer_convert", web.json_response({"data": ["Success.", {"name": None}]}), "holds no sound"),
    "no sound": ("/file=", web.Response(text="<html>"), "no sound"),
    "no path": ("/upload", web.json_response({"detail": "x"}), "gave no path"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_answer_is_an_engine_error_and_the_next_clause_is_converted(kind: str) -> None:
    path, answer, said = BROKEN[kind]
    server = RvcWebUi()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        server.trouble.answers[path] = answer
        with pytest.raises(EngineError, match=said):
            await rvc.convert(CLAUSE, 24_000)
        server.trouble.answers.clear()
        assert len((await rvc.convert(CLAUSE, 24_000)).pcm) == len(CLAUSE)
        await rvc.close()


async def test_a_server_that_hangs_is_given_up_after_the_timeout() -> None:
    server = RvcWebUi()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        # Not before: until it hangs, a busy machine may take its time.
        assert rvc._server is not None
        rvc._server._client.timeout = 0.2
        server.trouble.hang = asyncio.Event()
        with pytest.raises(EngineError, match=r"no answer within 2 s \(RVC_TIMEOUT_S\)") as caught:
            await rvc.convert(CLAUSE, 24_000)
        server.trouble.hang.set()
        await rvc.close()
    assert caught.value.retryable


async def test_a_cancelled_conversion_returns_at_once_and_frees_the_server_for_others() -> None:
    server = RvcWebUi()
    async with served(server.app) as url:
        rvc = converter(url)
        await rvc.start()
        server.trouble.hang = asyncio.Event()
        task = asyncio.create_task(rvc.convert(CLAUSE, 24_000))
        await server.trouble.hanging.wait()
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - began < 0.02
        server.trouble.hang.set()
        assert len((await rvc.convert(CLAUSE, 24_000)).pcm) == len(CLAUSE)
        await rvc.close()


async def test_a_converter_that_was_not_started_says_so() -> None:
    with pytest.raises(EngineError, match="not started"):
        await converter("http://127.0.0.1:9").convert(CLAUSE, 24_000)
