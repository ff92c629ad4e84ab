"""From a replay to its report files."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from personas.profile import CharacterProfile
from pipeline.replay import Replay, Speed
from pipeline.report import Input, Report, report_turn, summarise, this_machine, write_json
from pipeline.settings import Settings
from processors.errors import AudioError


def check_writable(*paths: Path | None) -> None:
    """Refuse, before any work is done, a report that could not be written afterwards.

    Raises:
        AudioError: the folder of one is missing or closed; names it.
    """
    for path in paths:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise AudioError(f"Cannot write {path}: there is no folder {path.parent}")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise AudioError(f"Cannot write {path}: permission denied, or it is a folder")


def write_reports(
    replay: Replay,
    settings: Settings,
    character: CharacterProfile,
    inputs: Mapping[str, str],
    speed: Speed,
    *,
    json_path: Path | None = None,
    html_path: Path | None = None,
    chart_path: Path | None = None,
) -> Report:
    """Build the report and write the files asked for. `inputs` says, by speaker, where the sound came from.

    Raises:
        AcoreError: a file cannot be written; names it.
    """
    turns = tuple(report_turn(record) for record in replay.turns)
    report = Report(
        created=datetime.now(UTC),
        acore=version("acore"),
        machine=this_machine(),
        engines={
            "vad": "silero",
            "stt": settings.hearing.engine,
            "llm": f"{settings.language.provider} {settings.language.embedded_model}".strip(),
            "tts": settings.speaking.engine,
        },
        settings={
            "persona": character.id,
            **{f"turns.{name}": value for name, value in settings.turns.model_dump().items()},
        },
        speed=speed,
        inputs=tuple(
            Input(speaker=name, file=Path(source).name, duration_s=replay.audio_s) for name, source in inputs.items()
        ),
        turns=turns,
        totals=summarise(turns, audio_s=replay.audio_s, wall_s=replay.wall_s),
    )
    if json_path:
        write_json(report, json_path)
    if html_path:
        from pipeline.report.html import write_html

        write_html(report, html_path, audio=replay.outputs[0] if replay.outputs else None)
    if chart_path:
        from pipeline.report.chart import write_chart

        write_chart(report, chart_path)
    return report
