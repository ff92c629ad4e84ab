"""`acore bench`: measure latency and turn-taking, compare designs, find the limits of a machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_bench_options import folder_of, manifest_in, numbers_of, order_of, with_profile
from pipeline.cli_state import State
from processors.errors import SettingError

if TYPE_CHECKING:
    from bench.figures import Figures
    from pipeline.settings import Settings

bench_app = typer.Typer(
    name="bench",
    help="Measure latency and turn-taking from the sound itself, compare designs, find the limits of this machine.",
    no_args_is_help=True,
)

_Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
_Corpus = Annotated[
    Path | None, typer.Option("--corpus", help="Folder of the corpus.", show_default="this user's cache folder")
]
_Turns = Annotated[int | None, typer.Option("--turns", min=1, help="Play this many turns.", show_default="all")]
_Kinds = Annotated[
    str, typer.Option("--kinds", metavar="A,B", help="Kinds of turns, as in plain,pause.", show_default="all")
]
_Profile = Annotated[
    str | None, typer.Option("--profile", help="snappy, balanced or patient.", show_default="the settings'")
]
_WAITING_KINDS = "plain,pause,filler,hesitation,noise"
"""Kinds of turns that wait for silence, without those that are there for what is said over the answer."""
_Keep = Annotated[bool, typer.Option("--keep-audio", help="Keep the stereo recordings beside the results.")]


@bench_app.command()
def corpus(folder: _Corpus = None) -> None:
    """Make the corpus, or say what is in it."""
    from collections import Counter

    from bench.corpus.store import choose, corpus_id

    where = folder_of(folder)
    turns = choose(manifest_in(where), None)
    counts = Counter(turn.kind.value for turn in turns)
    typer.echo(f"{len(turns)} turns, {sum(turn.human for turn in turns)} by people, {corpus_id(turns)}, in {where}")
    typer.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()))


@bench_app.command()
def latency(
    context: typer.Context,
    turns: _Turns = None,
    profile: _Profile = None,
    kinds: _Kinds = "",
    out: _Out = Path("results"),
    corpus: _Corpus = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Skip the waiting: a quick look, not a figure of record.")
    ] = False,
    keep_audio: _Keep = False,
) -> None:
    """Voice to voice, cut-ins, missed turns, word errors, talk-over: the corpus through the real pipeline.

    All turns take about half an hour at the speed of speech. A run that was stopped goes on where it was.
    """
    settings = with_profile(context, profile)

    from bench.latency import run_latency
    from bench.page import figure_lines
    from personas.library import load_character

    name = f"latency-{settings.turns.profile}" + ("-fast" if fast else "")
    order = order_of(turns, kinds, out, corpus, name, keep_audio, fast=fast)
    figures, path = run_latency(order, settings, load_character(settings.persona.character), typer.echo)
    for what, value in figure_lines(figures.to_json()):
        typer.echo(f"{what:<48} {value}")
    typer.echo(f"{path}, and the same as .png and .html")


@bench_app.command()
def compare(
    context: typer.Context,
    turns: _Turns = None,
    profile: _Profile = None,
    designs: Annotated[
        str,
        typer.Option("--designs", metavar="A,B", help="acore, pipecat, sequential, livekit (extra bench-livekit)."),
    ] = "acore,pipecat,sequential",
    kinds: _Kinds = _WAITING_KINDS,
    out: _Out = Path("results"),
    corpus: _Corpus = None,
    keep_audio: _Keep = False,
) -> None:
    """The same sounds and engines through several designs, interleaved, at the speed of speech. 13 s a turn and design.

    Turns over the bot, and those that ask for a long answer, are left out unless they are named.
    """
    settings = with_profile(context, profile)

    from bench.compare import ratios, run_compare
    from personas.library import load_character

    order = order_of(turns, kinds, out, corpus, "compare", keep_audio)
    names = [name.strip() for name in designs.split(",") if name.strip()]
    figures = run_compare(order, names, settings, load_character(settings.persona.character), typer.echo)
    _tell_designs(figures)
    for name, ratio in ratios(figures).items():
        typer.echo(f"ours / {name}: {ratio:.2f}")
    typer.echo(f"{order.out / order.name}.json, and the same as .png and .html")


@bench_app.command()
def endings(
    context: typer.Context,
    turns: _Turns = None,
    kinds: _Kinds = f"{_WAITING_KINDS},opener",
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """What waiting costs: how long each policy waits at true ends, and which pauses it cuts into. 5 min, all turns.

    Whoever answers sooner cuts into more pauses. This listens to every end and every pause of under a second with the
    product's own ear and detector, tries thousands of settings of the turn policy (TURNS_COMPLETE_MS and others)
    on what was heard, and draws the best that can be had: the least delay for each number of cut-ins.
    """
    settings = with_profile(context, None)

    from bench.endings.run import run_endings, told

    order = order_of(turns, kinds, out, corpus, "endings", keep_audio=False)
    found, path = run_endings(order.turns, order.corpus, settings, out, typer.echo)
    for line in told(found):
        typer.echo(line)
    typer.echo(f"{path}, and the same as .png")


@bench_app.command()
def text(
    context: typer.Context,
    turns: _Turns = 20,
    channels: Annotated[int, typer.Option("--channels", min=1, help="Text channels that chat.")] = 10,
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """Voice to voice while text channels chat on the same engines, beside voice to voice alone. 16 s a turn."""
    settings = with_profile(context, None)

    from bench.beside import run_text
    from bench.compare import ratios
    from personas.library import load_character

    order = order_of(turns, "plain", out, corpus, "text", keep_audio=False)
    figures = run_text(order, settings, load_character(settings.persona.character), typer.echo, channels)
    _tell_designs(figures)
    for ratio in ratios(figures, "with text").values():
        typer.echo(f"with text / alone: {ratio:.2f}")
    typer.echo(f"{order.out / order.name}.json, and the same as .png and .html")


@bench_app.command()
def memory(
    context: typer.Context,
    messages: Annotated[int, typer.Option("--messages", min=10, help="Messages in the memory.")] = 100_000,
    meanings: Annotated[
        int, typer.Option("--meanings", min=0, help="Of how many of the newest the meaning is at hand; 0: words alone.")
    ] = 5000,
    turns: Annotated[int, typer.Option("--turns", min=0, help="Turns that are played; 0: only recall.")] = 20,
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """Recall among many messages, and voice to voice with this memory on beside memory off. 3 min, and 16 s a turn."""
    settings = with_profile(context, None)

    from bench.recall import run_recall
    from bench.remembering import run_remembering
    from personas.library import load_character

    def play(folder: Path, chosen: "Settings") -> None:
        if not turns:
            return
        order = order_of(turns, "plain", out, corpus, "memory", keep_audio=False)
        figures = run_remembering(order, chosen, load_character(settings.persona.character), folder, typer.echo)
        _tell_designs(figures)

    figures, path = run_recall(messages, meanings, settings, out, typer.echo, then=play)
    if took := figures.took:
        typer.echo(f"recall: p50 {took.p50:.1f} ms, p95 {took.p95:.1f} ms, p99 {took.p99:.1f} ms over {took.count}")
    typer.echo(f"something came to mind to {figures.found} of {figures.asked} questions; {path}")


@bench_app.command()
def engines(
    context: typer.Context,
    only: Annotated[
        str, typer.Option("--only", metavar="KIND:NAME,..", help="As in stt:moonshine,tts:kokoro.", show_default="all")
    ] = "",
    out: _Out = Path("results"),
) -> None:
    """Every installed engine by itself: time to load, memory, time to the first result, real-time factor, errors."""
    state: State = context.obj

    from bench.engines import run_engines

    names = [name.strip() for name in only.split(",") if name.strip()]
    path = run_engines(names, state.config, out, typer.echo)
    typer.echo(f"{path}, and the same as .png")


@bench_app.command()
def overhead(context: typer.Context, turns: _Turns = None, out: _Out = Path("results"), corpus: _Corpus = None) -> None:
    """What of an answer's delay is the pipeline's own: the corpus on engines that take no time. 4 s a turn."""
    settings = with_profile(context, None)

    from bench.overhead import run_overhead
    from personas.library import load_character

    order = order_of(turns, "plain", out, corpus, "overhead", keep_audio=False)
    character = load_character(settings.persona.character)
    own, path = run_overhead(order.turns, settings, character, order.corpus, out, typer.echo)
    typer.echo(f"ours: p50 {own.p50:.1f} ms, p95 {own.p95:.1f} ms, p99 {own.p99:.1f} ms over {own.count} turns")
    typer.echo(f"{path}, and the same as .png")


@bench_app.command()
def wire(
    context: typer.Context,
    talk_overs: Annotated[int, typer.Option("--talk-overs", min=1, help="How often the bot is talked over.")] = 25,
    loads: Annotated[
        str, typer.Option("--loads", metavar="A,B", help="idle, and busy: the embedded engines at work all the time.")
    ] = "idle,busy",
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """Packet in to the ear, sound to packet out, talk-over to the last packet, spacing: over a Discord on loopback."""
    names = [name.strip() for name in loads.split(",") if name.strip()]
    if not names or not set(names) <= {"idle", "busy"}:
        raise SettingError(f"--loads is {loads!r}; it must be idle, busy or both, like idle,busy")
    with_profile(context, None)

    from bench.wire import run_wire, wire_lines

    figures, path = run_wire(talk_overs, names, folder_of(corpus), out, typer.echo)  # type: ignore[arg-type]
    for line in wire_lines(figures):
        typer.echo(line)
    typer.echo(f"{path}, and the same as .png")


@bench_app.command()
def start(
    times: Annotated[int, typer.Option("--times", min=1, help="Starts in each way.")] = 3,
    only: Annotated[
        str,
        typer.Option("--only", metavar="CASE,..", help="text elsewhere, text words, text, voice.", show_default="all"),
    ] = "",
    out: _Out = Path("results"),
) -> None:
    """From the start of `acore run` until it answers, and its memory then, over a Discord on loopback. 45 s a start."""
    from bench.start import CASES, in_words, run_start

    cases = [case.strip() for case in only.split(",") if case.strip()] or list(CASES)
    if unknown := [case for case in cases if case not in CASES]:
        raise SettingError(f"--only names {unknown[0]!r}; there are: {', '.join(CASES)}")
    figures, path = run_start(cases, times, out, typer.echo)
    for case, of in figures.items():
        typer.echo(f"{case} ({CASES[case]}): {in_words(of)}")
    typer.echo(f"{path}")


@bench_app.command()
def evidence(
    context: typer.Context,
    people: Annotated[int, typer.Option("--people", min=2, help="People who tell of themselves.")] = 20,
    days: Annotated[int, typer.Option("--days", min=1, help="Over so many days.")] = 28,
    out: _Out = Path("results"),
) -> None:
    """Whether memory finds what was told weeks ago: by words, by meaning and by both. About a minute."""
    settings = with_profile(context, None)

    from bench.evidence import FIRST, run_evidence
    from pipeline.engines import model_store

    hits, path = run_evidence(people, days, model_store(settings), out, typer.echo)
    shares = f"by meaning {hits.vector:.0%}, by words {hits.words:.0%}, by both {hits.hybrid:.0%}"
    typer.echo(f"among the first {FIRST} of {hits.questions} answers: {shares}; {path}")


@bench_app.command()
def load(
    context: typer.Context,
    rooms: Annotated[
        str | None,
        typer.Option("--rooms", metavar="N,M", help="Numbers of rooms to try.", show_default="1,8,16,.. or 1,2,3,.."),
    ] = None,
    engines: Annotated[
        str, typer.Option("--engines", help="scripted, which cost nothing; or embedded: those of the settings.")
    ] = "scripted",
    speakers: Annotated[int, typer.Option("--speakers", min=1, help="Speakers in each room.")] = 1,
    seconds: Annotated[float, typer.Option("--seconds", min=5, help="How long each number is held.")] = 30.0,
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """Rooms in one process until the p99 of a hop passes its budget.

    On scripted engines: the pipeline's own cost. On embedded ones: what this machine bears, how late answers become.
    """
    if engines not in ("scripted", "embedded"):
        raise SettingError(f"--engines is {engines!r}; it must be scripted or embedded")
    real = engines == "embedded"
    counts = numbers_of(rooms or ("1,2,3,4,6,8" if real else "1,8,16,32,48,64,96"))
    settings = with_profile(context, None)

    from bench.load import run_load

    limit, path = run_load(counts, speakers, seconds, settings, folder_of(corpus), out, typer.echo, real=real)
    typer.echo(f"{limit} rooms within the budget; {path}, and the same as .png")


@bench_app.command()
def soak(
    context: typer.Context,
    minutes: Annotated[float, typer.Option("--minutes", min=0.5, help="How long.")] = 30.0,
    rooms: Annotated[int, typer.Option("--rooms", min=1, help="Rooms at once.")] = 8,
    out: _Out = Path("results"),
    corpus: _Corpus = None,
) -> None:
    """Rooms that talk without end, on scripted engines: does memory grow, are tasks or threads left over?"""
    settings = with_profile(context, None)

    from bench.soak import run_soak

    growth, path = run_soak(minutes, rooms, settings, folder_of(corpus), out, typer.echo)
    typer.echo(f"memory {growth:+.2f} % after the warm-up; {path}, and the same as .png")


@bench_app.command()
def record(context: typer.Context, out: _Out = Path("bench/results"), corpus: _Corpus = None) -> None:
    """Every figure that must hold, on a machine that does nothing else, and a table of them. An hour and a half.

    The soak is run by itself, before or after, into the same folder.
    """
    state: State = context.obj

    from bench.record import run_record

    manifest_in(folder_of(corpus))
    path = run_record(state.config, folder_of(corpus), out, typer.echo)
    typer.echo(path.read_text("utf-8"))
    typer.echo(f"{path}")


def _tell_designs(figures: "dict[str, Figures]") -> None:
    for name, of in figures.items():
        v2v = f"p50 {of.v2v.p50:.0f} ms, p95 {of.v2v.p95:.0f} ms, {of.v2v.count} answered" if of.v2v else "no answer"
        cut = len(of.cut_ins_under_1_s) + len(of.cut_ins_from_1_s) + len(of.other_cut_ins)
        typer.echo(f"{name:<12} {v2v}, {len(of.missed)} missed, {cut} cut into")
