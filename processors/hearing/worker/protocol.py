"""What passes between us and a worker: over its standard input and output, one message a line, sound behind its line.

To the worker:    {"id": 7, "priority": 0, "stream": "ann/1/0", "bytes": 32000}\\n and as many bytes of 16 kHz mono
                  int16; {"cancel": 7}\\n. Requests with the same `stream` are the same sound, longer each time
From the worker:  {"ready": "model, device"}\\n or {"unusable": "why"}\\n, then {"id": 7, "text": "..."}\\n or
                  {"id": 7, "error": "..."}\\n for each request that was not cancelled in time. A "text" may come with
                  "words": [["hello", 80, 240], ...], each with its start and end in ms from the sound's first sample
"""

import json
from typing import Any, BinaryIO

Message = dict[str, Any]


def encode(message: Message, sound: bytes = b"") -> bytes:
    """A message as it is sent. `sound` goes with a request."""
    if sound:
        message = message | {"bytes": len(sound)}
    return json.dumps(message).encode() + b"\n" + sound


def decode(line: bytes) -> Message:
    """One line.

    Raises:
        ValueError: it is no message.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def receive(source: BinaryIO) -> tuple[Message, bytes] | None:
    """The next message with its sound; None when the other side has closed. Blocks."""
    line = source.readline()
    if not line.endswith(b"\n"):
        return None
    message = decode(line)
    wanted = int(message.get("bytes", 0))
    sound = source.read(wanted)
    return (message, sound) if len(sound) == wanted else None
