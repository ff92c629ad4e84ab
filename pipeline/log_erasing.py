"""Words in log files (LOG_SPEECH): found and blanked where they stand.

The files are written to meanwhile, so nothing in them is moved: bytes are overwritten by as many stars.
"""

from collections.abc import Iterator
from pathlib import Path

SAID = " (said)"
"""Stands before the words of somebody in a log file."""
_MARK = f"{SAID} ".encode()


def logged_words(folder: Path, name: str) -> list[str]:
    """The lines in which somebody of that name said something."""
    spoken = f"{name}: ".encode()
    return [
        words.decode(errors="replace")
        for path in _files(folder)
        for _, words in _spoken(path.read_bytes())
        if words.startswith(spoken)
    ]


def blank_words(folder: Path) -> int:
    """Blank what anybody said: a log knows names only, and two people may share one. How many lines that were."""
    count = 0
    for path in _files(folder):
        with path.open("r+b") as file:
            for at, words in list(_spoken(file.read())):
                file.seek(at)
                file.write(b"*" * len(words))
                count += 1
    return count


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("acore*.log"))


def _spoken(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Where in a file's content words stand, and the words; not those that have been blanked."""
    at = 0
    for line in content.splitlines(keepends=True):
        _, mark, words = line.partition(_MARK)
        words = words.rstrip(b"\r\n")
        if mark and words.strip(b"*"):
            yield at + line.index(_MARK) + len(_MARK), words
        at += len(line)
