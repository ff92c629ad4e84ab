"""The designs hold a conversation of two turns and leave a recording that can be measured."""

import asyncio
from pathlib import Path

import pytest

from bench.compare import DESIGNS, ratios
from bench.corpus.build import Workshop, build
from bench.corpus.levels import Pcm
from bench.corpus.manifest import Kind, Turn
from bench.corpus.plan import Recipe
from bench.corpus.recordings import SENTENCES
from bench.figures import summarise
from bench.measure import Outcome, Recording, measure
from bench.rooms import scripted
from personas.library import load_character
from pipeline.engines import running_engines
from pipeline.settings import Settings
from processors.speaking.scripted import ScriptedTts
from processors.virtual_time import VirtualTimeLoop

Sounds = list[tuple[Turn, Pcm]]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    """A human question of a second, asked twice."""
    workshop = Workshop(ScriptedTts(), tmp_path_factory.mktemp("downloads"))
    question = next(clip for clip in SENTENCES if clip.voice == "actor")
    recipes = [Recipe(f"plain-{number}", Kind.PLAIN, question) for number in (0, 1)]

    async def make() -> Sounds:
        return [(turn, sound) for sound, turn in [await build(recipe, workshop) for recipe in recipes]]

    return asyncio.run(make())


def settings() -> Settings:
    base = scripted(Settings())
    hearing = base.hearing.model_copy(update={"scripted_lines": ("What are you talking about?",)})
    language = base.language.model_copy(update={"scripted_replies": ("All right.",)})
    return base.model_copy(update={"hearing": hearing, "language": language})


def hold(name: str, sounds: Sounds, out: Path, *, virtual: bool) -> Recording:
    async def main() -> Recording:
        chosen = settings()
        async with running_engines(chosen) as engines:
            return await DESIGNS[name](engines, chosen, load_character("ava")).play(sounds, out)

    with asyncio.Runner(loop_factory=VirtualTimeLoop if virtual else None) as runner:
        return runner.run(main())


@pytest.mark.parametrize(
    ("name", "virtual", "least_ms", "most_ms"),
    [
        # 60 ms of transcript, 80 of first token, 25 of voice, and the silence each design waits for.
        ("acore", True, 200, 900),
        ("sequential", True, 1000, 1600),
        # The peers take the wall clock for some of their timers: they cannot run on a virtual one.
        ("pipecat", False, 300, 4500),
        ("livekit", False, 300, 5000),
    ],
)
def test_a_design_answers_both_turns_in_its_own_time(
    name: str, virtual: bool, least_ms: float, most_ms: float, sounds: Sounds, tmp_path: Path
) -> None:
    if name == "livekit":
        pytest.importorskip("livekit.agents", reason="an optional design, in the extra bench-livekit")
    recording = hold(name, sounds, tmp_path / "run.wav", virtual=virtual)
    outcomes = measure(recording)

    assert [outcome.id for outcome in outcomes] == ["plain-0", "plain-1"]
    assert [outcome.answers for outcome in outcomes] == [1, 1]
    for outcome in outcomes:
        assert outcome.v2v_ms is not None
        assert least_ms <= outcome.v2v_ms <= most_ms
    assert summarise(outcomes, [turn for turn, _ in sounds]).wer == 0


def test_the_ratio_is_ours_to_theirs() -> None:
    ours = summarise([Outcome("a", Kind.PLAIN, True, v2v_ms=300)], [turn_named("a")])
    theirs = summarise([Outcome("a", Kind.PLAIN, True, v2v_ms=1500)], [turn_named("a")])

    assert ratios({"acore": ours, "pipecat": theirs}) == {"pipecat": 0.2}


def turn_named(name: str) -> Turn:
    return Turn(name, Kind.PLAIN, "somebody", True, "hello", "a.wav", "", 100, 0, 100)
