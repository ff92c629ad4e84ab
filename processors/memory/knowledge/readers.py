"""The text of a document: plain text, Markdown, PDF, HTML. Whatever a file holds, reading it is bounded."""

import codecs
import time
from collections.abc import Callable
from pathlib import Path

from processors.errors import AcoreError

MOST_CHARS = 4_000_000
"""Of a longer text the rest is left out."""
_MOST_PAGES = 3000
_PDF_S = 60.0
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class DocumentError(AcoreError):
    """A document cannot be read. The message says why."""


def read_document(path: Path) -> str:
    """The text of a document, by the suffix of its name. Blocks.

    Raises:
        DocumentError: it is of no kind that can be read, or damaged.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise DocumentError(f"{path.name}: {path.suffix or 'no suffix'} is none of {', '.join(READERS)}")
    try:
        return read(path)[:MOST_CHARS].replace("\0", "")
    except OSError as error:
        raise DocumentError(f"{path.name}: {error.strerror or error}") from error


def _plain(path: Path) -> str:
    content = path.read_bytes()
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    return content.decode(encoding, errors="replace")


def _html(path: Path) -> str:
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(path.read_bytes())
    page.strip_tags(["script", "style", "noscript", "template", "svg", "nav", "iframe"])
    body = page.body
    return body.text(separator="\n", strip=True) if body else ""


def _pdf(path: Path) -> str:
    from pypdf import PdfReader

    began_s = time.monotonic()
    texts: list[str] = []
    chars = 0
    # A damaged or hostile file makes the library raise anything, recursion and type errors included.
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(f"{path.name}: it is locked with a password")
        for page in reader.pages[:_MOST_PAGES]:
            texts.append(page.extract_text() or "")
            chars += len(texts[-1])
            if chars > MOST_CHARS or time.monotonic() - began_s > _PDF_S:
                break
    except AcoreError:
        raise
    except Exception as error:
        raise DocumentError(f"{path.name}: it is no PDF that can be read ({error or type(error).__name__})") from error
    return "\n\n".join(texts)


READERS: dict[str, Callable[[Path], str]] = {
    ".txt": _plain,
    ".md": _plain,
    ".markdown": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
}
