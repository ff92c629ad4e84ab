"""The manifest as shipped, and what an entry may not be."""

import subprocess
import sys
from pathlib import Path

import pytest

from processors.models import Model, ModelFile, ModelStore
from processors.models.catalogue import MODELS
from processors.models.manifest import ArchiveSource, HubSource, index

from .worlds import CONTENT, file_of, hub_source, model_of, sha256

ROOT = Path(__file__).parents[3]


def test_every_default_model_can_be_had_without_a_hub() -> None:
    defaults = [model for model in MODELS.values() if model.default]
    assert {model.kind for model in defaults} == {"stt", "llm", "tts", "embedding"}
    for model in defaults:
        assert model.pinned
        assert all(any(isinstance(source, ArchiveSource) for source in file.sources) for file in model.files)


def test_only_what_lives_on_a_hub_alone_is_not_pinned() -> None:
    unpinned = [file for model in MODELS.values() for file in model.files if not file.pinned]
    assert all(len(file.sources) == 1 and isinstance(file.sources[0], HubSource) for file in unpinned)


def test_better_chat_models_are_offered_by_name() -> None:
    chat = {name for name, model in MODELS.items() if model.kind == "llm" and not model.default}
    assert chat == {"qwen2.5-0.5b-instruct", "qwen2.5-1.5b-instruct", "smollm2-1.7b-instruct"}


@pytest.mark.parametrize("name", ["moonshine-tiny-en", "hibari-heart"])
def test_the_weights_installed_with_the_embedded_engines_are_the_ones_of_the_manifest(
    tmp_path: Path, name: str
) -> None:
    resolved = ModelStore(tmp_path, offline=True).pull(name)
    assert tmp_path not in resolved.folder.parents
    assert all(path.is_file() for path in resolved.files.values())


def test_a_branch_is_no_revision() -> None:
    with pytest.raises(ValueError, match="'main' is not a full commit id"):
        HubSource("someone/some-model", "main", "weights.bin")


@pytest.mark.parametrize("path", ["../weights.bin", "/weights.bin", "a\\b", "", "a/../../b"])
def test_a_file_may_not_leave_its_folder(path: str) -> None:
    with pytest.raises(ValueError, match="not a plain relative path"):
        ModelFile(path, 1, sha256(b""), (hub_source("weights.bin"),))


def test_a_checksum_must_look_like_one() -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        ModelFile("weights.bin", 1, "CAFE", (hub_source("weights.bin"),))


def test_entries_that_cannot_work_are_refused_when_the_manifest_is_made() -> None:
    tiny = model_of(file_of(CONTENT, hub_source("weights.bin")))
    with pytest.raises(ValueError, match="share a name"):
        index((tiny, tiny))
    with pytest.raises(ValueError, match="needs 'voices'"):
        index((Model("tiny", "tts", "", "", tiny.files, needs=("voices",)),))
    with pytest.raises(ValueError, match="can be had from nowhere"):
        model_of(file_of(CONTENT))
    with pytest.raises(ValueError, match="has no files"):
        model_of()
    with pytest.raises(ValueError, match="not a model name"):
        model_of(*tiny.files, name="../tiny")


def test_asking_for_a_model_loads_no_network_code() -> None:
    heavy = "{'httpx', 'tenacity', 'pydantic', 'numpy', 'rich'}"
    code = f"import sys, processors.models; print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
