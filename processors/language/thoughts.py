"""Takes out what a reasoning model thinks aloud: `<think>...</think>`, wherever the pieces of the stream break it."""

_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))


class ThinkStripper:
    """Feed it the pieces of one reply; it gives back what is to be said, as early as it can be sure."""

    def __init__(self) -> None:
        self._held = ""
        """The end of what was fed, when it may be the beginning of a tag."""
        self._closing: str | None = None
        """The tag that ends the thought we are in."""
        self._began = False
        """Whether anything to be said has come."""

    def feed(self, piece: str) -> str:
        """The part of the reply that is certain with `piece`."""
        text = self._held + piece
        said = ""
        while True:
            if self._closing is not None:
                _, closed, rest = text.partition(self._closing)
                if not closed:
                    self._held = text[len(text) - _overlap(text, (self._closing,)) :]
                    break
                text, self._closing = rest, None
                continue
            opened = [(at, tags) for tags in _TAGS if (at := text.find(tags[0])) >= 0]
            if not opened:
                keep = len(text) - _overlap(text, tuple(tag for tag, _ in _TAGS))
                said, self._held = said + text[:keep], text[keep:]
                break
            at, (opening, self._closing) = min(opened)
            said, text = said + text[:at], text[at + len(opening) :]
        return self._from_first_word(said)

    def end(self) -> str:
        """What was held back, now that no more comes. A thought that was never closed is dropped."""
        held, self._held = self._held, ""
        return "" if self._closing is not None else self._from_first_word(held)

    def _from_first_word(self, said: str) -> str:
        # Models put blank lines behind their thoughts.
        if not self._began:
            said = said.lstrip()
        self._began = self._began or bool(said)
        return said


def _overlap(text: str, tags: tuple[str, ...]) -> int:
    """Length of the longest end of `text` that begins one of `tags`."""
    longest = min(len(text), max(map(len, tags)) - 1)
    return next((size for size in range(longest, 0, -1) if any(tag.startswith(text[-size:]) for tag in tags)), 0)
