"""`RVC_MODE=w-okada`: a w-okada voice-changer server, through `POST /test`.

The server is a stream for one listener: it keeps context between blocks, answers each block with as much sound, and is
late by its own crossfade. Its voice is chosen on its page; pitch, index rate and protect are sent to it. It has one set
of them for everybody: characters that share it, clause by clause, each send their own when another's were there.
"""

import asyncio
import base64
import binascii
import itertools
from collections.abc import AsyncIterator

import numpy as np
from loguru import logger

from processors.errors import EngineError
from processors.speaking.rvc.converter import Audio, Sound, whole
from processors.speaking.rvc.remote import Server
from processors.speaking.rvc.settings import RvcSettings

RATE_HZ = 48_000
CHUNK = 128
"""Blocks are whole numbers of these samples, as the server's own page sends them."""
CROSSFADE = 4096
"""The server's default `crossFadeOverlapSize`, in samples."""
SEARCH = RATE_HZ * 12 // 1000
"""The server looks this far for a match."""

_set_up: dict[str, tuple[tuple[str, float], ...]] = {}
"""What each server (by address, of which the settings hold a few) was told last by this process."""


class WOkadaConverter:
    """The voice a w-okada server has selected."""

    def __init__(self, settings: RvcSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self.block = -(-settings.block_ms * RATE_HZ // 1000 // CHUNK) * CHUNK
        """Samples per request."""
        self.delay = CROSSFADE + SEARCH
        """Samples by which the server's sound is late."""
        self.unclean = False
        """Whether the server still holds sound of a clause that was not flushed."""

    async def start(self) -> None:
        """Connect, set the voice up and send silence, so that its networks are loaded and its memory is empty.

        Raises:
            SettingError: `RVC_WEBUI_URL` is missing.
            EngineError: the server cannot be used.
        """
        self._server = Server(self._settings)
        try:
            info = await self._server.json("GET", "/info")
            if not isinstance(info, dict) or info.get("status") != "OK":
                raise EngineError(f"RVC_WEBUI_URL: {self._server.url} has no voice loaded; choose one on its page")
            _set_up.pop(self._server.url, None)
            await self.set_up()
            crossfade = info.get("crossFadeOverlapSize")
            self.delay = min(crossfade if isinstance(crossfade, int) else CROSSFADE, self.block) + SEARCH
            await self.silence()
        except BaseException:
            await self.close()
            raise
        logger.info("rvc voice ready: w-okada server at {}", self._server.url)

    async def convert(self, pcm: Audio, rate_hz: int) -> Sound:
        """Convert a clip block by block."""
        return await whole(self.session(rate_hz), pcm, rate_hz)

    def session(self, rate_hz: int) -> "WOkadaSession":
        """A session on the server's one stream: let one run at a time."""
        return WOkadaSession(self, rate_hz)

    async def close(self) -> None:
        """Close the connection."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def set_up(self) -> None:
        """Have the server speak as this character does, unless it does already."""
        if self._server is None:
            raise EngineError("rvc: the w-okada converter was not started")
        values: tuple[tuple[str, float], ...] = (
            ("inputSampleRate", RATE_HZ),
            ("outputSampleRate", RATE_HZ),
            ("dstId", self._settings.speaker),
            ("tran", round(self._settings.pitch)),
            ("indexRatio", self._settings.index_rate),
            ("protect", self._settings.protect),
        )
        known = _set_up.pop(self._server.url, ())
        for key, value in values:
            if (key, value) not in known:
                await self._server.request("POST", "/update_settings", data={"key": key, "val": str(value)})
        _set_up[self._server.url] = values

    async def silence(self) -> None:
        """Empty the server's memory of what it heard."""
        await self.exchange(np.zeros(self.block, np.float32))
        self.unclean = False

    async def exchange(self, block: Audio) -> Audio:
        """One block there and back.

        Raises:
            EngineError: the server failed, or gave another amount of sound than it got.
        """
        if self._server is None:
            raise EngineError("rvc: the w-okada converter was not started")
        s16 = (np.clip(block, -1.0, 1.0) * 32767).astype("<i2")
        async with self._turn:
            answer = await self._server.json(
                "POST",
                "/test",
                json={"timestamp": next(self._numbers), "buffer": base64.b64encode(s16.tobytes()).decode("ascii")},
            )
        try:
            received = np.frombuffer(base64.b64decode(answer["changedVoiceBase64"], validate=True), "<i2")
        except (TypeError, KeyError, binascii.Error, ValueError) as error:
            # On failure the server answers with the text of its exception as a JSON string, and status 200.
            raise EngineError(f"RVC_WEBUI_URL: the w-okada server could not convert: {str(answer)[:200]}") from error
        if len(received) != len(block):
            raise EngineError(
                f"RVC_WEBUI_URL: {len(received)} samples came back for {len(block)}; is a voice selected there?",
                retryable=True,
            )
        return received.astype(np.float32) / np.float32(32768)


class WOkadaSession:
    """Sound in blocks through the server. Every clause comes out longer by the server's delay."""

    def __init__(self, converter: WOkadaConverter, rate_hz: int) -> None:
        self._converter, self._rate_hz = converter, rate_hz
        self._resampler = self._fresh_resampler()
        self._waiting: Audio = np.zeros(0, np.float32)
        self._due = 0
        """Samples of the clause still to come out, at the server's rate."""
        self._begun = False
        """Whether a block of the clause has been sent."""

    async def feed(self, pcm: Audio) -> AsyncIterator[Sound]:
        """Take in sound; send every whole block and yield what comes back."""
        self._take(pcm, last=False)
        async for sound in self._send():
            yield sound

    async def flush(self) -> AsyncIterator[Sound]:
        """Send the rest and then silence, until all of the clause has come out."""
        self._take(np.zeros(0, np.float32), last=True)
        self._resampler = self._fresh_resampler()
        if self._due == 0:
            return
        self._due += self._converter.delay
        blocks = -(-self._due // self._converter.block)
        self._waiting = np.pad(self._waiting, (0, blocks * self._converter.block - len(self._waiting)))
        async for sound in self._send():
            yield sound
        # What was sent last is silence, at least as long as the server remembers.
        self._begun = self._converter.unclean = False

    def _fresh_resampler(self):
        if self._rate_hz == RATE_HZ:
            return None
        from soxr import ResampleStream

        return ResampleStream(self._rate_hz, RATE_HZ, 1, dtype="float32")

    def _take(self, pcm: Audio, *, last: bool) -> None:
        pcm = np.ascontiguousarray(pcm, np.float32)
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(pcm, last=last)
        self._due += len(pcm)
        self._waiting = np.concatenate((self._waiting, pcm))

    async def _send(self) -> AsyncIterator[Sound]:
        converter = self._converter
        while len(self._waiting) >= converter.block:
            if not self._begun:
                await converter.set_up()
                if converter.unclean:
                    await converter.silence()
            self._begun = True
            block, self._waiting = self._waiting[: converter.block], self._waiting[converter.block :]
            converter.unclean = True
            pcm = (await converter.exchange(block))[: self._due]
            self._due -= len(pcm)
            if len(pcm):
                yield Sound(pcm, RATE_HZ)
