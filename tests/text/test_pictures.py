"""Pictures that people post, made fit for a model that sees."""

import io
import struct

import pytest
from aiohttp import web
from PIL import Image

from personas.cards.png import SIGNATURE, Chunk
from processors.events import Attachment
from tests.fakes.serving import served
from text.pictures import UnfitPicture, look, shrink
from text.settings import TextSettings


def picture(size: tuple[int, int] = (40, 30), kind: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red").save(out, kind)
    return out.getvalue()


def attached(url: str, name: str = "cat.png", media_type: str = "image/png", size: int = 100) -> Attachment:
    return Attachment(name, f"{url}/{name}", media_type, size)


def serving(**files: bytes) -> web.Application:
    async def get(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(body=files[name]) if name in files else web.Response(status=404)

    app = web.Application()
    app.add_routes([web.get("/{name}", get)])
    return app


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("GIF", "P"), ("PNG", "L")]
)
def test_every_kind_becomes_a_small_jpeg(kind: str, mode: str) -> None:
    shown = shrink("cat", picture((3000, 1500), kind, mode))
    with Image.open(io.BytesIO(shown.data)) as image:
        assert (image.format, image.size) == ("JPEG", (1024, 512))
    assert shown.media_type == "image/jpeg"


@pytest.mark.parametrize(
    "data", [b"", b"no picture", picture()[:60], b"\x89PNG\r\n\x1a\n" + b"\0" * 50, picture(kind="TIFF")]
)
def test_what_is_broken_is_named(data: bytes) -> None:
    with pytest.raises(UnfitPicture, match=r"cat\.png is broken"):
        shrink("cat.png", data)


@pytest.mark.parametrize("edge", [9_000, 20_000, 2**31 - 1])
def test_one_with_too_many_pixels_is_not_unpacked(edge: int) -> None:
    header = Chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0))
    bomb = SIGNATURE + header.encode() + Chunk(b"IDAT", b"").encode() + Chunk(b"IEND", b"").encode()
    with pytest.raises(UnfitPicture, match="too many pixels"):
        shrink("bomb.png", bomb)


async def test_pictures_are_fetched() -> None:
    async with served(serving(**{"cat.png": picture()})) as url:
        view = await look([attached(url)], TextSettings())
    assert [one.media_type for one in view.pictures] == ["image/jpeg"]
    assert (view.notes, view.refusal) == ((), "")


async def test_one_that_is_announced_or_turns_out_too_large_is_refused() -> None:
    settings = TextSettings(max_picture_mb=0.001)
    async with served(serving(**{"cat.png": b"x" * 2000})) as url:
        for size in (5_000_000, 10):
            view = await look([attached(url, size=size)], settings)
            assert view.refusal == "cat.png is too large: I look at pictures of 0.001 MB at most."


async def test_what_is_no_picture_or_gone_is_named_and_the_others_seen() -> None:
    async with served(serving(**{"cat.png": picture()})) as url:
        seen = [attached(url), attached(url, "gone.png"), attached(url, "song.svg", "image/svg+xml")]
        view = await look(seen, TextSettings())
    assert len(view.pictures) == 1
    assert view.notes == (
        "gone.png could not be fetched.",
        "song.svg is no picture I can read: PNG, JPEG, WebP and GIF are.",
    )


async def test_no_more_than_so_many_are_looked_at() -> None:
    async with served(serving(**{"cat.png": picture()})) as url:
        view = await look([attached(url)] * 5, TextSettings(max_pictures=2))
    assert len(view.pictures) == 2
    assert "2 pictures" in view.notes[0]
