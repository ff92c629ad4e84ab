"""Pictures that people post, made fit for a model that sees: fetched, checked, and no larger than it needs them."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass

from loguru import logger

from processors.events import Attachment
from processors.language.engines import Picture
from text.settings import TextSettings

TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}
"""Media types that are looked at, and Pillow's name of each."""
_EDGE = 1024
"""Longest edge (pixels) of what a model is shown: more costs tokens and shows it little."""
_MOST_PIXELS = 50_000_000
_FETCH_S = 15.0


class UnfitPicture(Exception):
    """A picture cannot be shown. The message says why, in words for people."""


@dataclass(frozen=True, slots=True)
class View:
    """What the model is shown of the pictures of one message."""

    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    """What the character is told of those it is not shown."""
    refusal: str = ""
    """Why there is no use in answering; for people."""


async def look(attachments: Sequence[Attachment], settings: TextSettings) -> View:
    """Fetch pictures. One that is unfit is named; if none is fit, that is the answer."""
    pictures: list[Picture] = []
    unfit: list[str] = []
    for attachment in attachments[: settings.max_pictures]:
        try:
            data = await _fetch(attachment, int(settings.max_picture_mb * 1_000_000))
            pictures.append(await asyncio.to_thread(shrink, attachment.name, data))
        except UnfitPicture as error:
            unfit.append(str(error))
    if len(attachments) > settings.max_pictures:
        unfit.append(f"I look at {settings.max_pictures} pictures of a message at most.")
    if not pictures:
        return View(refusal=" ".join(unfit))
    return View(tuple(pictures), tuple(unfit))


async def _fetch(attachment: Attachment, most_bytes: int) -> bytes:
    """
    Raises:
        UnfitPicture: it is no picture, too large, or cannot be had.
    """
    import httpx

    if attachment.media_type not in TYPES:
        raise UnfitPicture(f"{attachment.name} is no picture I can read: PNG, JPEG, WebP and GIF are.")
    too_large = UnfitPicture(f"{attachment.name} is too large: I look at pictures of {most_bytes / 1e6:g} MB at most.")
    if attachment.bytes > most_bytes:
        raise too_large
    data = bytearray()
    try:
        async with (
            asyncio.timeout(_FETCH_S),
            httpx.AsyncClient() as client,
            client.stream("GET", attachment.url) as response,
        ):
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > most_bytes:
                    raise too_large
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        logger.warning("a picture could not be fetched: {}", type(error).__name__)
        raise UnfitPicture(f"{attachment.name} could not be fetched.") from None
    return bytes(data)


def shrink(name: str, data: bytes) -> Picture:
    """A picture as a JPEG of at most 1024 pixels an edge, of an animation its first frame.

    Raises:
        UnfitPicture: it is broken, or has too many pixels.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=tuple(TYPES.values())) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise UnfitPicture(f"{name} has too many pixels.")
            image.draft("RGB", (_EDGE, _EDGE))
            small = image.convert("RGBA")
            small.thumbnail((_EDGE, _EDGE))
            ground = Image.new("RGB", small.size, "white")
            ground.paste(small, mask=small.getchannel("A"))
            out = io.BytesIO()
            ground.save(out, "JPEG", quality=85)
    except Image.DecompressionBombError:
        raise UnfitPicture(f"{name} has too many pixels.") from None
    except (OSError, ValueError, SyntaxError):
        raise UnfitPicture(f"{name} is broken.") from None
    return Picture("image/jpeg", out.getvalue(), name)
