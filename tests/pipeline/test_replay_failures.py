"""Everything that can be wrong with a replay's files: one line, an exit code, no traceback, nothing half-written."""

import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.cli import main
from tests.pipeline.replays import tone
from tests.sounds import silence, write

Run = tuple[int, str]
Acore = Callable[..., Run]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STT_ENGINE", "LLM_PROVIDER", "TTS_ENGINE"):
        monkeypatch.setenv(name, "scripted")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good.wav", silence(0.2), tone(0.5), silence(0.5))
    return tmp_path


@pytest.fixture
def acore(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs the command line in this process."""

    def run(*words: str | Path) -> Run:
        monkeypatch.setattr("sys.argv", ["acore", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        return code, capsys.readouterr().err.strip()

    return run


def fails_in_one_line(run: Run, *mentioned: str) -> None:
    code, error = run
    assert code not in (0, None)
    assert len(error.splitlines()) == 1, error
    assert error.startswith("acore: ")
    assert "Traceback" not in error
    for word in mentioned:
        assert word in error


def _truncated(path: Path) -> None:
    whole = path.with_name("good.wav").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _compressed(path: Path) -> None:
    soundfile.write(path, np.zeros(8000, np.int16), 8000, format="WAV", subtype="ULAW")


BAD_INPUTS = {
    "missing": (lambda path: None, "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("this is no sound at all, only words"), "not a WAV"),
    "a folder": (lambda path: path.mkdir(), "folder"),
    "half a header": (lambda path: path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt "), "cut short"),
    "cut short": (_truncated, "cut short"),
    "no samples": (lambda path: soundfile.write(path, np.zeros(0, np.int16), 16000), "no sound"),
    "compressed": (_compressed, "PCM"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_a_bad_input_is_named_and_leaves_no_output(name: str, here: Path, acore: Acore) -> None:
    make, reason = BAD_INPUTS[name]
    make(here / "bad.wav")
    before = set(here.iterdir())
    words = ("replay", "bad.wav", "--out", "o.wav", "--report", "r.json", "--html", "r.html", "--speed", "fast")
    fails_in_one_line(acore(*words), "bad.wav", reason)
    assert set(here.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "name"),
    [("--out", "no/such/folder/o.wav"), ("--report", "no/such/r.json"), ("--html", "no/r.html"), ("--out", "taken")],
)
def test_an_output_that_cannot_be_written_is_named_before_any_work(
    option: str, name: str, here: Path, acore: Acore
) -> None:
    (here / "taken").mkdir()
    before = set(here.iterdir())
    run = acore("replay", "good.wav", option, name, "--speed", "fast")
    fails_in_one_line(run, name)
    assert set(here.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "mentioned"),
    [
        ((), "INPUT.wav"),
        (("good.wav", "--stereo"), "--out"),
        (("--speaker", "good.wav"), "NAME=FILE"),
        (("--speaker", "a=good.wav", "--speaker", "a=good.wav"), "twice"),
        (("good.wav", "--persona", "nobody"), "nobody"),
    ],
)
@pytest.mark.usefixtures("here")
def test_words_that_make_no_sense_are_explained(words: tuple[str, ...], mentioned: str, acore: Acore) -> None:
    fails_in_one_line(acore("replay", *words), mentioned)


def test_a_full_disk_ends_the_replay_and_what_was_written_is_marked_as_partial(here: Path, acore: Acore) -> None:
    write(here / "long.wav", silence(0.3), tone(0.5), silence(20))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        words = ("replay", "long.wav", "--out", "o.wav", "--stereo", "--report", "r.json", "--speed", "fast")
        run = acore(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    fails_in_one_line(run, "o.wav")
    assert not (here / "o.wav").exists()
    assert not (here / "r.json").exists()
    assert soundfile.info(here / "o.partial.wav").duration > 1


def test_a_missing_model_is_named_with_the_command_that_fetches_it(
    here: Path, acore: Acore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_PROVIDER", "embedded")
    monkeypatch.setenv("ACORE_MODELS_DIR", str(here / "models"))
    run = acore("replay", "good.wav", "--out", "o.wav")
    fails_in_one_line(run, "smollm2-135m-instruct", "acore models pull")
    assert not list(here.glob("o*.wav"))


def test_a_corrupt_model_is_named_and_not_loaded(here: Path, acore: Acore, monkeypatch: pytest.MonkeyPatch) -> None:
    from processors.models import ModelStore

    entry = ModelStore().model("smollm2-135m-instruct")
    folder = here / "models" / entry.name
    folder.mkdir(parents=True)
    for file in entry.files:
        (folder / file.path).write_bytes(b"GGUF this is not")
    monkeypatch.setenv("LLM_PROVIDER", "embedded")
    monkeypatch.setenv("ACORE_MODELS_DIR", str(here / "models"))
    run = acore("replay", "good.wav")
    fails_in_one_line(run, "smollm2-135m-instruct")


def test_a_model_file_of_ones_own_that_is_no_model_is_named(
    here: Path, acore: Acore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from processors.models import ModelStore

    with ModelStore().resolve("smollm2-135m-instruct").main.open("rb") as weights:
        cut = weights.read(2 << 20)
    monkeypatch.setenv("LLM_PROVIDER", "embedded")
    for name, content in (("gone.gguf", None), ("junk.gguf", b"not a model" * 100), ("cut.gguf", cut)):
        if content:
            (here / name).write_bytes(content)
        monkeypatch.setenv("LANGUAGE_EMBEDDED_MODEL", str(here / name))
        run = acore("replay", "good.wav")
        fails_in_one_line(run, name, "LANGUAGE_EMBEDDED_MODEL")


def test_with_debug_an_error_shows_where_it_came_from(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from processors.errors import AudioError

    monkeypatch.setattr("sys.argv", ["acore", "--debug", "replay", "none.wav"])
    with pytest.raises(AudioError, match=r"none\.wav"):
        main()


def test_an_existing_output_is_replaced_only_when_the_new_one_is_whole(here: Path, acore: Acore) -> None:
    shutil.copy(here / "good.wav", here / "o.wav")
    before = (here / "o.wav").read_bytes()
    _truncated(here / "bad.wav")
    acore("replay", "bad.wav", "--out", "o.wav", "--speed", "fast")
    assert (here / "o.wav").read_bytes() == before
    code, _ = acore("replay", "good.wav", "--out", "o.wav", "--speed", "fast")
    assert code == 0
    assert (here / "o.wav").read_bytes() != before
