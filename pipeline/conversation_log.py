"""What a replay shows on the terminal: each turn as it happens, and the figures at the end."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.report import Report
from processors.events import STAGES, TurnRecord

_SHORT = {
    "vad_stop": "silence noticed",
    "stt_final": "words",
    "llm_first_token": "first token",
    "first_clause": "first clause",
    "tts_first_audio": "first sound",
    "out_first_packet": "first packet",
}


class ConversationLog:
    """Prints a conversation turn by turn."""

    def __init__(self, bot: str) -> None:
        self._bot = bot
        self._console = Console(highlight=False)

    def turn(self, record: TurnRecord) -> None:
        """One turn that is over."""
        console = self._console
        console.print(f"[dim]{_clock(record.started_ms)}[/]", end=" ")
        for one in record.heard:
            console.print(f"[bold]{escape(one.speaker)}[/] {escape(one.text)}")
        if not record.heard:
            console.print("[dim](no words)[/]")
        if record.v2v_ms is None:
            console.print(f"[dim]        {escape(record.reason)}[/]\n")
            return
        console.print(f"        [bold cyan]{escape(self._bot)}[/] {escape(record.spoken)}", end="")
        unheard = " [dim]… (the rest was not said)[/]" if len(record.spoken) < len(record.said) else ""
        console.print(unheard)
        if record.interrupted_by:
            console.print(f"        [yellow]{escape(record.interrupted_by)} took the floor[/]")
        stages = "  ".join(
            f"{_SHORT[name]} {record.stages[name] - record.stopped_ms:.0f}" for name in STAGES if name in record.stages
        )
        console.print(f"        [green]{record.v2v_ms:.0f} ms voice to voice[/]  [dim]{stages}[/]\n")

    def end(self, report: Report, *written: Path) -> None:
        """The figures of the whole conversation, and the files it left."""
        totals = report.totals
        table = Table("", "p50", "p95", box=None, pad_edge=False, title_justify="left")
        if totals.v2v:
            table.add_row("[bold]voice to voice[/]", f"{totals.v2v.p50_ms:.0f} ms", f"{totals.v2v.p95_ms:.0f} ms")
        for name, figures in totals.stages.items():
            table.add_row(f"  {name}", f"{figures.p50_ms:.0f} ms", f"{figures.p95_ms:.0f} ms")
        self._console.print(table)
        self._console.print(
            f"{totals.turns} turns, {totals.answered} answered, {totals.interruptions} interruptions;"
            f" {totals.audio_s:.0f} s of sound in {totals.wall_s:.0f} s, {totals.rss_mb:.0f} MB"
        )
        if written:
            self._console.print("wrote " + ", ".join(escape(str(path)) for path in written))


def _clock(ms: float) -> str:
    minutes, seconds = divmod(max(0.0, ms) / 1000, 60)
    return f"{int(minutes):02d}:{seconds:04.1f}"
