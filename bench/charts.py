"""Pictures of a result, wide enough for a README. They draw what is in the result file and compute nothing."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.report.files import write_atomically
from pipeline.report.waterfall import SEGMENTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, _GRID = "#1f2430", "#6b7280", "#e5e7eb"
COLOURS = ("#3f7fe0", "#ef9d2f", "#2fa878", "#8a5cd6", "#d1495b")
_MOST_ROWS = 40


def write_latency_chart(result: Path, path: Path) -> None:
    """The CDF of voice to voice, and the waterfall of every answered turn, from the JSON at `result`.

    Raises AcoreError naming the file.
    """
    content = json.loads(result.read_text("utf-8"))
    outcomes = [one for one in content["outcomes"] if one["v2v_ms"] is not None and one["stages"]]
    shown = sorted(outcomes, key=lambda one: one["v2v_ms"])
    if len(shown) > _MOST_ROWS:
        shown = [shown[index] for index in np.linspace(0, len(shown) - 1, _MOST_ROWS).round().astype(int)]
    figure = new_figure(9.6, 5.0 + 0.17 * len(shown))
    upper, lower = figure.subplots(2, 1, height_ratios=(3.4, max(1.0, 0.17 * len(shown))))
    machine = content["machine"]
    note = f"{machine['cpu']}, {machine['cores']} cores, commit {content['commit']}"
    _cdf(upper, {"acore": [one["v2v_ms"] for one in content["outcomes"] if one["v2v_ms"] is not None]}, note)
    for row, one in enumerate(shown):
        reached = 0.0
        for name, look in SEGMENTS.items():
            duration_ms = one["stages"].get(name, 0.0)
            label = look.label if row == 0 else None
            lower.barh(row, duration_ms, 0.8, reached, color=look.light, label=label)
            reached += duration_ms
    lower.set_yticks(range(len(shown)), [one["id"] for one in shown], fontsize=6.5, color=FAINT)
    lower.set_ylim(len(shown) - 0.4, -0.6)
    lower.set_xlabel("ms after the last voiced sample: where the time of each answer goes", fontsize=9, color=FAINT)
    if shown:
        lower.legend(fontsize=7.5, ncols=4, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    plain(lower)
    write_figure(figure, path)


def write_compare_chart(result: Path, path: Path) -> None:
    """The CDFs of all designs in one picture. Raises AcoreError naming the file."""
    content = json.loads(result.read_text("utf-8"))
    figure = new_figure(9.6, 4.6)
    values = {
        name: [one["v2v_ms"] for one in design["outcomes"] if one["v2v_ms"] is not None]
        for name, design in content["designs"].items()
    }
    machine = content["machine"]
    _cdf(figure.subplots(), values, f"{machine['cpu']}, {machine['cores']} cores, commit {content['commit']}")
    write_figure(figure, path)


def write_load_chart(result: Path, path: Path) -> None:
    """The hop, voice to voice and CPU over the number of rooms. Raises AcoreError naming the file."""
    content = json.loads(result.read_text("utf-8"))
    steps = content["steps"]
    figure = new_figure(9.6, 4.2)
    hops, answers = figure.subplots(1, 2)
    rooms = [step["rooms"] for step in steps]
    hops.axhline(content["settings"]["budget_ms"], color=COLOURS[4], linewidth=1, linestyle="--", label="budget")
    for axes, what, worst, middle in (
        (hops, "frame due to ear (ms)", "hop_p99_ms", "hop_p50_ms"),
        (answers, "voice to voice (ms)", "v2v_p95_ms", "v2v_p50_ms"),
    ):
        for figure_name, colour in ((worst, COLOURS[0]), (middle, COLOURS[2])):
            label = figure_name.split("_")[1]
            axes.plot(rooms, [step[figure_name] for step in steps], "o-", color=colour, label=label)
        axes.set_title(what, fontsize=9)
        axes.set_xlabel("rooms in one process", fontsize=9, color=FAINT)
        axes.legend(fontsize=8.5, frameon=False)
    cpu = answers.twinx()
    cpu.plot(rooms, [step["cpu_percent"] for step in steps], "--", color=FAINT, label="CPU (% of a core)")
    cpu.set_ylabel("CPU (% of a core)", fontsize=9, color=FAINT)
    for axes in (hops, answers, cpu):
        axes.set_ylim(bottom=0)
        plain(axes)
    write_figure(figure, path)


def write_soak_chart(result: Path, path: Path) -> None:
    """Memory over time. Raises AcoreError naming the file."""
    content = json.loads(result.read_text("utf-8"))
    figure = new_figure(9.6, 3.6)
    axes = figure.subplots()
    axes.plot(
        [one["minute"] for one in content["samples"]], [one["rss_mb"] for one in content["samples"]], color=COLOURS[0]
    )
    axes.set_xlabel("minutes", fontsize=9, color=FAINT)
    axes.set_ylabel("RSS (MB)", fontsize=9, color=FAINT)
    plain(axes)
    write_figure(figure, path)


def write_wire_chart(result: Path, path: Path) -> None:
    """How the times of the wire are distributed, idle and busy. Raises AcoreError naming the file."""
    content = json.loads(result.read_text("utf-8"))
    shown = {
        "packet_to_ear": "packet in to the ear (ms)",
        "pcm_to_packet": "first sound to packet out (ms)",
        "decision_to_last_packet": "talk-over decided to last packet (ms)",
        "spacing": "between packets (ms)",
    }
    figure = new_figure(9.6, 5.6)
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, shown.items(), strict=True):
        for colour, (load, curves) in zip(COLOURS, content["quantiles"].items(), strict=False):
            if name in curves:
                # Without the slowest of a hundred, which would make the rest a line along the axis.
                axes.plot(curves[name][:100], range(100), color=colour, label=load, linewidth=1.8)
        axes.set_xlabel(label, fontsize=9, color=FAINT)
        axes.set_ylabel("share (%)", fontsize=9, color=FAINT)
        axes.set_ylim(0, 101)
        axes.legend(fontsize=8.5, frameon=False, loc="lower right")
        plain(axes)
    write_figure(figure, path)


def write_engines_chart(result: Path, path: Path) -> None:
    """What each engine takes to its first result. Raises AcoreError naming the file."""
    engines = [one for one in json.loads(result.read_text("utf-8"))["engines"] if one["first_ms"] is not None]
    engines.reverse()
    figure = new_figure(7.2, 1.0 + 0.36 * len(engines))
    axes = figure.add_subplot()
    bars = axes.barh(
        [f"{one['kind']} {one['name']}" for one in engines], [one["first_ms"] for one in engines], color=COLOURS[0]
    )
    axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8.5)
    axes.set_xlabel("ms to the transcript, the first token, the first sound (median)")
    plain(axes)
    write_figure(figure, path)


def _cdf(axes: "Axes", values: Mapping[str, Sequence[float]], note: str) -> None:
    for colour, (name, known) in zip(COLOURS, values.items(), strict=False):
        if not known:
            continue
        ordered = np.sort(known)
        p50, p95 = np.percentile(ordered, (50, 95))
        label = f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, {len(ordered)} turns"
        share = np.arange(1, len(ordered) + 1) / len(ordered) * 100
        axes.step(ordered, share, where="post", color=colour, label=label, linewidth=1.8)
    axes.set_title("Voice to voice", fontsize=13, weight="bold", color=INK, loc="left")
    axes.set_title(note, fontsize=8, color=FAINT, loc="right")
    axes.set_xlabel("ms from the last voiced sample to the first audible one of the answer", fontsize=9, color=FAINT)
    axes.set_ylabel("share of turns (%)", fontsize=9, color=FAINT)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 101)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    plain(axes)


def plain(axes: "Axes") -> None:
    """The look that every chart has: a faint grid, no frame."""
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelcolor=FAINT, length=0, labelsize=8.5)
    axes.spines[:].set_visible(False)


def new_figure(width: float, height: float) -> "Figure":
    """An empty picture, its sides in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: "Figure", path: Path) -> None:
    """Write it as PNG. Raises AcoreError naming the file."""
    png = io.BytesIO()
    figure.savefig(png, format="png")
    write_atomically(path, png.getvalue())
