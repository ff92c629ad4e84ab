"""`acore doctor`: one line a check, and a failing exit code when something that is needed fails."""

import asyncio
import json
import socket
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from personas.errors import CardError
from pipeline import doctor
from pipeline.characters import running_cast, shelf_of
from pipeline.cli import app
from pipeline.doctor import Check, Grade, check_engines, examine
from pipeline.settings import Settings, load_settings
from tests.pipeline.replays import scripted

Run = Callable[..., Result]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`acore doctor` on scripted engines, with whatever else is set."""
    monkeypatch.chdir(tmp_path)

    def examine_with(**environment: str) -> Result:
        base = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}
        for name, value in {**base, **environment}.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["doctor"], catch_exceptions=False)

    return examine_with


def checks_of(settings: Settings) -> dict[str, Check]:
    async def collect() -> dict[str, Check]:
        return {check.name: check async for check in examine(settings)}

    return asyncio.run(collect())


def failing(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith("failed")]


def test_a_machine_that_is_well_passes(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    assert failing(result) == []
    for subject in ("settings", "python", "cores", "disk", "character", "vad", "stt", "llm", "tts", "libopus", "ports"):
        assert any(line.split(maxsplit=1)[1].startswith(subject) for line in result.stdout.splitlines()), subject


def test_every_line_that_is_not_good_says_what_to_do(run: Run) -> None:
    result = run(LLM_PROVIDER="nobody", PERSONA_CHARACTER="nobody", ACORE_MODELS_DIR="/proc/nowhere")
    lines = [line for line in result.stdout.splitlines() if not line.startswith("good")]
    assert len(lines) >= 3
    assert all("->" in line for line in lines)
    assert result.exit_code == 1


def test_a_wrong_setting_is_one_failing_line_and_the_rest_is_still_checked(run: Run) -> None:
    result = run(TURNS_EAGER_MS="soon", LLM_PROVIDER="scripted")
    assert "TURNS_EAGER_MS is 'soon'" in failing(result)[0]
    assert "libopus" in result.stdout
    assert result.exit_code == 1


def test_a_missing_model_names_the_command_that_fetches_it(run: Run, tmp_path: Path) -> None:
    result = run(LLM_PROVIDER="embedded", ACORE_MODELS_DIR=str(tmp_path / "models"))
    assert any("acore models pull smollm2-135m-instruct" in line for line in failing(result))
    assert result.exit_code == 1


def test_an_unknown_engine_is_named_with_those_there_are(run: Run) -> None:
    (line,) = failing(run(TTS_ENGINE="gramophone"))
    assert "gramophone" in line
    assert "hibari" in line


def test_an_unknown_character_is_named(run: Run) -> None:
    (line,) = failing(run(PERSONA_CHARACTER="nobody"))
    assert "nobody" in line
    assert "PERSONA_CHARACTER" in line


def card(folder: Path, name: str, **acore: object) -> Path:
    path = folder / f"{name.lower()}.json"
    data = {"name": name, "description": "Old.", "extensions": {"acore": acore}}
    path.write_text(json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}))
    return path


@pytest.mark.parametrize(
    ("acore", "setting"),
    [
        ({"pronunciations": {"SQL": "/sequel"}}, "extensions.acore.pronunciations"),
        ({"rvc": {"pitch": 99}}, "extensions.acore.rvc.pitch"),
        ({"rvc": {"pich": 1}}, "extensions.acore.rvc.pich"),
        ({"speed": 9}, "extensions.acore.speed"),
    ],
)
def test_a_card_with_a_wrong_setting_is_named_with_its_file_and_so_it_is_at_start(
    run: Run, tmp_path: Path, acore: dict[str, object], setting: str
) -> None:
    path = card(tmp_path, "Nell", **acore)
    (line,) = failing(run(PERSONA_CHARACTER=str(path)))
    for part in ("character: ", str(path), f"`{setting}`", "PERSONA_CHARACTER"):
        assert part in line
    settings = load_settings(environ={"PERSONA_CHARACTER": str(path), "ACORE_DATA_DIR": str(tmp_path / "data")})

    async def start() -> None:
        async with running_cast(settings, shelf_of(settings), None):
            pass

    with pytest.raises(CardError) as refused:
        asyncio.run(start())
    assert f"{path}: Nell: `{setting}`" in str(refused.value)


def test_an_imported_card_that_will_be_left_out_is_named_with_its_file(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "characters"
    folder.mkdir()
    card(folder, "Good")
    path = card(folder, "Nell", pronunciations={"SQL": "/sequel"})
    result = run(CHARACTERS_FOLDER=str(folder), PERSONA_CHARACTER="Good")
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("warning") and "left out" in line]
    assert str(path) in line
    assert "`extensions.acore.pronunciations`" in line
    assert "character: Good" in result.stdout


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(1 << 40, 1 << 40, 1000))
    checks = checks_of(scripted())
    assert checks["disk (models)"].grade is Grade.FAILED
    assert "free" in checks["disk (models)"].remedy


def test_one_core_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    assert doctor.check_cores().grade is Grade.WARNING


def test_an_old_python_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert doctor.check_python().grade is Grade.FAILED


def test_no_libopus_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from transports.discord.errors import OpusError

    def none(*words: object) -> None:
        raise OpusError("libopus was not found")

    monkeypatch.setattr(doctor, "Encoder", none)
    assert doctor.check_libopus().grade is Grade.FAILED


def test_sockets_that_cannot_be_opened_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    check = doctor.check_ports()
    assert check.grade is Grade.FAILED
    assert "UDP" in check.found


def test_without_a_token_discord_is_a_warning_only() -> None:
    assert checks_of(scripted())["discord"].grade is Grade.WARNING


def test_a_token_without_a_reachable_discord_fails() -> None:
    settings = scripted(discord={"token": "secret-token", "api_base": "http://127.0.0.1:9/api"})
    check = checks_of(settings)["discord"]
    assert check.grade is Grade.FAILED
    assert "127.0.0.1:9" in check.found
    assert "secret-token" not in check.found + check.remedy


def test_an_engine_that_never_starts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from processors.speaking.scripted import ScriptedTts

    async def never(self: ScriptedTts) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(ScriptedTts, "start", never)
    monkeypatch.setattr(doctor, "_START_S", 0.05)
    check = checks_of(scripted())["tts scripted"]
    assert check.grade is Grade.FAILED
    assert "0.05 s" in check.found


def test_a_package_that_is_not_there_is_a_failing_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from processors.speaking.scripted import ScriptedTts

    async def missing(self: ScriptedTts) -> None:
        raise ModuleNotFoundError("No module named 'hibari'")

    monkeypatch.setattr(ScriptedTts, "start", missing)
    check = checks_of(scripted())["tts scripted"]
    assert check.grade is Grade.FAILED
    assert "hibari" in check.found
    assert "make install" in check.remedy


def test_the_embedded_engines_are_really_tried() -> None:
    checks = checks_of(Settings())
    for name, did in (("stt moonshine", "transcribes"), ("llm embedded", "answers"), ("tts hibari", "speaks")):
        assert checks[name].grade is Grade.GOOD
        assert checks[name].found.startswith(did)


async def test_each_engine_of_a_list_is_tried_by_itself_and_so_are_thinking_and_conversion():
    settings = load_settings(
        environ={
            "STT_ENGINE": "parakeet-http",
            "PARAKEET_API_URL": "http://127.0.0.1:9",
            "HEARING_FALLBACKS": '["scripted"]',
            "LLM_PROVIDER": "scripted",
            "LANGUAGE_FALLBACKS": '["openai:tiny"]',
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "TTS_ENGINE": "scripted",
            "THINKING_PROVIDER": "scripted",
            "RVC_ENABLED": "true",
            "RVC_MODE": "webui",
        }
    )
    checks = {check.name: check async for check in check_engines(settings)}
    good = {name for name, check in checks.items() if check.grade is Grade.GOOD}
    assert good == {"vad silero", "stt scripted", "llm scripted", "tts scripted", "thinking"}
    assert "PARAKEET_API_URL" in checks["stt parakeet-http"].found
    assert "STT_ENGINE" in checks["stt parakeet-http"].remedy
    assert "OPENAI_BASE_URL" in checks["llm openai:tiny"].found
    assert "LANGUAGE_FALLBACKS" in checks["llm openai:tiny"].remedy
    assert "RVC_WEBUI_URL" in checks["rvc webui"].found or "RVC_MODEL" in checks["rvc webui"].found
