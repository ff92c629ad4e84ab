"""A result as one page that opens without a server or a network: figures first, then every turn."""

import json
from base64 import b64encode
from html import escape
from pathlib import Path

from pipeline.report.files import write_atomically

_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: #1f2430; background: #fff; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 1rem 0; }
td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
th { color: #6b7280; font-weight: 500; } img { max-width: 100%; } .note { color: #6b7280; }
.bad { color: #c0362c; } .wide { overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { color: #e5e7eb; background: #15181e; } td, th { border-color: #2b303b; }
  img { background: #fff; border-radius: 6px; } }"""


def write_latency_page(result: Path, path: Path) -> None:
    """One design's figures and turns. The picture beside the result, `<name>.png`, is put into the page.

    Raises AcoreError naming the file.
    """
    content = json.loads(result.read_text("utf-8"))
    body = [
        _table(("figure", "acore"), [(name, value) for name, value in _rows(content["figures"])]),
        "<h2>Where the time goes</h2>",
        _table(
            ("stage", "p50 ms", "p95 ms", "worst ms"),
            [(name, one["p50"], one["p95"], one["worst"]) for name, one in content["stages"].items()],
        ),
        "<h2>Every turn</h2>",
        _turns(content["outcomes"]),
    ]
    _write_page("Voice to voice and turn-taking", content, body, result, path)


def write_compare_page(result: Path, path: Path) -> None:
    """All designs side by side. Raises AcoreError naming the file."""
    content = json.loads(result.read_text("utf-8"))
    designs = content["designs"]
    rows = {name: dict(_rows(design["figures"])) for name, design in designs.items()}
    names = next(iter(rows.values()), {})
    body = [
        _table(("figure", *rows), [(name, *(of[name] for of in rows.values())) for name in names]),
        "<h2>Ratios of the p50</h2>",
        _table(("ours to", "ratio"), list(content["ratios"].items())),
        *(
            f"<h2>{escape(name)}</h2><p>{escape(one['what'])}</p>{_turns(one['outcomes'])}"
            for name, one in designs.items()
        ),
    ]
    _write_page("Designs side by side", content, body, result, path)


def figure_lines(figures: dict) -> list[tuple[str, str]]:
    """The figures in the order and the words in which people read them."""
    return _rows(figures)


def _rows(figures: dict) -> list[tuple[str, str]]:
    rate = figures["cut_in_rate"]
    return [
        ("turns that wanted an answer", str(figures["turns"])),
        ("voice to voice, p50 / p95 / p99", _spread(figures["v2v"])),
        ("of which recordings of people", _spread(figures["v2v_human"])),
        ("missed", _listed(figures["missed"])),
        ("answered twice", _listed(figures["answered_twice"])),
        ("silences inside answers", str(figures["stalls"])),
        (
            "cut in on pauses under 1 s",
            f"{len(figures['cut_ins_under_1_s'])} of {figures['pauses_under_1_s']}"
            + (f" ({rate:.1%})" if rate is not None else "")
            + f"; {figures['natural_pauses_under_1_s']} of them the speaker's own",
        ),
        ("cut in on longer pauses", f"{len(figures['cut_ins_from_1_s'])} of {figures['pauses_from_1_s']}"),
        ("cut in elsewhere", _listed(figures["other_cut_ins"])),
        ("word error rate", "" if figures["wer"] is None else f"{figures['wer']:.1%} of {figures['wer_words']} words"),
        ("talk-over to silence, p50 / p95 / p99", _spread(figures["talk_over"])),
        ("decision to silence, p50 / p95 / p99", _spread(figures["cut_off"])),
        ("talk-overs ignored", f"{len(figures['talk_overs_ignored'])} of {figures['talk_overs']}"),
        (
            "back-channels and coughs that stopped the bot",
            f"{len(figures['back_channels_that_stopped'])} of {figures['back_channels']}",
        ),
        ("of the others, fell silent and resumed", str(len(figures["back_channels_resumed"]))),
    ]


def _spread(value: dict | None) -> str:
    return f"{value['p50']:.0f} / {value['p95']:.0f} / {value['p99']:.0f} ms ({value['count']})" if value else "none"


def _listed(ids: list[str]) -> str:
    return f"{len(ids)}: {', '.join(ids)}" if ids else "0"


def _turns(outcomes: list[dict]) -> str:
    rows = []
    for one in outcomes:
        remarks = [name for name in ("missed", "stopped", "resumed") if one[name]]
        if one["cut_in_ms"] is not None:
            remarks.append("cut in")
        v2v = "" if one["v2v_ms"] is None else f"{one['v2v_ms']:.0f}"
        rows.append((one["id"], v2v, ", ".join(remarks), one["heard"]))
    return _table(("turn", "voice to voice, ms", "", "heard"), rows)


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells}</tr>{lines}</table></div>'


def _write_page(title: str, content: dict, body: list[str], result: Path, path: Path) -> None:
    machine = content["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores; commit {content['commit']}; {content['created']}"
    picture = result.with_suffix(".png")
    image = (
        f'<img alt="chart" src="data:image/png;base64,{b64encode(picture.read_bytes()).decode()}">'
        if picture.exists()
        else ""
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Acore bench: {escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="note">{escape(where)}</p>{image}{"".join(body)}</body></html>\n'
    )
    write_atomically(path, page.encode())
