"""The report: its schema, its figures, its page and its picture."""

import json
import os
import re
import struct
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

from personas.errors import AcoreError
from pipeline.report import (
    HeardWord,
    Input,
    Interruption,
    Report,
    Stages,
    Turn,
    load_report,
    report_turn,
    schema_document,
    summarise,
    this_machine,
    waterfall,
    write_json,
)
from pipeline.report.chart import write_chart
from pipeline.report.html import render_html, write_html
from processors.events import STAGES, TurnRecord
from processors.floor import Heard
from processors.words import Word

HOSTILE = """</title></style><script>alert('x')</script><img src=x onerror="alert(1)">&amp; 'q' "q" ]]> $x$"""


def turn(number: int = 1, *, v2v_ms: float | None = 440.0, **changes: object) -> Turn:
    stopped = 2000.0 + 8000 * number
    answered = {
        "answered": v2v_ms is not None,
        "end_confirmed_ms": stopped + 420,
        "first_audio_ms": None if v2v_ms is None else stopped + v2v_ms,
        "v2v_ms": v2v_ms,
        "spoken_until_ms": None if v2v_ms is None else stopped + 3000,
        "stages": Stages(
            vad_stop=stopped + 100,
            stt_final=stopped + 180,
            llm_first_token=stopped + 260,
            first_clause=stopped + 300,
            tts_first_audio=stopped + 340,
            out_first_packet=stopped + 425,
        ),
    }
    fields = {
        "id": number,
        "speaker": "ann",
        "speakers": ("ann",),
        "heard": "How are you?",
        "said": "Fine, and you?",
        "spoken": "Fine, and you?",
        "user_started_ms": stopped - 1500,
        "user_stopped_ms": stopped,
        "attempts": 1,
    }
    return Turn.model_validate({**fields, **answered, **changes})


def report(*turns: Turn, **changes: object) -> Report:
    fields = {
        "created": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "acore": "0.1.0",
        "machine": this_machine(),
        "engines": {"stt": "moonshine tiny"},
        "settings": {"turns.eager_ms": 100},
        "speed": "realtime",
        "inputs": (Input(speaker="ann", file="ann.wav", duration_s=20.0),),
        "turns": turns,
        "totals": summarise(turns, audio_s=20.0, wall_s=21.5),
    }
    return Report.model_validate({**fields, **changes})


class Page(HTMLParser):
    """The elements, attributes and text of a page as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = report(turn(1), turn(2, interrupted=Interruption(at_ms=19_000, by="bob")), turn(3, v2v_ms=None))
    write_json(written, tmp_path / "report.json")
    assert load_report(tmp_path / "report.json") == written
    assert json.loads((tmp_path / "report.json").read_text())["version"] == 1
    assert os.listdir(tmp_path) == ["report.json"]


def test_the_schema_document_is_that_of_the_models() -> None:
    shipped = files("pipeline.report").joinpath("report.schema.json").read_text("utf-8")
    assert shipped == schema_document(), "generate it again as the docstring of pipeline.report.schema says"


def test_every_field_of_the_schema_that_is_a_time_says_its_unit_and_every_stage_is_there() -> None:
    document = json.loads(schema_document())
    assert tuple(document["$defs"]["Stages"]["properties"]) == STAGES
    assert document["$defs"]["Turn"]["properties"]["user_stopped_ms"]["description"] == "The last voiced sample."


def test_a_report_that_is_none_is_named_in_one_line(tmp_path: Path) -> None:
    good = report(turn()).model_dump_json()
    cases = {
        "missing.json": None,
        "text.json": "hello",
        "empty.json": "",
        "newer.json": good.replace('"version":1', '"version":2'),
        "unknown.json": good.replace('"acore":', '"mystery":1,"acore":'),
    }
    for name, content in cases.items():
        path = tmp_path / name
        if content is not None:
            path.write_text(content)
        with pytest.raises(AcoreError) as error:
            load_report(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_report_cannot_be_changed_and_holds_no_nan() -> None:
    with pytest.raises(ValidationError):
        turn().said = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        turn(v2v_ms=float("nan"))


@pytest.mark.parametrize("write", [write_json, write_html, write_chart])
def test_what_cannot_be_written_is_named_and_the_old_file_stays(tmp_path: Path, write) -> None:
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "missing" / "report", tmp_path / "taken"):
        with pytest.raises(AcoreError, match=f"Cannot write {re.escape(str(path))}: "):
            write(report(turn()), path)
    assert os.listdir(tmp_path) == ["taken"]


def test_the_segments_of_a_turn_add_up_to_its_voice_to_voice_time() -> None:
    segments = waterfall(turn())
    assert [(one.name, one.duration_ms) for one in segments] == [
        ("silence", 100),
        ("stt", 80),
        ("llm", 80),
        ("clause", 40),
        ("tts", 40),
        ("held", 80),
        ("out", 5),
        ("lead", 15),
    ]
    assert segments[-1].end_ms == 440


def test_a_stage_passed_on_a_guess_only_shows_what_it_added() -> None:
    stages = Stages(vad_stop=10_100, stt_final=10_300, llm_first_token=10_250, tts_first_audio=10_400)
    segments = waterfall(turn(stages=stages, end_confirmed_ms=10_200))
    assert {one.name: one.duration_ms for one in segments} == {
        "silence": 100,
        "stt": 200,
        "llm": 0,
        "tts": 100,
        "held": 0,
        "lead": 40,
    }


def test_totals_count_turns_and_take_percentiles() -> None:
    turns = [turn(number, v2v_ms=400.0 + 10 * number) for number in range(1, 12)]
    turns += [turn(20, v2v_ms=None), turn(21, v2v_ms=460.0, interrupted=Interruption(at_ms=1, by="bob"))]
    totals = summarise(turns, audio_s=20.0, wall_s=21.5)
    assert (totals.turns, totals.answered, totals.interruptions) == (13, 12, 1)
    assert totals.v2v
    assert (totals.v2v.count, totals.v2v.p50_ms, totals.v2v.p95_ms) == (12, 460.0, 504.5)
    assert totals.stages["stt"].p50_ms == 80
    assert totals.rss_mb
    assert totals.rss_mb > 10


def test_a_conversation_without_turns_has_no_percentiles() -> None:
    totals = summarise([], audio_s=0, wall_s=0)
    assert (totals.turns, totals.v2v, totals.stages) == (0, None, {})


def test_a_turn_is_written_down_as_it_was_observed() -> None:
    record = TurnRecord(
        7,
        (Heard("ann", "hi", (Word("hi", 1000.04, 1250.0),)), Heard("bob", "hello")),
        said="Hi both. How are you?",
        spoken="Hi both.",
        started_ms=1000,
        stopped_ms=2000,
        confirmed_ms=2300,
        first_audio_ms=2400,
        spoken_until_ms=3000,
        interrupted_ms=2990,
        interrupted_by="bob",
        attempts=2,
        stages={"vad_stop": 2096.0, "out_first_packet": 2390.0},
    )
    written = report_turn(record)
    assert (written.speaker, written.speakers, written.heard) == ("ann", ("ann", "bob"), "ann: hi\nbob: hello")
    assert written.heard_words == (HeardWord(speaker="ann", text="hi", start_ms=1000.0, end_ms=1250.0),)
    assert (written.v2v_ms, written.answered, written.attempts) == (400, True, 2)
    assert written.interrupted == Interruption(at_ms=2990, by="bob")
    assert written.stages == Stages(vad_stop=2096, out_first_packet=2390)
    one = report_turn(TurnRecord(8, (Heard("ann", "hm"), Heard("ann", "hm")), reason="a back-channel"))
    assert (one.heard, one.answered, one.reason) == ("hm hm", False, "a back-channel")


def test_the_page_needs_neither_server_nor_network() -> None:
    page = render_html(report(turn(1), turn(2)), audio="talk.wav")
    assert [value for name, value in Page(page).attributes if name in ("src", "href")] == ["talk.wav"]
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_shows_every_turn_and_links_the_recording_beside_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    unanswered = turn(3, v2v_ms=None, heard="hm", reason="a back-channel needs no reply", said="", spoken="")
    shown = report(turn(1, said="I am fine."), turn(2, heard="And now?"), unanswered)
    write_html(shown, tmp_path / "out" / "report.html", audio=tmp_path / "a talk#1.wav")
    page = Page((tmp_path / "out" / "report.html").read_text())
    for words in ("I am fine.", "And now?", "a back-channel needs no reply", "440 ms", "2 of 3"):
        assert words in page.text
    assert ("src", "../a%20talk%231.wav") in page.attributes
    assert page.tags.count("article") == 3
    assert page.tags.count("svg") == 3


def test_without_a_recording_the_page_has_no_player() -> None:
    assert "audio" not in Page(render_html(report(turn()))).tags


def test_what_was_not_played_is_paler() -> None:
    cut = turn(said="Once upon a time.", spoken="Once", interrupted=Interruption(at_ms=1, by="bob"))
    assert 'Once<span class="unplayed"> upon a time.</span>' in render_html(report(cut))


def test_nothing_that_people_models_or_files_say_becomes_markup() -> None:
    hostile = turn(
        speaker=HOSTILE,
        speakers=(HOSTILE,),
        heard=HOSTILE,
        said=HOSTILE + " more",
        spoken=HOSTILE,
        reason=HOSTILE,
        interrupted=Interruption(at_ms=1, by=HOSTILE),
    )
    shown = report(
        hostile,
        engines={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
        acore=HOSTILE,
        inputs=(Input(speaker=HOSTILE, file=HOSTILE, duration_s=1),),
    )
    page = Page(render_html(shown, audio='x" onerror="alert(1)'))
    plain = Page(render_html(report(turn(interrupted=Interruption(at_ms=1, by="b"), reason="r")), audio="x"))
    assert sorted(set(page.tags)) == sorted({*plain.tags, "span"})
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_the_picture_is_a_png_as_wide_as_a_readme(tmp_path: Path, count: int) -> None:
    turns = [turn(number, heard=f"你好 😀 {HOSTILE}", v2v_ms=300.0 + number) for number in range(count)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        write_chart(report(*turns), tmp_path / "turns.png")
    png = (tmp_path / "turns.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert (width, 200 < height < 1500) == (1440, True)


def test_matplotlib_is_only_imported_for_the_picture() -> None:
    code = (
        "import sys, pipeline.report, pipeline.report.html, pipeline.report.chart; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
