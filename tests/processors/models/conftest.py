from collections.abc import Iterator
from pathlib import Path

import pytest

from .loopback_hub import LoopbackHub
from .worlds import CONTENT, hub_name


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A hub that holds `weights.bin`."""
    with LoopbackHub(files={hub_name("weights.bin"): CONTENT}) as hub:
        yield hub


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place pip looks in."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder
