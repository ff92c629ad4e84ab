"""What the store promises whoever asks it for a model."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from processors.errors import ModelCorruptError, ModelError, ModelMissingError
from processors.models import Model, ModelStore, Progress, Stage, State, default_folder, files, pull, verification
from processors.models.hub import Hub
from processors.models.manifest import InstalledFolder

from .loopback_hub import LoopbackHub, hang, hold
from .worlds import CONTENT, file_of, hub_name, hub_opener, hub_source, manifest_of, model_of, store_of

TINY = model_of(file_of(CONTENT, hub_source("weights.bin")))
ROOT = Path(__file__).parents[3]


def _no_hub() -> Hub:
    raise AssertionError("the network was touched")


def _placed(folder: Path, content: bytes = CONTENT) -> ModelStore:
    """An offline store in which the file lies already."""
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny" / "weights.bin").write_bytes(content)
    return ModelStore(folder, offline=True, models=manifest_of(TINY), open_hub=_no_hub)


def _state(store: ModelStore) -> State:
    return store.status()[0].state


def test_a_missing_model_names_the_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError) as caught:
        store_of(tmp_path, TINY).resolve("tiny")
    assert str(tmp_path / "tiny" / "weights.bin") in str(caught.value)
    assert "`acore models pull tiny`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_offline_a_pull_touches_no_network_and_says_so(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, offline=True, models=manifest_of(TINY), open_hub=_no_hub)
    with pytest.raises(ModelMissingError, match=r"weights\.bin is missing.*offline mode is on"):
        store.pull("tiny")


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model is called 'tony'; did you mean 'tiny'\?"):
        store_of(tmp_path, TINY).resolve("tony")


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", CONTENT[:-1] + b"!", b""])
def test_a_corrupt_file_is_named_set_aside_and_never_loaded(tmp_path: Path, content: bytes) -> None:
    store = _placed(tmp_path, content)
    with pytest.raises(ModelCorruptError, match=r"weights\.bin is corrupt .*set aside as weights\.bin\.corrupt"):
        store.resolve("tiny")
    assert [p.name for p in (tmp_path / "tiny").iterdir()] == ["weights.bin.corrupt"]
    with pytest.raises(ModelMissingError):
        store.resolve("tiny")


def test_a_pull_replaces_a_corrupt_file(hub: LoopbackHub, tmp_path: Path) -> None:
    _placed(tmp_path, b"?" * len(CONTENT))
    assert store_of(tmp_path, TINY, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert (tmp_path / "tiny" / "weights.bin.corrupt").exists()


def test_an_untouched_file_is_hashed_once_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _placed(tmp_path).resolve("tiny")
    monkeypatch.setattr(verification, "sha256_of", lambda *_: pytest.fail("hashed again"))
    ModelStore(tmp_path, models=manifest_of(TINY)).resolve("tiny")


def test_a_pulled_file_is_not_hashed_again_to_be_used(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "sha256_of", lambda *_: pytest.fail("hashed again"))
    store_of(tmp_path, TINY, hub.endpoint).pull("tiny")


def test_a_file_changed_since_it_was_hashed_is_hashed_again(tmp_path: Path) -> None:
    store = _placed(tmp_path)
    path = store.resolve("tiny").main
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(ModelCorruptError):
        store.resolve("tiny")


def test_a_file_swapped_for_another_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    store = _placed(tmp_path)
    path = store.resolve("tiny").main
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(CONTENT[:-1] + b"!")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)
    with pytest.raises(ModelCorruptError):
        store.resolve("tiny")


def test_verify_reads_every_byte_whatever_is_remembered(tmp_path: Path) -> None:
    store = _placed(tmp_path)
    path = store.resolve("tiny").main
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(bytes([CONTENT[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    store.resolve("tiny")
    with pytest.raises(ModelCorruptError):
        store.verify("tiny")


def test_a_memory_that_cannot_be_read_or_written_costs_only_time(tmp_path: Path) -> None:
    store = _placed(tmp_path)
    (tmp_path / ".work").write_text("a file where the folder should be")
    assert store.resolve("tiny").main.exists()


def test_status_tells_the_states_apart_without_reading_files(tmp_path: Path) -> None:
    assert _state(store_of(tmp_path, TINY)) is State.MISSING
    store = _placed(tmp_path)
    assert _state(store) is State.UNVERIFIED
    path = store.resolve("tiny").main
    assert _state(store) is State.READY
    path.write_bytes(b"short")
    assert _state(store) is State.CORRUPT


def test_status_of_a_model_with_some_of_its_files_is_incomplete(tmp_path: Path) -> None:
    model = model_of(file_of(b"one", hub_source("one"), path="one"), file_of(b"two", hub_source("two"), path="two"))
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "one").write_bytes(b"one")
    assert _state(store_of(tmp_path, model)) is State.INCOMPLETE


def test_only_the_files_that_lack_are_fetched(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.files[hub_name("deep/two")] = b"two"
    model = model_of(
        file_of(CONTENT, hub_source("weights.bin")), file_of(b"two", hub_source("deep/two"), path="deep/two")
    )
    _placed(tmp_path)
    resolved = store_of(tmp_path, model, hub.endpoint).pull("tiny")
    assert resolved.files["deep/two"].read_bytes() == b"two"
    assert len(hub.downloads) == 1


def test_a_model_brings_the_files_of_the_models_it_needs(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.files[hub_name("voice")] = b"voice"
    voices = model_of(file_of(b"voice", hub_source("voice"), path="voice"), name="voices")
    network = Model("network", "tts", "for tests", "CC0-1.0", TINY.files, needs=("voices",))
    store = ModelStore(tmp_path, models=manifest_of(voices, network), open_hub=hub_opener(hub.endpoint))
    resolved = store.pull("network")
    assert resolved.main == tmp_path / "network" / "weights.bin"
    assert resolved.files["voice"] == tmp_path / "voices" / "voice"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model's file as part of an installed Python distribution."""
    site = tmp_path / "site"
    (site / "some_speech-1.0.dist-info").mkdir(parents=True)
    (site / "some_speech-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: some-speech\nVersion: 1.0\n"
    )
    path = site / "some_speech" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(site))
    return path


BUNDLED = Model(
    "tiny",
    "stt",
    "for tests",
    "CC0-1.0",
    TINY.files,
    installed=InstalledFolder("some-speech", "1.0", "some_speech"),
)


def test_a_model_that_came_with_a_package_is_used_in_place(tmp_path: Path, installed: Path) -> None:
    store = ModelStore(tmp_path / "store", offline=True, models=manifest_of(BUNDLED), open_hub=_no_hub)
    assert store.pull("tiny").main == installed


def test_a_corrupt_file_of_a_package_is_refused_but_left_alone(tmp_path: Path, installed: Path) -> None:
    installed.write_bytes(b"?" * len(CONTENT))
    store = ModelStore(tmp_path / "store", offline=True, models=manifest_of(BUNDLED), open_hub=_no_hub)
    with pytest.raises(ModelCorruptError, match="came with a Python package"):
        store.resolve("tiny")
    assert installed.exists()


def test_a_pull_mends_a_corrupt_package_with_a_copy_in_the_store(
    hub: LoopbackHub, tmp_path: Path, installed: Path
) -> None:
    installed.write_bytes(b"?" * len(CONTENT))
    store = store_of(tmp_path / "store", BUNDLED, hub.endpoint)
    assert store.pull("tiny").main == tmp_path / "store" / "tiny" / "weights.bin"
    assert store.resolve("tiny").main.read_bytes() == CONTENT


def test_a_full_disk_is_noticed_before_the_first_byte(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda folder: 1_000_000)
    with pytest.raises(ModelError, match=r"no disk space for weights\.bin: 3 MB needed .*ACORE_MODELS_DIR"):
        store_of(tmp_path, TINY, hub.endpoint).pull("tiny")
    assert hub.downloads == []


def test_a_disk_that_fills_up_on_the_way_is_one_clear_line(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(partial: Path, final: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(final))

    monkeypatch.setattr(pull, "publish", full)
    with pytest.raises(ModelError, match=r"weights\.bin: no disk space left; .*ACORE_MODELS_DIR"):
        store_of(tmp_path, TINY, hub.endpoint).pull("tiny")
    monkeypatch.undo()
    assert store_of(tmp_path, TINY, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert len(hub.downloads) == 1


def test_a_folder_that_cannot_be_written_is_named_with_its_setting(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match=r"/models.*ACORE_MODELS_DIR"):
        store_of(tmp_path / "models", TINY, hub.endpoint).pull("tiny")


def test_a_work_folder_that_cannot_be_written_is_named_with_its_setting(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / ".work").write_text("a file")
    with pytest.raises(ModelError, match=r"cannot store models in .*\.work.*ACORE_MODELS_DIR"):
        store_of(tmp_path, TINY, hub.endpoint).pull("tiny")


def test_the_folder_comes_from_the_environment_or_from_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORE_MODELS_DIR", "/somewhere/models")
    assert default_folder() == Path("/somewhere/models")
    monkeypatch.delenv("ACORE_MODELS_DIR")
    assert default_folder().parts[-2:] == ("acore", "models")


def _puller(folder: Path, hub: LoopbackHub) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.processors.models.puller", str(folder), hub.endpoint]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_pull_one_model_download_it_once(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(hold())
    with _puller(tmp_path, hub) as first:
        assert hub.arrived.wait(30)
        with _puller(tmp_path, hub) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "waiting\n"
            hub.released.set()
            outputs = [process.communicate(timeout=30)[0].split() for process in (first, second)]
    assert [output[-1] for output in outputs] == [str(len(CONTENT))] * 2
    assert hub.downloads == [""]


def test_a_killed_pull_releases_its_lock_and_the_next_one_goes_on(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(hang(2_000_000))
    with _puller(tmp_path, hub) as doomed:
        assert hub.arrived.wait(30)
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "downloading\n"
        doomed.kill()
    assert store_of(tmp_path, TINY, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT


def test_two_threads_that_pull_one_model_download_it_once(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(hold())
    store, waiting = store_of(tmp_path, TINY, hub.endpoint, read_s=60.0), threading.Event()

    def notice(progress: Progress) -> None:
        if progress.stage is Stage.WAITING:
            waiting.set()
            hub.released.set()

    threads = [threading.Thread(target=store.pull, args=("tiny", notice)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert waiting.is_set()
    assert hub.downloads == [""]
    assert store.resolve("tiny").main.read_bytes() == CONTENT
