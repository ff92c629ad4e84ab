"""How many tokens a text is, without a tokenizer: an estimate that the engine's own reports correct.

No tokenizer is at hand offline for every model that may answer; but every engine says how long a prompt was that it
has read. From the second request on the estimate is off by a few per cent.
"""

import re
from collections.abc import Iterable

from processors.language.engines import Message, Usage

_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\x00-\x7f]+|[^\sA-Za-z0-9]|\n")
_LETTERS_A_TOKEN = 6
"""The words of a vocabulary are mostly shorter; a longer one falls into pieces."""
_TOKENS_A_BYTE = 0.55
"""Of what is not ASCII: measured 0.38 (Russian) to 0.83 (Korean) with SmolLM2's vocabulary of 49,152."""
_A_MESSAGE = 5
"""Tokens the chat template puts around each message."""
_SMOOTHING = 0.3
_LOWEST, _HIGHEST = 0.4, 3.0
"""What a report may make of the estimate; beyond it is no tokenizer but a mistake."""
_LEAST_TO_LEARN_FROM = 32


class TokenCounter:
    """Counts for one model. Pure arithmetic, a few microseconds a message."""

    def __init__(self) -> None:
        self._scale = 1.0
        self._learned = False

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return round(_estimate(text) * self._scale)

    def message(self, message: Message) -> int:
        """Tokens of a message, with what the template puts around it."""
        return self.count(message.content) + _A_MESSAGE

    def messages(self, messages: Iterable[Message]) -> int:
        """Tokens of several messages."""
        return sum(map(self.message, messages))

    def learn(self, messages: Iterable[Message], usage: Usage) -> None:
        """Correct the estimate by what the engine has counted for a request."""
        asked = tuple(messages)
        estimated = sum(_estimate(message.content) for message in asked)
        counted = usage.prompt_tokens - _A_MESSAGE * len(asked)
        if estimated < _LEAST_TO_LEARN_FROM or counted <= 0:
            return
        scale = min(_HIGHEST, max(_LOWEST, counted / estimated))
        # The first report is far better than none; later ones differ by their language and are averaged.
        self._scale += (scale - self._scale) * (_SMOOTHING if self._learned else 1.0)
        self._learned = True


def _estimate(text: str) -> float:
    return sum(map(_piece, _PIECES.findall(text)))


def _piece(piece: str) -> float:
    if piece.isascii():
        return 1 + (len(piece) - 1) // _LETTERS_A_TOKEN
    return len(piece.encode(errors="surrogatepass")) * _TOKENS_A_BYTE
