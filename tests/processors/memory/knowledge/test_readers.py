"""The text of documents of every kind, and of files that only claim to be one."""

import os
from pathlib import Path

import pytest

from processors.memory.knowledge import readers
from processors.memory.knowledge.readers import DocumentError, read_document
from tests.processors.memory.knowledge.pdf import pdf_of


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "The café opens at nine.".encode()),
        ("a.md", b"\xef\xbb\xbf" + "The café opens at nine.".encode()),
        ("a.TXT", "The café opens at nine.".encode("utf-16")),
    ],
)
def test_plain_text_is_read_whatever_its_encoding(tmp_path: Path, name: str, content: bytes) -> None:
    assert read_document(written(tmp_path, name, content)) == "The café opens at nine."


def test_bytes_that_are_no_text_do_not_stop_the_reading(tmp_path: Path) -> None:
    assert "fine" in read_document(written(tmp_path, "a.txt", b"fine \xff\xfe\x00 end"))


def test_a_page_is_read_without_its_scripts_and_styles(tmp_path: Path) -> None:
    page = b"<html><head><title>x</title><style>p{}</style><script>evil()</script></head><body><nav>Home</nav>"
    page += b"<h1>Opening hours</h1><p>The caf&eacute; opens at <b>nine</b>.</p><script>more()</script></body></html>"
    text = read_document(written(tmp_path, "a.html", page))
    assert "Opening hours" in text
    assert "The café opens at" in text
    assert "evil" not in text
    assert "more()" not in text
    assert "p{}" not in text


def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    path = written(tmp_path, "a.pdf", pdf_of("The lighthouse is white.", "The keeper is called Olaf."))
    text = read_document(path)
    assert text.index("lighthouse is white") < text.index("keeper is called Olaf")


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7\n", os.urandom(2000), pdf_of("half")[:200], b"%PDF-1.4\n" + b"[" * 50_000]
)
def test_what_is_no_pdf_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, "broken.pdf", content)
    try:
        assert "half" not in read_document(path)
    except DocumentError as error:
        assert "broken.pdf" in str(error)  # noqa: PT017


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"a\.exe: \.exe is none of \.txt"):
        read_document(tmp_path / "a.exe")
    with pytest.raises(DocumentError, match=r"gone\.txt: No such file"):
        read_document(tmp_path / "gone.txt")


def test_no_more_than_the_most_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST_CHARS", 100)
    assert len(read_document(written(tmp_path, "a.txt", b"x" * 5000))) == 100
    assert len(read_document(written(tmp_path, "a.pdf", pdf_of(*["many words here"] * 30)))) == 100
