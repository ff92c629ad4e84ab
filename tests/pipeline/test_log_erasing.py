"""What people said can be taken out of the log files, while they are written to."""

from pathlib import Path

from loguru import logger

from pipeline.log_erasing import blank_words, logged_words
from pipeline.logs import set_up_logging
from pipeline.settings import LogSettings
from processors.speech_log import log_speech


def test_words_are_blanked_in_every_file_and_everything_else_stays(tmp_path: Path) -> None:
    set_up_logging(LogSettings(folder=tmp_path, speech=True))
    logger.info("ready")
    log_speech("Ann", "My secret is\n a heron.")
    log_speech("Joe", "Hello.")
    logger.complete()
    assert logged_words(tmp_path, "Ann") == ["Ann: My secret is a heron."]
    before = (tmp_path / "acore.log").read_bytes()
    (tmp_path / "acore.2026-01-01.log").write_bytes(before)
    assert blank_words(tmp_path) == 4
    logger.info("goes on")
    log_speech("Ann", "Again.")
    logger.complete()
    after = (tmp_path / "acore.log").read_bytes()
    assert after.startswith(before.splitlines()[0])
    assert len(after.splitlines()) == 5
    assert b"heron" not in after + (tmp_path / "acore.2026-01-01.log").read_bytes()
    assert b"goes on" in after
    assert logged_words(tmp_path, "Ann") == ["Ann: Again."]
    assert blank_words(tmp_path) == 1
    logger.remove()


def test_a_folder_without_logs_has_nothing_to_blank(tmp_path: Path) -> None:
    assert blank_words(tmp_path) == 0
    assert logged_words(tmp_path, "Ann") == []
