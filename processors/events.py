"""What travels on the bus: text-sized, one dataclass a message, never audio."""

from dataclasses import dataclass, field

from pipecat.bus import BusDataMessage

from processors.floor import Heard
from processors.memory.port import Scene, Utterance

STAGES = ("vad_stop", "stt_final", "llm_first_token", "first_clause", "tts_first_audio", "out_first_packet")
"""The stages of a turn, in the order they are passed."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """All that is known of a turn once it is over. Times are milliseconds on the session's clock."""

    turn: int
    heard: tuple[Heard, ...]
    said: str = ""
    """The whole reply as written."""
    spoken: str = ""
    """The words of it that were really played."""
    reason: str = ""
    """Why there was no reply, or not all of it."""
    started_ms: float = 0.0
    """The first voiced sample."""
    stopped_ms: float = 0.0
    """The last voiced sample."""
    confirmed_ms: float | None = None
    """When the end of the turn was certain."""
    first_audio_ms: float | None = None
    """When the first audible sample of the reply was played."""
    spoken_until_ms: float | None = None
    """When the last sample of the reply was played."""
    gap_ms: float = 0.0
    """Silence within the reply because a clause was not ready when the one before had played."""
    interrupted_ms: float | None = None
    interrupted_by: str | None = None
    attempts: int = 0
    """How many replies were prepared for it, the one that was played included."""
    stages: dict[str, float] = field(default_factory=dict)
    """When each of `STAGES` was passed."""
    persona: str = ""
    """Id of the character whose words it read out; empty for the room's own character."""

    @property
    def answered(self) -> bool:
        """Whether any of the reply was played."""
        return self.first_audio_ms is not None

    @property
    def v2v_ms(self) -> float | None:
        """Voice to voice: from the last voiced sample to the first audible one of the reply."""
        return None if self.first_audio_ms is None else self.first_audio_ms - self.stopped_ms


@dataclass(kw_only=True)
class TurnFinished(BusDataMessage):
    """A turn is over: played, cut short, or closed without a reply."""

    record: TurnRecord


@dataclass(kw_only=True)
class VoiceTurn(BusDataMessage):
    """A turn that is over, told to the workers beside the rooms: the text side shares the voice side's mind."""

    guild_id: str
    persona_id: str
    """The character that was spoken with."""
    heard: tuple[Utterance, ...]
    reply: Utterance | None
    """The words that were really played; None when there were none."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, as its sender announces it. It is fetched when its message's turn has come."""

    name: str
    url: str
    media_type: str
    bytes: int


@dataclass(kw_only=True)
class TextMessage(BusDataMessage):
    """Somebody wrote something. Each of `characters` answers it once, in turn; with none it is only remembered."""

    key: str
    """Unique: a message that comes twice is answered once."""
    scene: Scene
    written: Utterance | None
    """None when nobody wrote, and the character speaks by itself."""
    characters: tuple[str, ...] = ()
    """Ids of those who answer, in their order."""
    attachments: tuple[Attachment, ...] = ()
    """The pictures that came with it."""
    about_picture: bool = False
    """It asks what a picture shows: without sight there is nothing to answer."""
    for_anybody: bool = False
    """It called no character: what one cannot answer is passed over in silence."""
    unbidden: str = ""
    """What moves the character to speak by itself."""
    company: tuple[str, ...] = ()
    """Ids of the other characters it then speaks with."""


@dataclass(kw_only=True)
class TextReply(BusDataMessage):
    """A piece of an answer. Pieces come in order, and the answers to one message one after the other."""

    to: str
    """Key of the message that is answered."""
    character: str
    text: str = ""
    """What is to be added to the answer so far."""
    done: bool = False
    """Nothing more of this character comes."""
    whole: str = ""
    """With `done`: the answer as it is to stand."""
    trouble: str = ""
    """With `done`: why there is no answer, or not all of it, in words for people."""
    error: str = ""
    """The same for whoever runs the bot: it may name settings."""
    last: bool = False
    """With `done`: no other character answers after this one."""


@dataclass(kw_only=True)
class TextCancel(BusDataMessage):
    """Stop answering: one message, or whatever a scene still waits for."""

    scene: Scene
    to: str = ""
    """Key of the message; empty for all of the scene's."""
