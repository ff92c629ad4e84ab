"""The shape of `report.json`, versioned. `report.schema.json` beside this file is generated from these models:

    python -c "from pipeline.report import schema_document; print(schema_document(), end='')" > report.schema.json

Times are milliseconds on the timeline of the recording, whose zero is its first sample.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from personas.errors import AcoreError
from pipeline.report.files import write_atomically

REPORT_VERSION = 1


class _Model(BaseModel):
    # No NaN: JSON has none.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Machine(_Model):
    """Where the conversation was held."""

    cpu: str
    """Model of the processor."""
    cores: int = Field(ge=1)
    """Processor cores this process may use."""
    system: str
    """Operating system and architecture."""
    python: str
    packages: dict[str, str]
    """Versions of the packages that decide the figures."""


class Input(_Model):
    """One sound file that was played."""

    speaker: str
    file: str
    """File name, without its folder."""
    duration_s: float = Field(ge=0)


class Stages(_Model):
    """When each stage of a turn was passed; null when it was not."""

    vad_stop: float | None = None
    """The end of speech was noticed."""
    stt_final: float | None = None
    """The transcript the answer is based on was ready."""
    llm_first_token: float | None = None
    first_clause: float | None = None
    """The first clause of the reply was complete."""
    tts_first_audio: float | None = None
    """The first sound of that clause was synthesised."""
    out_first_packet: float | None = None
    """The first packet of the reply left."""


class HeardWord(_Model):
    """One word that was understood."""

    speaker: str
    text: str
    start_ms: float
    """Its first sound."""
    end_ms: float
    """Its last sound."""


class Interruption(_Model):
    """Somebody talked over the bot, and it stopped."""

    at_ms: float
    by: str
    """The speaker."""


class Turn(_Model):
    """Somebody spoke, and the bot answered or had a reason not to."""

    id: int
    speaker: str
    """Whose words began the turn."""
    speakers: tuple[str, ...]
    """Everybody whose words are in it, in order."""
    heard: str
    """What was understood; several speakers are given one line each, as "name: words"."""
    heard_words: tuple[HeardWord, ...] = ()
    """The words of `heard`, speaker by speaker; empty where the engine does not say when each was spoken."""
    said: str = ""
    """The full text of the reply."""
    spoken: str = ""
    """The words of it that were really played."""
    answered: bool
    reason: str = ""
    """Why there was no reply, or not all of it."""
    user_started_ms: float
    """The first voiced sample."""
    user_stopped_ms: float
    """The last voiced sample."""
    end_confirmed_ms: float | None = None
    """When the end of the turn was certain; nothing is audible before."""
    first_audio_ms: float | None = None
    """The first audible sample of the reply."""
    v2v_ms: float | None = None
    """Voice to voice: from the last voiced sample to the first audible one of the reply."""
    stages: Stages = Stages()
    attempts: int = Field(default=0, ge=0)
    """Replies prepared for the turn; all but the one that was played were discarded."""
    interrupted: Interruption | None = None
    spoken_until_ms: float | None = None
    """The last sample of the reply that was played."""
    gap_ms: float = Field(default=0.0, ge=0)
    """Silence within the reply because a clause was not ready when the one before had played."""


class Percentiles(_Model):
    """How long something took."""

    count: int = Field(ge=1)
    p50_ms: float
    p95_ms: float


class Totals(_Model):
    """The conversation in figures."""

    turns: int = Field(ge=0)
    answered: int = Field(ge=0)
    v2v: Percentiles | None = None
    """Over the answered turns."""
    stages: dict[str, Percentiles] = {}
    """Duration of each segment of the waterfall, over the turns that have it."""
    interruptions: int = Field(ge=0)
    audio_s: float = Field(ge=0)
    """Length of the recording."""
    wall_s: float = Field(ge=0)
    """How long it took."""
    rss_mb: float | None = Field(ge=0)
    """The most memory the process has held; null where the system does not tell."""


class Report(_Model):
    """A conversation, turn by turn."""

    version: Literal[1] = REPORT_VERSION
    """Version of this schema: raised when a field changes its meaning or goes."""
    created: datetime
    acore: str
    """Version of Acore."""
    machine: Machine
    engines: dict[str, str]
    """Engine and model by what it does (vad, stt, llm, tts ...)."""
    settings: dict[str, str | int | float | bool | None]
    """The settings that decide the figures, by dotted name."""
    speed: Literal["realtime", "fast"]
    """Whether the timeline is wall time or a virtual clock."""
    inputs: tuple[Input, ...]
    turns: tuple[Turn, ...]
    totals: Totals


def schema_document() -> str:
    """Return the JSON Schema of a report, as `report.schema.json` holds it."""
    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2) + "\n"


def write_json(report: Report, path: Path) -> None:
    """Write `report` to `path`, whole or not at all. Raises AcoreError naming the file."""
    write_atomically(path, (report.model_dump_json(indent=2) + "\n").encode())


def load_report(path: Path) -> Report:
    """Read a report. Raises AcoreError naming the file when it cannot be read or is of another version."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AcoreError(f"Cannot read {path}: {error.strerror or error}") from error
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}" if where else first["msg"]
        raise AcoreError(f"{path} is not a report of version {REPORT_VERSION}: {detail}") from error
