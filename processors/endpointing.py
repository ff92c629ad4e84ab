"""When a turn is over, and whether speech over the bot means anything: decisions on silence and words alone.

The required silence follows the words: a finished sentence needs little, an unfinished one more, and a sentence that
hangs on a connector or a filler ("and", "um", "because") the most. Reading completeness off the transcript is the
oldest cue in the endpointing literature (Raux & Eskenazi 2009, "A finite-state turn-taking model"). How finished it
sounds is heard beside that, and both are taken at the speaker's own pace.
"""

import math
import re
from difflib import SequenceMatcher
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from processors.odds import log_odds
from processors.setting_names import Follows, SettingsGroup

Profile = Literal["snappy", "balanced", "patient"]


class TurnPolicy(SettingsGroup):
    """When a turn is over. A profile sets the three silences; each can still be set by itself."""

    profile: Profile = "balanced"
    """snappy answers sooner and cuts in more often, patient the other way round; balanced is between them."""
    eager_ms: int = Field(default=96, ge=32, le=1000)
    """Silence (ms) after which the words are transcribed and a reply is prepared, unheard."""
    complete_ms: Annotated[int, Follows("profile")] = Field(default=224, ge=64, le=5000)
    """Silence (ms) that ends a turn whose words form a finished sentence. Silence is noticed in steps of 32 ms."""
    open_ms: Annotated[int, Follows("profile")] = Field(default=480, ge=64, le=5000)
    """Silence (ms) that ends a turn whose words do not end a sentence, or one that sounds no more finished than
    `unsure`; from there up to `sure` it shrinks to `complete_ms`."""
    trailing_ms: Annotated[int, Follows("profile")] = Field(default=1100, ge=64, le=10000)
    """Silence (ms) that ends a turn hanging on a connector, a filler, a comma or dictated digits."""
    doubtful_ms: Annotated[int, Follows("profile")] = Field(default=950, ge=64, le=10000)
    """Silence (ms) that ends a turn whose words may be its end, but which sounds certain (0.01) to go on; from there up
    to `unsure` it shrinks to `open_ms`."""
    sure: float = Field(default=0.95, ge=0.0, le=1.0)
    """How finished (0-1) a turn must sound to be over after `complete_ms`; see HEARING_TURN_END."""
    sure_question: float = Field(default=0.5, ge=0.0, le=1.0)
    """The same for a question: its words say more about its end than its melody does."""
    unsure: float = Field(default=0.3, ge=0.0, le=1.0)
    """How finished (0-1) a turn must sound to be over after `open_ms`; a question always is."""
    habit: float = Field(default=1.5, ge=1.0, le=3.0)
    """How much longer these silences may become for a speaker whose pauses are long; 1 treats all alike. For one whose
    pauses are short they shrink half as far (by its square root): a wait is forgiven sooner than a cut."""
    empty_ms: int = Field(default=800, ge=64, le=10000)
    """Silence (ms) after which a turn without words (a cough, noise) is closed unanswered."""
    barge_in_ms: int = Field(default=400, ge=64, le=5000)
    """Speech (ms) over the bot after which its words decide whether it takes the floor."""
    gate_deadline_ms: int = Field(default=150, ge=0, le=5000)
    """How long (ms) past the end of a turn the thinking gate may still decide; then the turn is answered."""

    @model_validator(mode="before")
    @classmethod
    def _begin_from_the_profile(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {**_PROFILES.get(str(values.get("profile", "")), {}), **values}
        return values


_PROFILES: dict[str, dict[str, int]] = {
    "snappy": {"complete_ms": 192, "open_ms": 420, "doubtful_ms": 700, "trailing_ms": 850},
    "patient": {"complete_ms": 850, "open_ms": 1000, "doubtful_ms": 1300, "trailing_ms": 1800},
}


_HOPELESS = 0.01
"""Who sounds less finished than this goes on for certain."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*", re.UNICODE)

_TRAILING = frozenset(
    """a an the and or but so because if when while although though unless until since that which who whose of to in on
    at by for with from into about against between toward towards upon within among as than then my your his her its
    our their is are was were am be been i'm you're we're they're it's i you we they very really um uh erm er hmm
    well like plus minus""".split()
)
"""Words an English sentence does not end on, and fillers."""

_DIGITS = frozenset("0 1 2 3 4 5 6 7 8 9 zero oh one two three four five six seven eight nine double".split())
_SEVERAL_DIGITS = re.compile(r"[0-9]{3,}")
"""Said one by one, engines write them as one word."""
_CLOSING = "\"'”’)] "

_PREPOSITIONS = frozenset("of to in on at by for with from into about against between toward towards than".split())
"""Questions end on them: "Where are you from?"."""

_ENDS_ALONE = frozenset(
    {"that", "well", "like", "then", "you", "i", "we", "they", "is", "are", "was", "am", "to", "in", "on"}
)
"""Trailing words that do end a sentence when the engine heard it end ("How are you?", "Come on in.")."""

_BACK_CHANNELS = frozenset(
    """mm mmm mhm mm-hm mm-hmm mmhm mhmm hm hmm uh-huh uhuh uh huh aha ah oh ooh wow yeah yep yup yes ok okay right
    sure really nice cool great haha ha heh hehe lol true indeed exactly mum um-hum uh-hum""".split()
)
"""Among them what engines make of a hum ("Mum.")."""
_TAKES_THE_FLOOR = frozenset(
    "stop wait no hey what why sorry please hold hang pause quiet shut enough but never excuse listen".split()
)
"""Words that are meant to stop whoever talks, said alone or nearly so."""
_BRIEF_MS = 650
"""Two words that take no longer signal listening, and so does half a word that is heard as two ("Uh-huh": "If I")."""
_BACK_CHANNEL_PHRASES = frozenset({"i see", "got it", "i know", "of course", "oh really", "no way", "all right"})
_MOST_BACK_CHANNEL_WORDS = 4
_MOST_LETTERS_PER_S = 20
"""Quick speech; the quickest utterance measured for `processors.hearing.plausibility` had 23."""
_ECHO_SHARE = 0.6
"""An echo is garbled; somebody who speaks of what the bot says shares fewer words with it, and in another order."""


def words_of(text: str) -> list[str]:
    """The words of a transcript, lower case, without punctuation."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def required_silence_ms(
    text: str, policy: TurnPolicy, *, judging: bool = False, completeness: float | None = None, pace: float = 1.0
) -> int:
    """The silence (ms) that ends a turn whose last words are `text`.

    Args:
        text: the transcript.
        policy: the silences to choose from.
        judging: how finished it sounds is still being judged; until then nothing counts as finished.
        completeness: how finished it sounds (0-1), if that was judged. Words and sound must agree that it is over.
        pace: how long this speaker's pauses are against other people's.
    """
    if not words_of(text):
        return policy.empty_ms
    return max(policy.eager_ms, round(pace * _silence_by_cues(text, policy, judging, completeness)))


def _silence_by_cues(text: str, policy: TurnPolicy, judging: bool, completeness: float | None) -> int:
    if completeness is None:
        by_words = _silence_by_words(text, policy)
        return max(by_words, policy.open_ms) if judging else by_words
    question = text.rstrip(_CLOSING).endswith("?")
    sure = policy.sure_question if question else policy.sure
    if completeness >= sure:
        # A hanging word that sounds final was more likely misheard, and a comma set too early.
        return min(_silence_by_words(text, policy, ended=True), policy.open_ms)
    by_words = _silence_by_words(text, policy, believed=question)
    if question and completeness < policy.unsure:
        # One whose words are complete hangs in the air by its nature.
        return max(by_words, policy.open_ms)
    return max(by_words, _silence_by_sound(completeness, policy, sure))


def _silence_by_sound(completeness: float, policy: TurnPolicy, sure: float) -> int:
    """The silence (ms) that the sound asks for: the less finished it is, the longer, without a step.

    Straight lines over the log-odds between the three silences that are set.
    """
    if completeness >= policy.unsure:
        share = _share(completeness, policy.unsure, sure)
        return round(policy.open_ms + share * (policy.complete_ms - policy.open_ms))
    share = _share(completeness, _HOPELESS, policy.unsure)
    return round(policy.doubtful_ms + share * (policy.open_ms - policy.doubtful_ms))


def _share(completeness: float, low: float, high: float) -> float:
    """How far (0-1) `completeness` lies on the way from `low` to `high`, by log-odds."""
    at, begin, end = (log_odds(probability) for probability in (completeness, low, high))
    return min(1.0, max(0.0, (at - begin) / (end - begin))) if end > begin else 0.0


def _silence_by_words(text: str, policy: TurnPolicy, *, believed: bool = True, ended: bool = False) -> int:
    """The silence (ms) that words alone ask for.

    Args:
        believed: the mark behind the last word stands for an end, even where few sentences end ("The movie was.").
        ended: it sounds like an end, whether there is a mark yet or not: words may be written down before there is.
    """
    words = words_of(text)
    stripped = text.rstrip(_CLOSING)
    ends_sentence = stripped.endswith((".", "!", "?")) and not stripped.endswith(("...", "…"))
    if stripped.endswith((",", "-", "…", "...")):
        return policy.trailing_ms
    may_end = _ENDS_ALONE | _PREPOSITIONS if stripped.endswith("?") else _ENDS_ALONE
    if words[-1] in _TRAILING and not (ends_sentence and believed and words[-1] in may_end):
        return policy.trailing_ms
    if len(words) > 1 and (all(word in _DIGITS for word in words[-2:]) or _SEVERAL_DIGITS.fullmatch(words[-1])):
        # Somebody dictates a number: nobody knows how long it is.
        return policy.open_ms if ends_sentence else policy.trailing_ms
    return policy.complete_ms if ends_sentence or ended else policy.open_ms


def is_back_channel(text: str, spoken_ms: float = math.inf) -> bool:
    """Whether words said over the bot only signal listening ("mm-hm", "yeah", laughter) or are no words at all.

    Args:
        text: the transcript.
        spoken_ms: how long they took.
    """
    words = words_of(text)
    if len(words) > _MOST_BACK_CHANNEL_WORDS:
        return False
    if len(words) == 1 or (len(words) == 2 and spoken_ms <= _BRIEF_MS):
        # So little over the bot is a sound of listening, or noise, more often than a wish to speak.
        return _TAKES_THE_FLOOR.isdisjoint(words)
    return " ".join(words) in _BACK_CHANNEL_PHRASES or all(word in _BACK_CHANNELS for word in words)


def is_premature(text: str, spoken_ms: float) -> bool:
    """Whether these are more words than can have been said: half a word is heard as several ("Oh, w-": "You will").

    Not when the first is meant to stop whoever talks: it is not what half a word is taken for, and is obeyed at once.
    """
    if not _TAKES_THE_FLOOR.isdisjoint(words_of(text)[:1]):
        return False
    return sum(char.isalpha() for char in text) > _MOST_LETTERS_PER_S * spoken_ms / 1000


def is_echo(text: str, saying: str) -> bool:
    """Whether words heard over the bot are what it says itself, out of somebody's loudspeaker."""
    words = words_of(text)
    blocks = SequenceMatcher(None, words, words_of(saying), autojunk=False).get_matching_blocks()
    if len(words) < 3:
        # So few may be found anywhere: they must stand side by side there.
        return bool(words) and max(block.size for block in blocks) == len(words)
    return sum(block.size for block in blocks) >= _ECHO_SHARE * len(words)
