"""`acore replay` and `acore demo`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_state import State
from processors.errors import AudioError, SettingError

if TYPE_CHECKING:
    from pipeline.replay import Replay


class Speed(StrEnum):
    """How fast a replay runs."""

    REALTIME = "realtime"
    FAST = "fast"


def replay(
    context: typer.Context,
    wav: Annotated[Path | None, typer.Argument(metavar="[INPUT.wav]", help="What one person says.")] = None,
    speaker: Annotated[
        list[str] | None,
        typer.Option("--speaker", metavar="NAME=FILE", help="What NAME says; repeat it for several people at once."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="OUT.wav", help="Write what the bot says.")] = None,
    stereo: Annotated[
        bool, typer.Option("--stereo", help="Write people on the left and the bot on the right, on one timeline.")
    ] = False,
    report: Annotated[Path | None, typer.Option("--report", metavar="R.json", help="Write all figures.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="R.html", help="Write the report as a page.")] = None,
    speed: Annotated[Speed, typer.Option("--speed", help="realtime, or fast: waiting is skipped.")] = Speed.REALTIME,
    persona: Annotated[str | None, typer.Option("--persona", help="Character by name, or a card's path.")] = None,
) -> None:
    """Play sound files to the bot and hear what it answers.

    Any PCM WAV will do. `acore replay question.wav --out answer.wav --stereo` is a good start.
    """
    state: State = context.obj
    settings = state.load()
    files = _speakers(wav, speaker or [])
    if stereo and out is None:
        raise SettingError("--stereo needs --out OUT.wav, the file to write")

    from contextlib import ExitStack

    from pipeline.characters import chosen_character
    from pipeline.conversation_log import ConversationLog
    from pipeline.replay import run_replay
    from pipeline.replay_report import check_writable, write_reports
    from transports.wav_file import WavReader

    character = chosen_character(settings, persona or "")
    check_writable(report, html)
    log = ConversationLog(character.name)
    with ExitStack() as opened:
        sources = {name: opened.enter_context(WavReader(path)) for name, path in files.items()}
        result = run_replay(sources, settings, character, speed=speed.value, out=out, stereo=stereo, on_turn=log.turn)
    inputs = {name: str(path) for name, path in files.items()}
    written = write_reports(result, settings, character, inputs, speed.value, json_path=report, html_path=html)
    log.end(written, *result.outputs, *(path for path in (report, html) if path))
    _exit(result)


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the recording and the report.")] = Path("demo-out"),
    speed: Annotated[Speed, typer.Option("--speed", help="realtime, or fast: waiting is skipped.")] = Speed.REALTIME,
) -> None:
    """Play a conversation through the whole pipeline and leave its recording and figures in a folder.

    Needs no account, no GPU and no service; the models are fetched on the first run.
    """
    state: State = context.obj
    settings = state.load()

    from pipeline.characters import chosen_character
    from pipeline.cli_models import pull_models
    from pipeline.conversation_log import ConversationLog
    from pipeline.demo import Visitor, speak_lines
    from pipeline.engines import model_store, models_needed
    from pipeline.replay import run_replay
    from pipeline.replay_report import write_reports

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"Cannot write the folder {folder}: {error.strerror}") from None
    character = chosen_character(settings)
    log = ConversationLog(character.name)
    store = model_store(settings)
    pull_models(store, [*models_needed(settings), "hibari-heart"])
    lines = speak_lines(store)
    result = run_replay(
        lambda room: {"visitor": Visitor(lines, room)},
        settings,
        character,
        speed=speed.value,
        out=folder / "conversation.wav",
        stereo=True,
        on_turn=log.turn,
    )
    report, page, picture = (folder / f"report.{kind}" for kind in ("json", "html", "png"))
    inputs = {"visitor": "lines of the demo, spoken by the embedded voice"}
    written = write_reports(
        result, settings, character, inputs, speed.value, json_path=report, html_path=page, chart_path=picture
    )
    log.end(written, *result.outputs, report, page, picture)
    _exit(result)


def _exit(result: "Replay") -> None:
    if result.interrupted:
        raise typer.Exit(130)


def _speakers(wav: Path | None, named: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    if wav is not None:
        files["speaker"] = wav
    for entry in named:
        name, equals, path = entry.partition("=")
        if not (name and equals and path):
            raise SettingError(f"--speaker is {entry!r}; it must be NAME=FILE, like --speaker Alice=alice.wav")
        if name in files:
            raise SettingError(f"--speaker names {name!r} twice; every speaker has one file")
        files[name] = Path(path)
    if not files:
        raise SettingError("there is nothing to play: give INPUT.wav, or --speaker NAME=FILE")
    return files
