"""CHARX: a zip with `card.json` at its root and the card's assets beside it (V3, "CHARX").

Nothing is ever written to disk from one, so a path can only mislead a later program; such paths are
refused all the same.
"""

import io
import struct
import zipfile
import zlib

from personas.cards.limits import CardLimits
from personas.errors import CardError

CARD_ENTRY = "card.json"
_ENCRYPTED = 0x1
_CENTRAL_ENTRY = b"PK\x01\x02"


def extract(data: bytes, limits: CardLimits) -> tuple[bytes, dict[str, bytes]]:
    """Take the card and every other file out of a CHARX.

    Returns:
        The bytes of `card.json`, and the other entries by path.

    Raises:
        CardError: not a zip, damaged, encrypted, over the limits, a path that leaves the archive, or no card.
    """
    # Counted before `zipfile` builds an object for each: 64 MB of directory would become a gigabyte of
    # objects.
    if data.count(_CENTRAL_ENTRY) > limits.zip_entries:
        raise CardError(f"the CHARX has more than {limits.zip_entries} files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _read_entries(archive, limits)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, ValueError) as error:
        raise CardError(f"the CHARX is damaged: {error}") from None
    except (NotImplementedError, RuntimeError) as error:
        raise CardError(f"the CHARX uses a zip feature that is not supported: {error}") from None
    try:
        return files.pop(CARD_ENTRY), files
    except KeyError:
        raise CardError("the CHARX has no `card.json` at its root") from None


def _read_entries(archive: zipfile.ZipFile, limits: CardLimits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = limits.zip_bytes
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        _check_entry(entry, limits)
        if entry.filename in files:
            raise CardError(f"the CHARX has {entry.filename!r} twice")
        left -= entry.file_size
        if left < 0:
            raise CardError(f"the CHARX unpacks to more than {limits.zip_bytes} bytes; it is refused")
        # `zipfile` stops at the declared size and then checks the sum, so a lying header cannot unpack more.
        files[entry.filename] = archive.read(entry)
    return files


def _check_entry(entry: zipfile.ZipInfo, limits: CardLimits) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise CardError("the CHARX is encrypted; export it without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python unpacks the other methods a block at a time with no bound on what a block becomes.
        raise CardError("the CHARX is packed with a method other than deflate; pack it as a plain zip")
    check_path(entry.filename)
    if entry.filename == CARD_ENTRY and entry.file_size > limits.json_bytes:
        raise CardError(f"the card's JSON has {entry.file_size} bytes; the limit is {limits.json_bytes}")
    if entry.file_size > max(65536, entry.compress_size * limits.inflate_ratio):
        raise CardError(f"{entry.filename!r} in the CHARX unpacks over {limits.inflate_ratio} times its size")


def check_path(path: str) -> None:
    """Refuse a path that is absolute, climbs out, or means another place on another system.

    Raises:
        CardError: naming the path.
    """
    inside = all(part not in ("", ".", "..") for part in path.split("/"))
    if not inside or len(path) > 512 or any(character in path for character in "\\\0:"):
        raise CardError(f"the CHARX has a file at {path[:80]!r}, which is not a path inside it")
