"""Microsoft's read-aloud service: its list of voices, and its websocket protocol with MP3 in binary messages."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, field
from html import unescape

import av
import numpy as np
import pytest
from aiohttp import WSMsgType, web

_RATE_HZ = 24000
_SSML = re.compile(
    r"<voice name='(?P<voice>[^']*)'><prosody pitch='[^']*' rate='(?P<rate>[^']*)'.*?>(?P<text>.*)</prosody>"
)


@dataclass
class EdgeService:
    """Speaks 50 ms of a 440 Hz tone per character."""

    voices: tuple[str, ...] = ("en-US-EmmaMultilingualNeural", "en-GB-RyanNeural")
    status: int = 200
    """Another one is answered to everything."""
    silent: bool = False
    """End every turn without sound."""
    noise: bool = False
    """Send bytes that are no MP3."""
    stray: bool = False
    """Send a message no client knows."""
    hang_midway: bool = False
    cut: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def app(self) -> web.Application:
        """The service, to be served."""
        app = web.Application()
        app.add_routes([web.get("/voices/list", self._list), web.get("/edge/v1", self._speak)])
        return app

    def point_library_at(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have edge-tts talk to this service instead of Microsoft's."""
        monkeypatch.setattr("edge_tts.voices.VOICE_LIST", f"{url}/voices/list?trustedclienttoken=t")
        monkeypatch.setattr(
            "edge_tts.communicate.WSS_URL", f"{url.replace('http', 'ws', 1)}/edge/v1?TrustedClientToken=t"
        )

    async def _list(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return web.Response(status=self.status)
        listed = [{"ShortName": name, "Locale": name[:5], "Gender": "Female"} for name in self.voices]
        return web.json_response(listed)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        config, ssml = [(await socket.receive(timeout=5)) for _ in range(2)]
        assert "Path:speech.config" in config.data
        assert "audio-24khz-48kbitrate-mono-mp3" in config.data
        matched = _SSML.search(ssml.data)
        assert matched, ssml.data
        said = {name: unescape(value) for name, value in matched.groupdict().items()}
        self.asked.append(said)
        await socket.send_str("X-RequestId:1\r\nPath:turn.start\r\n\r\n{}")
        if self.stray:
            await socket.send_str("X-RequestId:1\r\nPath:advert\r\n\r\n{}")
        if not self.silent:
            await self._sound(request, socket, b"no sound" * 400 if self.noise else tone_mp3(len(said["text"]) * 0.05))
        with contextlib.suppress(ConnectionError):
            await socket.send_str("X-RequestId:1\r\nPath:turn.end\r\n\r\n{}")
            while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
                pass
        return socket

    async def _sound(self, request: web.Request, socket: web.WebSocketResponse, mp3: bytes) -> None:
        for start in range(0, len(mp3), 720):
            if start and self.cut:
                assert request.transport is not None
                request.transport.abort()
                return
            if start and self.hang_midway:
                self.hanging.set()
                # The client says goodbye, or is simply gone.
                await socket.receive()
                self.left.set()
                return
            await socket.send_bytes(_binary(mp3[start : start + 720]))
        offsets = {"Offset": 0, "Duration": 1000000, "text": {"Text": "all", "Length": 3, "BoundaryType": "x"}}
        metadata = json.dumps({"Metadata": [{"Type": "SentenceBoundary", "Data": offsets}]})
        await socket.send_str(f"X-RequestId:1\r\nPath:audio.metadata\r\n\r\n{metadata}")


def _binary(sound: bytes) -> bytes:
    header = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
    return len(header).to_bytes(2, "big") + header + sound


def tone_mp3(seconds: float) -> bytes:
    """A tone as the service sends sound: 24 kHz mono MP3 of 48 kbit/s."""
    wave = (8000 * np.sin(2 * np.pi * 440 / _RATE_HZ * np.arange(int(seconds * _RATE_HZ)))).astype(np.int16)
    encoder = av.AudioCodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = _RATE_HZ, "mono", "s16p", 48000
    frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16p", layout="mono")
    frame.sample_rate = _RATE_HZ
    # Bare frames, as the service sends them: a file would begin with tags.
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
