"""One speaker's ear: from 20 ms frames to utterances, with no clock and no I/O.

The ear cuts the stream into windows, smooths the detector's verdicts with hysteresis, keeps the sound of the
utterance under way (with a little from before its onset), and says for every window of it whether the speaker
was talking. When speech ends it looks for the last voiced sample by level: the detector's own answer is late and
blurred by its memory, and every latency figure is counted from that sample.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydantic import Field

from processors.hearing.level import LevelTracker, PauseLevel, trailing_silence_ms
from processors.hearing.vad import SAMPLE_RATE_HZ, WINDOW_MS, WINDOW_SAMPLES, Pcm, VoiceActivityDetector
from processors.setting_names import SettingsGroup

_QUIET_MS = 64
"""A drop in level this long is more than a consonant's closure."""
_STIRRING = 0.3
"""Speech probability in a pause that is not speech yet, and more than silence. While it falls it is what the detector
remembers of the last word, often for 200 ms."""
_CERTAIN = 1.1
"""More than any probability."""
_FADE_WINDOWS = 8
"""Windows of nothing after which the detector has forgotten speech."""


class EarPolicy(SettingsGroup):
    """How speech is told from its absence."""

    start_threshold: float = Field(default=0.5, ge=0.05, le=0.99)
    """Speech probability (0-1) that begins an utterance."""
    stop_threshold: float = Field(default=0.35, ge=0.01, le=0.99)
    """Speech probability (0-1) under which a window of an utterance counts as silent."""
    quiet_threshold: float = Field(default=0.8, ge=0.01, le=0.99)
    """The same once the level has dropped, too: the detector remembers speech for some 100 ms after it."""
    quiet_ms: int = Field(default=160, ge=64, le=2000)
    """Drop in level (ms) that is a pause whatever the detector says."""
    start_ms: int = Field(default=96, ge=32, le=1000)
    """Speech (ms) needed to begin an utterance; shorter clicks are ignored."""
    pre_roll_ms: int = Field(default=320, ge=0, le=2000)
    """Sound (ms) from before the onset that is transcribed too: detectors miss soft first consonants."""
    max_utterance_s: float = Field(default=30.0, ge=2.0, le=120.0)
    """Longest utterance (s) that is kept; of a longer one the latest part is transcribed."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one window of an open utterance was."""

    number: int
    """The utterance it belongs to."""
    voiced_ms: int
    """Speech since the last pause; 0 when the window is silent."""
    silence_ms: int
    """Silence since the last speech; 0 when the window is voiced."""
    stopped_ms: float
    """Media time of the last voiced sample so far."""
    at_ms: float
    """Media time of the window's end."""
    quiet_ms: int = 0
    """How long the level has been that of a pause, which the detector may not have noticed yet."""
    stirring: bool = False
    """Silent so far, and yet something begins: perhaps the next word, which takes a window or two to be known."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much of an utterance is speech, as the detector heard it."""

    voiced_ms: int
    """Time in its windows of speech."""
    certainty: float
    """Mean speech probability (0-1) of those windows; 0 when there is none."""


class _Heard(NamedTuple):
    pcm: Pcm
    probability: float


class Ear:
    """Hears one speaker. Feed it frames in order; it never blocks."""

    def __init__(self, vad: VoiceActivityDetector, policy: EarPolicy) -> None:
        self._vad = vad
        self._policy = policy
        self._pending = np.empty(0, np.int16)
        before_onset = policy.pre_roll_ms // WINDOW_MS + policy.start_ms // WINDOW_MS
        self._recent: deque[_Heard] = deque(maxlen=max(1, before_onset))
        self._sound: deque[_Heard] = deque(maxlen=int(policy.max_utterance_s * 1000 / WINDOW_MS))
        self._nothing = 0
        """Windows without any sound so far."""
        self._number = 0
        self._open = False
        self._onset_ms = 0
        self._voiced_ms = 0
        self._silence_ms = 0
        self._stopped_ms = 0.0
        self._began_ms = 0.0
        self._length = 0
        self._level = LevelTracker()
        self._pause = PauseLevel()
        self._stirring = False
        self._probability_before = 0.0

    @property
    def utterance(self) -> int | None:
        """The number of the utterance under way, or None."""
        return self._number if self._open else None

    @property
    def began_ms(self) -> float:
        """Media time of the first sample of the utterance under way, its pre-roll included."""
        return self._began_ms

    def feed(self, pcm: Pcm, end_ms: float) -> list[Window]:
        """Hear `pcm`, whose last sample was spoken at `end_ms`. Returns the windows of an utterance it completed."""
        pending = np.concatenate((self._pending, pcm)) if len(self._pending) else pcm
        windows: list[Window] = []
        while len(pending) >= WINDOW_SAMPLES:
            window, pending = pending[:WINDOW_SAMPLES], pending[WINDOW_SAMPLES:]
            at_ms = end_ms - len(pending) * 1000 / SAMPLE_RATE_HZ
            heard = self._hear(window, at_ms)
            if heard:
                windows.append(heard)
        self._pending = pending.copy()
        return windows

    @property
    def length(self) -> int:
        """Windows of the utterance under way, its pre-roll included, whether they are still kept or not."""
        return self._length

    @property
    def spoken_length(self) -> int:
        """Windows of the utterance up to where the level last was that of speech."""
        return self._length - self._level.quiet_ms // WINDOW_MS

    def sound(self, since: int = 0) -> Pcm:
        """The utterance under way from window `since` on, with the pause at its end so far."""
        dropped = self._length - len(self._sound)
        kept = list(self._sound)[max(0, since - dropped) :]
        return np.concatenate([window.pcm for window in kept]) if kept else np.empty(0, np.int16)

    def evidence(self) -> Evidence:
        """How much of `sound()` is speech."""
        voiced = [w.probability for w in self._sound if w.probability >= self._policy.stop_threshold]
        return Evidence(len(voiced) * WINDOW_MS, sum(voiced) / len(voiced) if voiced else 0.0)

    def close(self) -> None:
        """Forget the utterance under way; speech that goes on is a new one."""
        if self._open:
            self._recent.extend(list(self._sound)[-(self._recent.maxlen or 1) :])
        self._open = False
        self._sound.clear()
        self._onset_ms = 0

    def _hear(self, window: Pcm, at_ms: float) -> Window | None:
        probability = self._probability(window)
        if not self._open:
            self._recent.append(_Heard(window, probability))
            self._onset_ms = self._onset_ms + WINDOW_MS if probability >= self._policy.start_threshold else 0
            if self._onset_ms < self._policy.start_ms:
                return None
            self._begin(at_ms)
        else:
            self._sound.append(_Heard(window, probability))
            self._length += 1
            self._level.follow(window)
            self._follow(probability, at_ms)
        quiet_ms = self._level.quiet_ms
        return Window(
            self._number, self._voiced_ms, self._silence_ms, self._stopped_ms, at_ms, quiet_ms, self._stirring
        )

    def _probability(self, window: Pcm) -> float:
        """The detector's, except in the silence that a transport makes up for somebody who does not send.

        It costs a fifth of all that a room costs, and most people in a room say nothing at most times.
        """
        self._nothing = 0 if window.any() else self._nothing + 1
        if self._open or self._nothing <= _FADE_WINDOWS:
            return self._vad.probability(window)
        return 0.0

    def _begin(self, at_ms: float) -> None:
        self._open = True
        self._number += 1
        self._sound.extend(self._recent)
        self._length = len(self._sound)
        self._began_ms = at_ms - self._length * WINDOW_MS
        self._level = LevelTracker()
        for heard in self._recent:
            self._level.follow(heard.pcm)
        self._recent.clear()
        self._voiced_ms, self._silence_ms, self._stopped_ms = self._onset_ms, 0, at_ms
        self._onset_ms = 0

    def _follow(self, probability: float, at_ms: float) -> None:
        if probability >= self._threshold():
            self._voiced_ms = self._voiced_ms + WINDOW_MS if not self._silence_ms else WINDOW_MS
            self._silence_ms = 0
            self._stopped_ms = at_ms
            self._stirring = False
            return
        if self._silence_ms == 0:
            self._stopped_ms = at_ms - trailing_silence_ms(self.sound())
            self._voiced_ms = 0
            self._pause.begin()
            self._probability_before = 1.0
        self._silence_ms = max(1, round(at_ms - self._stopped_ms))
        rises = self._pause.rises(self._level.loudest, self._silence_ms)
        self._stirring = rises or probability >= max(_STIRRING, self._probability_before)
        self._probability_before = probability

    def _threshold(self) -> float:
        """The probability from which this window counts as speech."""
        threshold = self._policy.start_threshold if self._silence_ms else self._policy.stop_threshold
        if self._level.quiet_ms >= self._policy.quiet_ms:
            return _CERTAIN
        return max(threshold, self._policy.quiet_threshold) if self._level.quiet_ms >= _QUIET_MS else threshold
