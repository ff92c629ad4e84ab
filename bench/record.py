"""`acore bench record`: every figure that must hold, one bench after the other, and a table of what came out."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.checkout import ACORE
from bench.results import provenance
from bench.targets import table
from pipeline.report.files import write_atomically
from processors.errors import AcoreError

STEPS: tuple[tuple[str, ...], ...] = (
    ("latency", "--turns", "80"),
    ("latency", "--turns", "80", "--profile", "patient"),
    ("endings",),
    ("compare", "--turns", "40", "--designs", "acore,pipecat,sequential,livekit"),
    ("overhead", "--turns", "20"),
    ("wire", "--talk-overs", "20"),
    ("load", "--rooms", "1,16,32,48,60,72,84,96", "--seconds", "8"),
    ("load", "--engines", "embedded", "--rooms", "1,2,3,4", "--seconds", "60"),
    ("text", "--turns", "12"),
    ("start", "--times", "2"),
    ("memory", "--messages", "100000", "--meanings", "2000", "--turns", "24"),
)
"""About an hour and a half on two cores. The soak is not among them: its half hour needs no quiet machine."""
_PICTURES = {
    "compare": "Voice to voice of all designs, the same sounds and engines in one run",
    "latency-balanced": "Voice to voice of Acore, and where the time of each answer goes",
    "endings": "What waiting for the end of a turn costs: every setting tried, and why ends and pauses are mixed up",
    "wire": "The way to and from Discord, idle and busy",
    "load": "Rooms in one process, on engines that cost nothing",
    "load-embedded": "Rooms in one process, on the embedded engines",
    "soak": "Memory over half an hour",
}


def run_record(
    config: Path | None, corpus: Path, out: Path, tell: Callable[[str], None], steps: Sequence[Sequence[str]] = STEPS
) -> Path:
    """Run each bench in a process of its own. Writes `<out>/record.md`. One that was stopped goes on where it was.

    Raises:
        AcoreError: a bench failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    for name, *options in steps:
        tell(f"== {name} {' '.join(options)}, after {(time.monotonic() - began_s) / 60:.1f} min")
        command = [sys.executable, "-c", ACORE, *(["--config", str(config)] if config else [])]
        command += ["bench", name, *options, "--out", str(out)]
        if name != "start":
            command += ["--corpus", str(corpus)]
        if status := subprocess.run(command, check=False).returncode:
            raise AcoreError(f"acore bench {name} ended with status {status}; the same command goes on from there")
    path = out / "record.md"
    write_atomically(path, page(out).encode())
    tell(f"took {(time.monotonic() - began_s) / 60:.1f} min")
    return path


def page(out: Path) -> str:
    """The table and the pictures of the results in a folder, as Markdown to lie beside them."""
    source = provenance()
    machine = source["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores; commit {source['commit']}; {source['created']}"
    pictures = [(name, what) for name, what in _PICTURES.items() if (out / f"{name}.png").exists()]
    shown = "".join(f"\n![{what}]({name}.png)\n" for name, what in pictures)
    return f"# What came out\n\n{where}\n\n{table(out)}{shown}"
