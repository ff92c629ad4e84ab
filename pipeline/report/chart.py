"""The waterfall of every turn as one PNG, wide enough for a README."""

import io
import warnings
from pathlib import Path

from pipeline.report.files import write_atomically
from pipeline.report.schema import Report, Turn
from pipeline.report.waterfall import SEGMENTS, waterfall

_MAX_TURNS = 16
_INK, _FAINT = "#1f2430", "#6b7280"


def write_chart(report: Report, path: Path) -> None:
    """Draw the answered turns (the first 16) to `path`. Raises AcoreError naming the file.

    Takes about a second, most of it importing matplotlib: not for an event loop.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    answered = [turn for turn in report.turns if turn.answered]
    shown = answered[:_MAX_TURNS]
    figure = Figure(figsize=(9.6, 1.9 + 0.42 * max(len(shown), 1)), dpi=150, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.27, 0.72 / figure.get_figheight(), 0.66, 1 - 1.72 / figure.get_figheight()))
    used: set[str] = set()
    for row, turn in enumerate(shown):
        for segment in waterfall(turn):
            if segment.duration_ms > 0:
                used.add(segment.name)
                axes.barh(row, segment.duration_ms, 0.62, segment.start_ms, color=SEGMENTS[segment.name].light)
        if turn.v2v_ms is not None:
            axes.text(turn.v2v_ms, row, f"  {turn.v2v_ms:.0f} ms", va="center", color=_INK, fontsize=9, weight="bold")
    longest = max((turn.v2v_ms or 0 for turn in shown), default=0)
    axes.set_xlim(0, max(longest, 100) * 1.14)
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), [_label(turn) for turn in shown], fontsize=9, color=_INK)
    axes.set_xlabel("ms after the user's last voiced sample", fontsize=9, color=_FAINT)
    axes.tick_params(axis="x", labelsize=8.5, labelcolor=_FAINT, length=0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    if not shown:
        axes.text(0.5, 0.5, "no turn was answered", transform=axes.transAxes, ha="center", color=_FAINT)
    top = 1 - 0.27 / figure.get_figheight()
    figure.text(0.02, top, "Voice to voice, turn by turn", fontsize=13, weight="bold", color=_INK, va="center")
    figure.text(0.98, top, _headline(report, len(shown)), fontsize=9, color=_FAINT, va="center", ha="right")
    figure.legend(
        handles=[Patch(color=look.light, label=look.label) for name, look in SEGMENTS.items() if name in used],
        loc="upper left",
        bbox_to_anchor=(0.012, 1 - 0.42 / figure.get_figheight()),
        ncols=4,
        frameon=False,
        fontsize=8.5,
        handlelength=1.0,
        handleheight=1.0,
        columnspacing=1.4,
        labelcolor=_INK,
    )
    png = io.BytesIO()
    with warnings.catch_warnings():
        # The font has no emoji or CJK; a box in a label is no reason to write to the terminal.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.print_png(png)
    write_atomically(path, png.getvalue())


def _label(turn: Turn) -> str:
    words = " ".join(turn.heard.split())
    # "$" would begin a formula.
    return (words if len(words) <= 30 else words[:29].rstrip() + "…").replace("$", r"\$")


def _headline(report: Report, shown: int) -> str:
    totals = report.totals
    count = f"{totals.answered} turns" if totals.answered <= shown else f"{shown} of {totals.answered} turns"
    if totals.v2v is None:
        return count
    return f"{count}   p50 {totals.v2v.p50_ms:.0f} ms   p95 {totals.v2v.p95_ms:.0f} ms   {report.machine.cores} cores"
