"""Whether words can have been said at all, given how much speech there was.

A speech-to-text engine answers music, a bark or a chair with words: it was trained on sound that always held some.
Two things give such words away. The detector was never sure of speech: over the windows it calls speech, its mean
probability was 0.84 or more for every utterance of human speech measured down to 5 dB above noise or music, and 0.5 to
0.87 for a synthesiser that sings vowels. And there are more words than anybody could say in that time: human speech
had at most 23 letters in a second of voiced sound, words made up from music 15 to 78. Singing the detector is as sure
of as of noisy speech still passes; whoever speaks over loud music (0 dB) may be lost, and was not understood anyway.
"""

from pydantic import Field

from processors.hearing.ear import Evidence
from processors.setting_names import SettingsGroup


class PlausibilityPolicy(SettingsGroup):
    """When a transcript is taken for made up. 0 turns a rule off."""

    least_certainty: float = Field(default=0.75, ge=0.0, le=1.0)
    """Mean speech probability (0-1) an utterance needs over its windows of speech."""
    most_letters_per_s: float = Field(default=30.0, ge=0.0, le=1000.0)
    """Letters that can be said in a second (s) of speech; a few more are always allowed, for very short answers."""


_SHORT_ANSWER_LETTERS = 6
"""The detector hears the middle of a short word: "Yes." may have 100 ms of voiced sound."""


def doubt(text: str, evidence: Evidence, policy: PlausibilityPolicy) -> str:
    """Why `text` cannot be what was said; empty when it can. The reason holds none of its words."""
    letters = sum(char.isalpha() for char in text)
    if not letters:
        return ""
    if evidence.certainty < policy.least_certainty:
        return f"the sound is hardly speech (certainty {evidence.certainty:.2f}, HEARING_PLAUSIBILITY_LEAST_CERTAINTY)"
    most = _SHORT_ANSWER_LETTERS + policy.most_letters_per_s * evidence.voiced_ms / 1000
    if policy.most_letters_per_s and letters > most:
        return (
            f"{letters} letters in {evidence.voiced_ms} ms of speech are more than anybody says"
            " (HEARING_PLAUSIBILITY_MOST_LETTERS_PER_S)"
        )
    return ""
