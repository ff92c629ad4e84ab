"""Server-sent events, by hand: bytes in, the data of whole events out."""

from processors.errors import EngineError

_MOST_BYTES = 1 << 20
"""Of one event. A token takes a few hundred bytes."""


class SseDecoder:
    """Splits on LF, CR LF and CR only: other characters that Unicode calls line ends may stand inside the JSON."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[str]:
        """The data of every event that is complete with `chunk`.

        Raises:
            EngineError: an event is too long, or no UTF-8.
        """
        if not chunk:
            return []
        # A line end CR LF may be broken between two chunks; its CR has ended the line already.
        ended, self._after_cr = self._after_cr, chunk.endswith(b"\r")
        if ended:
            chunk = chunk.removeprefix(b"\n")
        *lines, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events: list[str] = []
        for line in lines:
            self._line += line
            self._end_line(bytes(self._line), events)
            self._line.clear()
        self._line += rest
        if len(self._line) + self._size > _MOST_BYTES:
            raise EngineError(f"the language model server sent an event of more than {_MOST_BYTES} bytes")
        return events

    def _end_line(self, line: bytes, events: list[str]) -> None:
        if not line:
            if self._data:
                events.append(_text(b"\n".join(self._data)))
            self._data, self._size = [], 0
        elif line.startswith(b"data:"):
            data = line[5:].removeprefix(b" ")
            self._data.append(data)
            self._size += len(data)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineError(f"the language model server sent bytes that are no text: {error}", retryable=True) from None
