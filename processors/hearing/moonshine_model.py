"""Moonshine's encoder and decoder on ONNX Runtime, decoded here, token by token.

Decoding here instead of in Moonshine's own library takes less time, can be stopped between two tokens, can begin from
an earlier transcript of the same sound, and tells how the decoder is torn between a full stop and a comma behind the
last word: the best sign there is of whether somebody has finished.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from processors.errors import EngineError
from processors.hearing.moonshine_tokens import BEGIN, END, Tokenizer
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.onnx_sessions import session_options

if TYPE_CHECKING:
    from onnxruntime import OrtValue

_TOKENS_PER_S = 6.5
"""Nobody says more; noise can send a decoder round in circles (Moonshine's own limit)."""
_SPARE_TOKENS = 3
_WORTH_A_PASS = 4
"""Tokens that a pass over a whole transcript must promise: it takes as long as writing two or three does."""
_FRESH_STARTS = 2
"""How often a transcript is tried to be rejoined: one that goes its own way shares single tokens by chance."""
_DETOUR = 3
"""Tokens by which a draft and what is written instead may differ in length before they meet again."""
_HEADS, _HEAD_SIZE = 8, 36
_PAST = "past_key_values."
_PRESENT = "present."

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Listened:
    """A sound as the decoder wants it: opaque."""

    hidden: "OrtValue"
    mask: "OrtValue"
    samples: int


@dataclass(frozen=True, slots=True)
class Written:
    """A transcript."""

    tokens: tuple[int, ...]
    """Without those that begin and end every transcript."""
    words: tuple[int, ...]
    """`tokens` without the punctuation at their end."""
    text: str
    finality: float | None
    """Natural logarithm of the odds of a final mark (. ? !) against a continuing one (, - ...) behind the last word.
    None without words, or when stopped before that was known."""


def _never() -> bool:
    return False


class MoonshineModel:
    """The model, synchronous. It holds no state between calls: several threads may use it at once."""

    def __init__(self, folder: Path) -> None:
        """Load it from the folder of its files.

        Raises:
            EngineError: a file is missing, or is not what it should be.
        """
        import onnxruntime

        options = session_options()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        # The arena would keep what the longest utterance took: 280 MB instead of 140 after one of 30 s.
        options.enable_cpu_mem_arena = False
        try:
            self._tokenizer = Tokenizer.read(folder / "tokenizer.bin")
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
                for name in ("encoder_model.ort", "decoder_model_merged.ort")
            )
            inputs = [each.name for each in self._decoder.get_inputs()]
            outputs = [each.name for each in self._decoder.get_outputs()]
        except Exception as error:  # ONNX Runtime has an exception of its own for each status, with no common parent.
            raise EngineError(f"Moonshine could not load {folder}: {error} (STT_ENGINE=moonshine)") from error
        self._value: Any = onnxruntime.OrtValue.ortvalue_from_numpy
        self._past = tuple(name for name in inputs if name.startswith(_PAST))
        self._first_outputs = tuple(name for name in outputs if name.startswith(_PRESENT))
        self._later_outputs = tuple(name for name in self._first_outputs if ".decoder." in name)
        empty: OrtValue = self._value(np.zeros((1, _HEADS, 0, _HEAD_SIZE), np.float32))
        self._nothing = dict.fromkeys(self._past, empty)
        self._branches = tuple(self._value(np.array([cached])) for cached in (False, True))

    def listen(self, pcm: Pcm) -> Listened:
        """Run the encoder over a sound (16 kHz mono int16)."""
        samples = np.multiply(pcm, 1 / 32768, dtype=np.float32)[None]
        mask = self._value(np.ones(samples.shape, np.int64))
        feed = {"input_values": self._value(samples), "attention_mask": mask}
        hidden = self._encoder.run_with_ort_values(["last_hidden_state"], feed)[0]
        return Listened(hidden, mask, len(pcm))

    def write(self, heard: Listened, draft: Sequence[int] = (), stop: Callable[[], bool] = _never) -> Written:
        """Write down what was heard, the likeliest token each time.

        Args:
            heard: The sound.
            draft: Tokens of an earlier transcript of the same sound, which was shorter then. What the decoder would
                still write is taken over in one pass, and in another what follows a word that is heard differently. The
                model's weights and activations are of 8 bits, scaled anew in every pass: where two tokens are nearly as
                likely, the result can differ from that without a draft.
            stop: Asked between two tokens; what is written by then is returned.
        """
        limit = int(heard.samples / SAMPLE_RATE_HZ * _TOKENS_PER_S) + _SPARE_TOKENS
        draft = tuple(
            itertools.takewhile(lambda token: 0 <= token < len(self._tokenizer) and token != END, draft[:limit])
        )
        rows, cache = self._take_over(heard, (), draft)
        tokens, left = list(draft[: len(rows) - 1]), draft[len(rows) - 1 :]
        fresh_starts = apart = 0
        while len(tokens) < limit and (token := int(rows[-1].argmax())) != END:
            tokens.append(token)
            apart += 1
            if stop():
                break
            rest = _rest_behind(token, left, apart)[: limit - len(tokens)]
            if fresh_starts < _FRESH_STARTS and len(rest) >= _WORTH_A_PASS:
                more, cache = self._take_over(heard, tokens, rest)
                rows += more
                tokens += rest[: len(more) - 1]
                left, fresh_starts, apart = rest[len(more) - 1 :], fresh_starts + 1, 0
                continue
            logits, later = self._pass(heard, (token,), cache, cached=True)
            cache.update(later)
            rows.append(logits[0])
        words = self._tokenizer.words(tokens)
        known = bool(words) and len(words) < len(rows)
        finality = self._odds(rows[len(words)]) if known else None
        return Written(tuple(tokens), words, self._tokenizer.text(tokens), finality)

    def finality(self, heard: Listened, words: Sequence[int]) -> float:
        """`Written.finality` of `words`, which somebody else wrote down, were they what was heard."""
        logits, _ = self._pass(heard, (BEGIN, *words), self._nothing, cached=False)
        return self._odds(logits[-1])

    def _take_over(
        self, heard: Listened, tokens: Sequence[int], rest: Sequence[int]
    ) -> tuple[list[Logits], dict[str, "OrtValue"]]:
        """The logits behind `tokens` and each of `rest` that the decoder would go on with, and its memory of these."""
        logits, cache = self._pass(heard, (BEGIN, *tokens, *rest), self._nothing, cached=False)
        behind = logits[len(tokens) :]
        kept = _agreed(behind, rest)
        if kept < len(rest):
            cache = {name: self._cut(name, value, len(tokens) + kept + 1) for name, value in cache.items()}
        return list(behind[: kept + 1]), cache

    def _pass(
        self, heard: Listened, tokens: tuple[int, ...], past: Mapping[str, "OrtValue"], *, cached: bool
    ) -> tuple[Logits, dict[str, "OrtValue"]]:
        """The logits behind each of `tokens`, and the decoder's new memory. Only a first pass takes several tokens."""
        feed = {
            "encoder_attention_mask": heard.mask,
            "input_ids": self._value(np.array([tokens], np.int64)),
            "encoder_hidden_states": heard.hidden,
            "use_cache_branch": self._branches[cached],
            **past,
        }
        names = self._later_outputs if cached else self._first_outputs
        logits, *memory = self._decoder.run_with_ort_values(["logits", *names], feed)
        kept = {name.replace(_PRESENT, _PAST): value for name, value in zip(names, memory, strict=True)}
        return logits.numpy()[0], kept

    def _cut(self, name: str, value: "OrtValue", length: int) -> "OrtValue":
        if ".decoder." not in name:
            return value
        return self._value(np.ascontiguousarray(value.numpy()[:, :, :length]))

    def _odds(self, logits: Logits) -> float:
        final, continuing = (
            np.logaddexp.reduce(logits[list(marks)].astype(np.float64))
            for marks in (self._tokenizer.final, self._tokenizer.continuing)
        )
        return float(final - continuing)


def _agreed(logits: Logits, draft: Sequence[int]) -> int:
    """How many tokens at the beginning of `draft` the decoder would write itself."""
    for place, token in enumerate(draft):
        if int(logits[place].argmax()) != token:
            return place
    return len(draft)


def _rest_behind(token: int, left: Sequence[int], written: int) -> tuple[int, ...]:
    """What follows in a draft where it meets again what is written instead; empty if it does not.

    Args:
        token: the latest that was written.
        left: the draft from where the two parted.
        written: how many tokens were written since then.
    """
    meeting = [place for place, other in enumerate(left[: written + _DETOUR]) if other == token]
    place = min(meeting, key=lambda one: abs(one + 1 - written), default=None)
    return () if place is None else tuple(left[place + 1 :])
