"""The frames that are ours; everything else on the pipeline is Pipecat's own.

What stages say *about* a turn are system frames: they overtake whatever is queued. What a reply is made of (text,
marks between its sounds) are data frames: they keep their order, and an interruption drops them. `at_ms` is always
milliseconds on the session's clock (`processors.clock.SessionClock`).
"""

from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, SystemFrame, TTSAudioRawFrame, UserAudioRawFrame

from processors.floor import Heard, UtteranceRef
from processors.speaking.pronunciation import Respelled
from processors.words import Word


class SpeakerAudioFrame(UserAudioRawFrame):
    """20 ms of one speaker: 16 kHz mono int16. `user_id` is who."""

    # Pipecat formats every frame into a trace message on each hop, even when nobody reads it.
    def __str__(self) -> str:
        return "SpeakerAudio"


class ReplyAudioFrame(TTSAudioRawFrame):
    """Sound of the reply: mono int16 at the transport's output rate."""

    def __str__(self) -> str:
        return "ReplyAudio"


@dataclass
class SpeakerLeftFrame(SystemFrame):
    """No more audio comes from this speaker."""

    speaker: str


@dataclass
class VoicedFrame(SystemFrame):
    """One more window of an utterance in which its speaker was talking."""

    ref: UtteranceRef
    voiced_ms: int
    """How long the speaker has been talking since the last pause."""
    at_ms: float


@dataclass
class SilentFrame(SystemFrame):
    """One more window of an utterance in which its speaker was silent."""

    ref: UtteranceRef
    silence_ms: int
    """Silence so far."""
    stopped_ms: float
    """When the last voiced sample was spoken."""
    at_ms: float
    stirring: bool = False
    """Something begins that may be the next word."""


@dataclass
class TranscribedFrame(SystemFrame):
    """What the speech-to-text engine heard in an utterance, as asked for by `request`."""

    ref: UtteranceRef
    request: int
    text: str
    at_ms: float
    judging: bool = False
    """Whether a `CompletenessFrame` for the same request follows, or has come already."""
    words: tuple[Word, ...] = ()
    """The words of `text` by media time; empty if the engine does not know when each was said."""


@dataclass
class CompletenessFrame(SystemFrame):
    """How finished an utterance sounds, as asked for by `request`."""

    ref: UtteranceRef
    request: int
    probability: float
    """0-1."""


@dataclass
class PartialFrame(SystemFrame):
    """Words transcribed ahead: probably the beginning of what will be said in this utterance."""

    ref: UtteranceRef
    text: str
    still: bool = False
    """Nothing was said behind them while they were being transcribed: they may be all."""


@dataclass
class TranscribeFrame(SystemFrame):
    """Upstream to hearing: transcribe this utterance as it stands."""

    ref: UtteranceRef
    request: int
    turn: int
    """The turn under way, for the log."""


@dataclass
class CloseUtteranceFrame(SystemFrame):
    """Upstream to hearing: this utterance is dealt with; what comes next is a new one."""

    ref: UtteranceRef


@dataclass
class SpeculateFrame(SystemFrame):
    """Prepare a reply, unheard."""

    turn: int
    attempt: int
    heard: tuple[Heard, ...]
    at_ms: float
    persona: str | None = None
    """Who is to answer; set by the thinking gate."""
    wait_ms: float = 0.0
    """For how much longer the silence is waited for before the reply may be heard, as far as is known."""


@dataclass
class AnnounceFrame(SystemFrame):
    """Asks turn-taking to have something said as soon as the floor is free."""

    text: str
    persona: str = ""
    """Id of the character in whose voice; empty for the room's own."""


@dataclass
class GiveUpFrame(SystemFrame):
    """Asks turn-taking to close the turn that has been open for too long."""

    reason: str


@dataclass
class SayFrame(SystemFrame):
    """Speak this text now; nobody asked a question."""

    turn: int
    attempt: int
    text: str
    at_ms: float
    persona: str = ""
    """Id of the character in whose voice; empty for the room's own."""


@dataclass
class VerdictFrame(SystemFrame):
    """Upstream from the thinking gate: whether this attempt is to be answered."""

    attempt: int
    answer: bool
    reason: str


@dataclass
class DiscardFrame(SystemFrame):
    """The attempt was a wrong guess: drop all that was prepared for it."""

    attempt: int


@dataclass
class ConfirmFrame(SystemFrame):
    """The turn is over: what was prepared may be heard."""

    turn: int
    attempt: int
    started_ms: float
    """When the turn's first voiced sample was spoken."""
    stopped_ms: float
    """When its last voiced sample was spoken."""
    at_ms: float


@dataclass
class InterruptedFrame(SystemFrame):
    """Somebody took the floor from the bot; Pipecat's own interruption follows."""

    attempt: int
    by: str
    at_ms: float


@dataclass
class TurnClosedFrame(SystemFrame):
    """A turn ended without a reply."""

    turn: int
    heard: tuple[Heard, ...]
    started_ms: float
    stopped_ms: float
    reason: str


@dataclass
class ReplyTextFrame(DataFrame):
    """A piece of the reply as the language model streams it."""

    attempt: int
    text: str
    at_ms: float


@dataclass
class ReplyTextEndFrame(DataFrame):
    """The language model has finished this reply."""

    attempt: int
    cut_short: bool
    """Whether it ran into its token limit, so that its last sentence may lack its end."""
    at_ms: float


@dataclass
class ClauseSpokenFrame(DataFrame):
    """A mark in front of a clause's sound; it reaches the play-out accountant when that sound is about to play."""

    attempt: int
    text: str
    """The clause as written."""
    duration_ms: float
    lead_ms: float
    """Silence in front of its first audible sample."""
    cut_ms: float
    """When the clause was cut from the stream of tokens."""
    ready_ms: float
    """When its first sound was ready."""
    respelled: tuple[Respelled, ...] = ()
    """Where `text` sounds shorter or longer than it looks."""


@dataclass
class ReplySpokenFrame(DataFrame):
    """A mark behind the last sound of a reply."""

    attempt: int
    said: str
    """The whole reply as written."""


@dataclass
class ReplyAudibleFrame(SystemFrame):
    """Upstream from play-out: the first sound of the reply has left."""

    attempt: int
    at_ms: float
    """When its first packet left."""
    first_audio_ms: float
    """When its first audible sample played."""


@dataclass
class SayingFrame(SystemFrame):
    """Upstream from play-out: the sound of this clause begins."""

    attempt: int
    text: str


@dataclass
class ReplyPlayedFrame(SystemFrame):
    """Upstream from play-out: the reply is over, to its end or cut short."""

    attempt: int
    spoken: str
    """The words that were really played."""
    complete: bool
    at_ms: float
    """When the last sound had played."""
    gap_ms: float = 0.0
    """Silence (ms) between its clauses that nobody wrote: the next one was not ready."""


@dataclass
class ReplyFailedFrame(SystemFrame):
    """Upstream: a stage could not make this reply, or not all of it. `ReplyPlayedFrame` follows all the same."""

    attempt: int
    reason: str
