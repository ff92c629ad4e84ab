"""`acore knowledge`: documents go in, are found, named and removed again; also while a bot runs on the folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from processors.memory.file import hold

OLAF = "The lighthouse keeper is called Olaf and feeds the gulls every morning."


@pytest.fixture
def acore(tmp_path: Path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from pipeline.cli import main; main()", "knowledge", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "ACORE_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    return run


def test_documents_are_added_listed_found_and_removed(acore, tmp_path: Path) -> None:
    (tmp_path / "coast").mkdir()
    (tmp_path / "coast" / "keeper.md").write_text(OLAF)
    (tmp_path / "broken.pdf").write_text("this is no PDF")
    added = acore("add", "coast", "broken.pdf")
    assert added.returncode == 1
    assert "coast/keeper.md -> coast/keeper.md" in added.stdout
    assert "indexed: 1 added" in added.stdout
    assert "broken.pdf: it is no PDF" in added.stderr

    assert "coast/keeper.md" in acore("list").stdout
    # No word in common: found by its meaning.
    found = acore("search", "Which person looks after birds beside the sea?")
    assert found.stdout == f"coast/keeper.md\n    {OLAF}\n"
    assert acore("search", "lighthouse", "--category", "city").returncode == 1

    assert "1 removed" in acore("remove", "coast/keeper.md").stdout
    assert acore("search", "lighthouse").returncode == 1
    gone = acore("remove", "../../etc/passwd")
    assert gone.returncode == 1
    assert "there is no document" in gone.stderr


def test_beside_a_running_bot_documents_are_handed_to_it_and_searched_by_words(acore, tmp_path: Path) -> None:
    (tmp_path / "keeper.md").write_text(OLAF)
    assert acore("add", "keeper.md").returncode == 0
    handle = hold(tmp_path / "data")
    try:
        (tmp_path / "baker.md").write_text("The baker sells rye bread.")
        assert "the running Acore indexes it within 30 s" in acore("add", "baker.md", "-c", "town").stdout
        assert (tmp_path / "data" / "knowledge" / "town" / "baker.md").exists()
        found = acore("search", "Who feeds the gulls?")
        assert found.stdout.startswith("keeper.md\n")
        assert "searched by words alone" in found.stderr
    finally:
        os.close(handle)


def test_a_category_may_not_lead_out_of_the_folder(acore, tmp_path: Path) -> None:
    (tmp_path / "keeper.md").write_text(OLAF)
    refused = acore("add", "keeper.md", "-c", "../../outside")
    assert refused.returncode == 1
    assert "must be a folder within" in refused.stderr
    assert not (tmp_path / "outside").exists()
