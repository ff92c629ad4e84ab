"""The report as one page that opens without a server or a network: figures, timeline, waterfalls, transcript.

Every word a person, a model or a file brought in is escaped; numbers are formatted here.
"""

import os
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from pipeline.report.files import write_atomically
from pipeline.report.schema import Report, Turn
from pipeline.report.waterfall import SEGMENTS, waterfall

_WIDTH = 940
_LABEL_WIDTH = 96
_BAR_WIDTH = _WIDTH - _LABEL_WIDTH - 14
_SEEK = """document.addEventListener("click", function (event) {
  var mark = event.target.closest("[data-s]"), audio = document.querySelector("audio");
  if (mark && audio) { audio.currentTime = Math.max(0, mark.dataset.s - 0.3); audio.play(); }
});"""


def write_html(report: Report, path: Path, *, audio: Path | None = None) -> None:
    """Write the page to `path`. `audio`, the recording, is linked by its place relative to the page.

    Raises AcoreError naming the file.
    """
    source = None if audio is None else quote(Path(os.path.relpath(audio, path.parent)).as_posix())
    write_atomically(path, render_html(report, audio=source).encode())


def render_html(report: Report, *, audio: str | None = None) -> str:
    """Return the page. `audio` is the URL of the recording as seen from the page."""
    css = files("pipeline.report").joinpath("page.css").read_text("utf-8")
    looks = "".join(f".{name} {{ fill: {look.light}; background: {look.light}; }}" for name, look in SEGMENTS.items())
    dark = "".join(f".{name} {{ fill: {look.dark}; background: {look.dark}; }}" for name, look in SEGMENTS.items())
    style = f"{css}{looks}@media (prefers-color-scheme: dark) {{ {dark} }}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Acore: a conversation of {report.totals.turns} turns</title><style>{style}</style></head><body><main>"
        f"{''.join(_sections(report, audio))}</main><script>{_SEEK}</script></body></html>\n"
    )


def _sections(report: Report, audio: str | None) -> Iterator[str]:
    machine = report.machine
    yield "<h1>A conversation, turn by turn</h1>"
    yield (
        f'<div class="faint">{report.created:%Y-%m-%d %H:%M} · Acore {escape(report.acore)} · {escape(machine.cpu)}, '
        f"{machine.cores} cores · {'real time' if report.speed == 'realtime' else 'virtual clock'}</div>"
    )
    yield _figures(report)
    yield '<div class="card">'
    if audio is not None:
        yield '<div class="faint">People left, the bot right. Click a bar to hear it.</div>'
        yield f'<audio controls preload="metadata" src="{escape(audio)}"></audio>'
    yield _timeline(report)
    yield "</div>"
    yield "<h2>Turns</h2>"
    scale_ms = max((turn.v2v_ms or 0 for turn in report.turns), default=0)
    for turn in report.turns:
        yield _turn(turn, scale_ms)
    yield '<h2>Where the time goes</h2><div class="two">'
    yield _stage_table(report)
    yield _facts(report)
    yield "</div>"


def _figures(report: Report) -> str:
    totals = report.totals
    v2v = totals.v2v
    figures = [
        (f"{v2v.p50_ms:.0f} ms" if v2v else "–", "voice to voice, p50"),
        (f"{v2v.p95_ms:.0f} ms" if v2v else "–", "voice to voice, p95"),
        (f"{totals.answered} of {totals.turns}", "turns answered"),
        (str(totals.interruptions), "interruptions"),
        (_clock(totals.audio_s), f"of sound in {_clock(totals.wall_s)}"),
        (f"{totals.rss_mb:.0f} MB" if totals.rss_mb is not None else "–", "most memory held"),
    ]
    cells = "".join(
        f'<div class="card"><b>{value}</b><span class="faint">{label}</span></div>' for value, label in figures
    )
    return f'<div class="figures">{cells}</div>'


def _timeline(report: Report) -> str:
    """Who spoke when: a lane for each speaker, one for the bot."""
    speakers = [one.speaker for one in report.inputs]
    speakers += [name for turn in report.turns for name in turn.speakers]
    lanes = {speaker: row for row, speaker in enumerate(dict.fromkeys(speakers))}
    bot = len(lanes)
    end_s = max([report.totals.audio_s, 1.0, *(_last_ms(turn) / 1000 for turn in report.turns)])
    height = 30 * (bot + 1) + 26

    def x(ms: float) -> float:
        return _LABEL_WIDTH + max(0.0, ms / 1000) / end_s * _BAR_WIDTH

    def bar(kind: str, row: int, start_ms: float, end_ms: float, words: str) -> str:
        return (
            f'<rect class="{kind}" data-s="{start_ms / 1000:.2f}" x="{x(start_ms):.1f}" y="{30 * row + 10}" '
            f'width="{max(1.5, x(end_ms) - x(start_ms)):.1f}" height="18" rx="3"><title>{escape(words)}</title></rect>'
        )

    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Who spoke when">']
    for tick_s in _ticks(end_s):
        at = x(tick_s * 1000)
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="4" x2="{at:.1f}" y2="{height - 22}"/>')
        parts.append(f'<text x="{at:.1f}" y="{height - 6}" text-anchor="middle">{_clock(tick_s)}</text>')
    for name, row in [*lanes.items(), ("bot", bot)]:
        parts.append(f'<text class="strong" x="0" y="{30 * row + 24}">{escape(_short(name, 13))}</text>')
    for turn in report.turns:
        for name in turn.speakers:
            parts.append(bar("user", lanes[name], turn.user_started_ms, turn.user_stopped_ms, turn.heard))
        if turn.first_audio_ms is not None:
            until = turn.spoken_until_ms if turn.spoken_until_ms is not None else turn.first_audio_ms
            parts.append(bar("bot", bot, turn.first_audio_ms, until, turn.spoken))
        if turn.interrupted:
            at = x(turn.interrupted.at_ms)
            parts.append(f'<line class="stop" x1="{at:.1f}" y1="{30 * bot + 5}" x2="{at:.1f}" y2="{30 * bot + 33}"/>')
    return "".join([*parts, "</svg>"])


def _turn(turn: Turn, scale_ms: float) -> str:
    chips = []
    if turn.attempts > 1:
        chips.append(f'<span class="chip">{turn.attempts} replies prepared</span>')
    if turn.interrupted:
        chips.append(f'<span class="chip stop">interrupted by {escape(turn.interrupted.by)}</span>')
    if not turn.answered:
        chips.append('<span class="chip stop">no reply</span>')
    v2v = f'<span class="v2v">{turn.v2v_ms:.0f} ms</span>' if turn.v2v_ms is not None else ""
    lines = [f"<dt>{escape(turn.speaker)}</dt><dd>{escape(turn.heard) or '–'}</dd>"]
    if turn.said:
        lines.append(f"<dt>bot</dt><dd>{_reply(turn)}</dd>")
    if turn.reason:
        lines.append(f'<dt>reason</dt><dd class="faint">{escape(turn.reason)}</dd>')
    drawing = _waterfall(turn, scale_ms) if turn.answered and scale_ms > 0 else ""
    start_s = turn.user_started_ms / 1000
    start = f'<span class="faint" data-s="{start_s:.2f}">{_clock(start_s)}</span>'
    return (
        f'<article class="card turn"><header><b>{turn.id}</b>{start}{"".join(chips)}{v2v}</header>'
        f'<dl class="said">{"".join(lines)}</dl>{drawing}</article>'
    )


def _reply(turn: Turn) -> str:
    """The reply as written, what was never played of it paler."""
    if turn.interrupted and turn.said.startswith(turn.spoken):
        return f'{escape(turn.spoken)}<span class="unplayed">{escape(turn.said[len(turn.spoken) :])}</span>'
    return escape(turn.said)


def _waterfall(turn: Turn, scale_ms: float) -> str:
    """One row a segment, all turns to one scale."""
    segments = [segment for segment in waterfall(turn) if segment.duration_ms > 0]
    label, room = 190, _WIDTH - 190 - 70
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {20 * len(segments) + 2}" role="img" aria-label="Waterfall of turn {turn.id}">'
    ]
    for row, segment in enumerate(segments):
        left = label + segment.start_ms / scale_ms * room
        width = max(1.0, segment.duration_ms / scale_ms * room)
        parts.append(
            f'<text x="{label - 10}" y="{20 * row + 15}" text-anchor="end">{SEGMENTS[segment.name].label}</text>'
            f'<rect class="{segment.name}" x="{left:.1f}" y="{20 * row + 3}" width="{width:.1f}" height="15" rx="2"/>'
            f'<text x="{left + width + 6:.1f}" y="{20 * row + 15}">{_ms(segment.duration_ms)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _stage_table(report: Report) -> str:
    rows = "".join(
        f'<tr><td><i class="dot {name}"></i>{SEGMENTS[name].label}</td><td class="n">{took.p50_ms:.0f}</td>'
        f'<td class="n">{took.p95_ms:.0f}</td></tr>'
        for name, took in report.totals.stages.items()
        if name in SEGMENTS
    )
    head = '<tr><th>stage</th><th class="n">p50 ms</th><th class="n">p95 ms</th></tr>'
    return f'<div class="card"><table>{head}{rows}</table></div>'


def _facts(report: Report) -> str:
    facts = [
        *((name, engine) for name, engine in report.engines.items()),
        *((f"input: {one.speaker}", f"{one.file}, {_clock(one.duration_s)}") for one in report.inputs),
        *((name, str(value)) for name, value in report.settings.items()),
        ("system", report.machine.system),
        ("Python", report.machine.python),
        *report.machine.packages.items(),
    ]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts)
    return f'<div class="card"><table><tr><th>what</th><th>value</th></tr>{rows}</table></div>'


def _last_ms(turn: Turn) -> float:
    return max(turn.user_stopped_ms, turn.spoken_until_ms or 0.0)


def _ticks(end_s: float) -> list[float]:
    """Round times for at most nine grid lines."""
    step = next((step for step in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200) if end_s / step <= 8), 3600)
    return [step * index for index in range(int(end_s / step) + 1)]


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _ms(duration_ms: float) -> str:
    return f"{duration_ms:.0f} ms" if duration_ms >= 1 else "&lt;1 ms"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
