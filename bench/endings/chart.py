"""The picture of `acore bench endings`: what waiting costs, and why. It draws what is in the result file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.charts import COLOURS, FAINT, INK, new_figure, plain, write_figure
from processors.odds import log_odds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIGHT_EDGE_MS = 1400
_MOST_CUT_PERCENT = 50
_BIN = 1.5
_MOST_ODDS = 13.5
"""Log-odds beyond which all is alike."""


def write_endings_chart(result: Path, path: Path) -> None:
    """Cut-ins against delay for all settings, and how finished ends and pauses sound, from the JSON at `result`.

    Raises AcoreError naming the file.
    """
    content = json.loads(result.read_text("utf-8"))
    figure = new_figure(12.0, 5.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.45, 1))
    _costs(left, content)
    _overlap(right, content)
    machine = content["machine"]
    note = f"{machine['cpu']}, {machine['cores']} cores, commit {content['commit']}"
    left.set_title(note, fontsize=7.5, color=FAINT, loc="right")
    write_figure(figure, path)


def _costs(axes: "Axes", content: dict) -> None:
    pauses = next(iter(content["profiles"].values()))["pauses"]
    tried, target = content["tried"], content["target"]

    def percent(cut: float) -> float:
        return cut / max(1, pauses) * 100

    axes.axvspan(0, target["p95_ms"], ymax=target["cut_rate"] * 100 / _MOST_CUT_PERCENT, color=COLOURS[2], alpha=0.25)
    axes.annotate(
        f"wanted: at most {target['p95_ms']:.0f} ms and {target['cut_rate']:.0%};\n"
        f"{content['within_target']} of {tried['settings']:,} settings come to it",
        (target["p95_ms"] / 3, target["cut_rate"] * 100),
        (20, target["cut_rate"] * 100 + 5),
        fontsize=8.5,
        color="#1d7a55",
        arrowprops={"arrowstyle": "-", "color": "#1d7a55", "linewidth": 0.8},
    )
    cut = [percent(each) for each in tried["cut"]]
    axes.scatter(tried["p95_ms"], cut, s=9, color=FAINT, alpha=0.35, linewidths=0, label="a setting of the policy")
    best = content["frontier_p95"][::-1]
    # Who waits longer than the last of them gains nothing.
    line = [*(one["p95_ms"] for one in best), _RIGHT_EDGE_MS], [percent(one["cut"]) for one in [*best, best[-1]]]
    axes.step(*line, where="post", color=COLOURS[0], linewidth=1.8, label="the best p95 for so few cuts")
    for colour, (name, one) in zip((COLOURS[1], COLOURS[4], COLOURS[3]), content["profiles"].items(), strict=False):
        spot = one["p95_ms"], percent(one["cut"])
        what = f"{name}: {one['cut']} cut, p50 {one['p50_ms']:.0f} ms, p95 {one['p95_ms']:.0f} ms"
        axes.plot(*spot, "o", color=colour, markersize=8, markeredgecolor="white", label=what)
        # Below and left of the best there is nothing, but the axis.
        place, side = ((8, 6), "left") if spot[1] < _MOST_CUT_PERCENT / 10 else ((-9, -9), "right")
        axes.annotate(name, spot, place, textcoords="offset points", ha=side, fontsize=9, color=colour, weight="bold")
    axes.set_title("What waiting costs", **_TITLE)
    axes.set_xlabel("p95 of the delay behind the true end (ms), without the machine's own", fontsize=9, color=FAINT)
    axes.set_ylabel(f"of {pauses} pauses under 1 s, cut into (%)", fontsize=9, color=FAINT)
    axes.set_xlim(0, _RIGHT_EDGE_MS)
    axes.set_ylim(0, _MOST_CUT_PERCENT)
    axes.legend(fontsize=8.5, frameon=False, loc="upper right")
    plain(axes)


def _overlap(axes: "Axes", content: dict) -> None:
    judged = [
        (one["end"], completeness) for one in content["stops"] if (completeness := _completeness(one)) is not None
    ]
    bins = [float(edge) for edge in np.arange(-_MOST_ODDS, _MOST_ODDS + _BIN / 2, _BIN)]
    for end, colour, name in ((True, COLOURS[0], "true ends"), (False, COLOURS[4], "pauses under 1 s")):
        odds = np.clip([log_odds(each) for was_end, each in judged if was_end == end], -_MOST_ODDS, _MOST_ODDS)
        share = np.full(len(odds), 100 / max(1, len(odds)))
        axes.hist(odds, bins, weights=share, color=colour, alpha=0.5, label=f"{len(odds)} {name}")
    policy = content["profiles"]["balanced"]
    top = axes.get_ylim()[1] * 1.18
    axes.set_ylim(0, top)
    for name in ("unsure", "sure"):
        axes.axvline(log_odds(policy[name]), color=INK, linewidth=0.9, linestyle="--")
        axes.text(log_odds(policy[name]), top * 0.99, f" {name}", fontsize=8, color=INK, va="top")
    areas = content["area_under_roc"]
    told = "\n".join(f"{area:.2f} ({name})" for name, area in areas.items() if area is not None)
    axes.text(-_MOST_ODDS, top * 0.8, f"area under the ROC curve:\n{told}", fontsize=8, color=FAINT, va="top")
    axes.set_title("How finished they sound", **_TITLE)
    axes.set_xlabel("log-odds of the completeness at the last look", fontsize=9, color=FAINT)
    axes.set_ylabel("share (%)", fontsize=9, color=FAINT)
    axes.legend(fontsize=8.5, frameon=False, loc="upper left")
    plain(axes)


def _completeness(stop: dict) -> float | None:
    judged: Sequence[dict] = [one for one in stop["silences"] if one["judged_ms"] is not None]
    return judged[0]["looks"][-1]["completeness"] if judged else None


_TITLE = {"fontsize": 11, "weight": "bold", "color": INK, "loc": "left"}
