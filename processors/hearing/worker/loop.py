"""The worker's side: loads, says that it is ready, and transcribes what comes, the most urgent first."""

import itertools
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

from processors.hearing.worker.protocol import Message, encode, receive
from processors.words import words_of

Transcribe = Callable[[str, bytes], str]
"""The name of a stretch of sound that may grow from request to request, and its 16 kHz mono int16 so far, to text: a
`Transcript`, if the times of its words are known."""

_Job = tuple[int, int, int | None, str, bytes]
"""Priority, order, number (None for the end), stream, sound."""


def serve(load: Callable[[], tuple[str, Transcribe]]) -> int:
    """Serve until the parent closes our input. Returns the exit status.

    Args:
        load: gives a line about what was loaded, and the function that transcribes. What it raises is told.
    """
    # Libraries print to standard output; what we have to say goes past them.
    sink = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        about, transcribe = load()
    except Exception as error:
        sink.write(encode({"unusable": f"{type(error).__name__}: {error}"}))
        return 1
    sink.write(encode({"ready": about}))
    jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_read, args=(sys.stdin.buffer, jobs, cancelled), daemon=True).start()
    while True:
        _, _, number, stream, sound = jobs.get()
        if number is None:
            return 0
        if number in cancelled:
            cancelled.discard(number)
            continue
        try:
            answer = {"id": number} | _told(transcribe(stream, sound))
        except Exception as error:
            answer = {"id": number, "error": f"{type(error).__name__}: {error}"}
        sink.write(encode(answer))


def _told(text: str) -> Message:
    words = [(word.text, word.start_ms, word.end_ms) for word in words_of(text)]
    return {"text": text, "words": words} if words else {"text": text}


def _read(source: BinaryIO, jobs: "queue.PriorityQueue[_Job]", cancelled: set[int]) -> None:
    order = itertools.count()
    try:
        while (received := receive(source)) is not None:
            message, sound = received
            if "cancel" in message:
                cancelled.add(message["cancel"])
            else:
                jobs.put((message["priority"], next(order), message["id"], message["stream"], sound))
    finally:
        # The parent is gone, or says nothing we understand: either way there is no more to do.
        jobs.put((-1, next(order), None, "", b""))
