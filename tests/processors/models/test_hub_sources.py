"""Pulls from a hub, and everything a network does to them."""

import json
from pathlib import Path

import pytest

from processors.errors import ModelCorruptError, ModelMissingError
from processors.models import ModelStore, Progress, Stage

from .loopback_hub import LoopbackHub, cut, elsewhere, endless, from_the_start, garble, hang, refuse
from .worlds import (
    CONTENT,
    REVISION,
    file_of,
    hub_name,
    hub_opener,
    hub_source,
    manifest_of,
    model_of,
    sha256,
    store_of,
)

PINNED = model_of(file_of(CONTENT, hub_source("weights.bin")))
UNPINNED = model_of(file_of(CONTENT, hub_source("weights.bin"), pinned=False))
MB = 1 << 20


def test_a_pull_follows_the_redirect_and_leaves_a_verified_file(hub: LoopbackHub, tmp_path: Path) -> None:
    resolved = store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    assert resolved.main.read_bytes() == CONTENT
    assert resolved.main == tmp_path / "tiny" / "weights.bin"
    assert hub.downloads == [""]


def test_the_origin_of_a_file_is_recorded_with_its_commit(hub: LoopbackHub, tmp_path: Path) -> None:
    store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    origin = json.loads((tmp_path / "tiny" / "origin.json").read_text())["weights.bin"]
    assert origin == {"sha256": sha256(CONTENT), "size": len(CONTENT), "source": f"hub someone/some-model@{REVISION}"}


def test_a_second_pull_asks_nobody(hub: LoopbackHub, tmp_path: Path) -> None:
    store = store_of(tmp_path, PINNED, hub.endpoint)
    store.pull("tiny")
    heads = hub.heads
    store.pull("tiny")
    assert (hub.heads, len(hub.downloads)) == (heads, 1)


def test_a_connection_cut_in_the_middle_goes_on_where_it_stopped(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(cut(2 * MB))
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={2 * MB}-"]


def test_a_hanging_server_is_left_and_the_download_goes_on(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(hang(MB))
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={MB}-"]


def test_an_interrupted_pull_goes_on_in_the_next_run(hub: LoopbackHub, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage is Stage.DOWNLOADING and progress.done_bytes >= MB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny", interrupt)
    assert not (tmp_path / "tiny" / "weights.bin").exists()
    arrived = next(tmp_path.rglob("*.part")).stat().st_size
    assert arrived >= MB
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={arrived}-"]


def test_progress_counts_up_to_the_size_of_the_file(hub: LoopbackHub, tmp_path: Path) -> None:
    steps: list[Progress] = []
    store_of(tmp_path, PINNED, hub.endpoint).pull("tiny", steps.append)
    downloaded = [step.done_bytes for step in steps if step.stage is Stage.DOWNLOADING]
    assert downloaded == sorted(downloaded)
    assert downloaded[-1] == len(CONTENT)
    assert steps[-1].stage is Stage.READY


def test_too_many_requests_are_waited_out_as_long_as_the_hub_asks(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend([refuse(429, Retry_After="7"), refuse(503)])
    sleeps: list[float] = []
    store = ModelStore(tmp_path, models=manifest_of(PINNED), open_hub=hub_opener(hub.endpoint, sleeps))
    assert store.pull("tiny").main.read_bytes() == CONTENT
    assert sleeps == [7.0, 1.0]


def test_a_hub_that_asks_for_too_long_a_pause_is_given_up(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(refuse(429, Retry_After="3600"))
    with pytest.raises(ModelMissingError, match="asks to wait 3600 s"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")


def test_a_hub_that_fails_without_progress_is_given_up(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend([refuse(500)] * 3)
    with pytest.raises(ModelMissingError, match="status 500"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    assert len(hub.downloads) == 3


def test_failures_with_progress_between_them_do_not_use_patience_up(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend(cut(step * 400_000) for step in range(1, 7))
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert len(hub.downloads) == 7


def test_bytes_damaged_once_on_the_way_are_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(garble())
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", ""]


def test_bytes_that_stay_wrong_are_never_stored(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend([garble(), garble()])
    with pytest.raises(ModelMissingError, match=r"sent a wrong weights\.bin: checksum"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    assert not list(tmp_path.rglob("weights.bin*"))
    assert not list(tmp_path.rglob("*.part"))


def test_a_server_without_ranges_begins_again_from_the_start(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend([cut(MB), from_the_start()])
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={MB}-"]


def test_a_server_that_continues_elsewhere_is_not_believed(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.extend([cut(MB), elsewhere()])
    assert store_of(tmp_path, PINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={MB}-", ""]


def test_more_bytes_than_announced_are_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.append(endless())
    with pytest.raises(ModelMissingError, match="more than the 3000000 bytes"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")


def test_a_hub_that_announces_another_file_is_refused_before_the_transfer(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.files[hub_name("weights.bin")] = b"another file"
    with pytest.raises(ModelMissingError, match="holds another"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    assert hub.downloads == []


def test_a_file_the_hub_does_not_have_is_not_asked_for_twice(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.files.clear()
    with pytest.raises(ModelMissingError, match="status 404"):
        store_of(tmp_path, PINNED, hub.endpoint).pull("tiny")
    assert hub.heads == 1


def test_a_hub_out_of_reach_is_named_with_the_setting_that_names_a_mirror(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"127\.0\.0\.1:9 cannot be reached .*HF_ENDPOINT"):
        store_of(tmp_path, PINNED).pull("tiny")


def test_the_mirror_named_by_the_environment_is_used(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.endpoint}/")
    assert store_of(tmp_path, PINNED, endpoint=None).pull("tiny").main.read_bytes() == CONTENT


def test_an_unusable_mirror_address_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "mirror.example")
    with pytest.raises(ModelMissingError, match="HF_ENDPOINT"):
        store_of(tmp_path, PINNED, endpoint=None).pull("tiny")


def test_an_unpinned_file_is_held_to_what_the_hub_stated_from_then_on(hub: LoopbackHub, tmp_path: Path) -> None:
    pulled = store_of(tmp_path, UNPINNED, hub.endpoint).pull("tiny")
    offline = ModelStore(tmp_path, offline=True, models=manifest_of(UNPINNED))
    assert offline.resolve("tiny").main.read_bytes() == CONTENT
    pulled.main.write_bytes(b"x" * len(CONTENT))
    with pytest.raises(ModelCorruptError, match=r"weights\.bin is corrupt"):
        offline.resolve("tiny")


def test_an_unpinned_file_that_is_not_what_the_hub_stated_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.announced[hub_name("weights.bin")] = sha256(b"something else")
    with pytest.raises(ModelMissingError, match="sent a wrong"):
        store_of(tmp_path, UNPINNED, hub.endpoint).pull("tiny")


def test_an_unpinned_file_without_a_stated_checksum_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.announced[hub_name("weights.bin")] = "not-a-checksum"
    with pytest.raises(ModelMissingError, match="states no checksum"):
        store_of(tmp_path, UNPINNED, hub.endpoint).pull("tiny")


def test_a_small_unpinned_file_is_checked_against_its_git_id(hub: LoopbackHub, tmp_path: Path) -> None:
    name = hub_name("weights.bin")
    hub.small.add(name)
    assert store_of(tmp_path / "good", UNPINNED, hub.endpoint).pull("tiny").main.read_bytes() == CONTENT
    hub.announced[name] = "0" * 40
    with pytest.raises(ModelMissingError, match="sent a wrong"):
        store_of(tmp_path / "bad", UNPINNED, hub.endpoint).pull("tiny")


def test_an_unpinned_file_put_there_by_hand_is_checked_and_kept(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "weights.bin").write_bytes(CONTENT)
    store = store_of(tmp_path, UNPINNED, hub.endpoint)
    with pytest.raises(ModelMissingError, match="never checked"):
        store.resolve("tiny")
    store.pull("tiny")
    assert hub.downloads == []
