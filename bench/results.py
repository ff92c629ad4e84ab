"""Result files: what was run, on what, and what came of it; and the ledger that lets a run be stopped and resumed."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.corpus.manifest import Kind
from bench.measure import Outcome
from pipeline.report.build import this_machine
from pipeline.report.files import write_atomically

_PACKAGES = (
    "acore",
    "pipecat-ai",
    "livekit-agents",
    "moonshine-voice",
    "xllamacpp",
    "hibari-tts",
    "onnxruntime",
    "numpy",
)


def provenance(**settings: str | float | int | bool | None) -> dict:
    """The part of a result that says where it comes from."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {**this_machine().model_dump(), "load_1_min": round(os.getloadavg()[0], 2)},
        "kernel": platform.release(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "settings": settings,
    }


def commit() -> str:
    """The commit this code is at, with a `+` when there are changes on top of it, results aside; empty outside a
    checkout."""
    folder = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        )
        changes = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)bench/results"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")


def write_result(path: Path, content: dict) -> None:
    """Write a result as JSON.

    Raises:
        AcoreError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class Ledger:
    """Outcomes by design, kept on disk block by block, so that a run that was stopped goes on where it was.

    The first line names the run; a ledger of another run is begun anew.
    """

    def __init__(self, path: Path, run: dict) -> None:
        self._path = path
        self._outcomes: dict[str, dict[str, Outcome]] = {}
        self._seen: dict[str, set[str]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        if lines and json.loads(lines[0]) == run:
            for line in lines[1:]:
                self._take(json.loads(line))
        else:
            path.write_text(json.dumps(run) + "\n", "utf-8")

    def done(self, design: str) -> set[str]:
        """Ids of the turns that a design was given."""
        return self._seen.get(design, set())

    def outcomes(self, design: str) -> list[Outcome]:
        """Its outcomes so far."""
        return list(self._outcomes.get(design, {}).values())

    def add(self, design: str, given: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        """Keep a block: the turns that were given, and the outcomes of those that could be played."""
        entry = {"design": design, "given": list(given), "outcomes": [asdict(one) for one in outcomes]}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self._take(entry)

    def close(self) -> None:
        """The run is complete: its result holds everything that was kept here."""
        self._path.unlink(missing_ok=True)

    def _take(self, entry: dict) -> None:
        kept = self._outcomes.setdefault(entry["design"], {})
        for one in entry["outcomes"]:
            kept[one["id"]] = Outcome(**{**one, "kind": Kind(one["kind"])})
        self._seen.setdefault(entry["design"], set()).update(entry["given"])


class Progress:
    """Says how far a run is and when it will be over."""

    def __init__(self, total: int, tell: Callable[[str], None], *, done: int = 0) -> None:
        self._total = total
        self._tell = tell
        self._begun_with = self._done = done
        self._began_s = time.monotonic()

    def step(self, count: int, remark: str) -> None:
        """`count` more are done."""
        self._done += count
        passed_s = time.monotonic() - self._began_s
        left_s = passed_s / max(1, self._done - self._begun_with) * (self._total - self._done)
        self._tell(f"{self._done}/{self._total}  {remark}  about {left_s / 60:.1f} min left")
