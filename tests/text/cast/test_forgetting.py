"""A person is forgotten by the cast on disk too, at once."""

from pathlib import Path

from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import FolderStore, Keeper, LastWords

AVA, BRAM = profile("Ava"), profile("Bram")


def texts_in(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


async def test_who_is_forgotten_is_in_no_file_while_it_still_runs_and_others_are(tmp_path: Path) -> None:
    keeper = Keeper(FolderStore(tmp_path), write_after_s=0.0)
    cast = cast_of(AVA, BRAM, keeper=keeper)
    for person in ("90210", "8128"):
        cast.answered("7", "c", "ava", person, "Thanks!", NOW_S)
        cast.exchanges.answered("7", f"with-{person}", person, LastWords("ava", "You are welcome."), NOW_S)
    await keeper.flush()
    assert [(bond["server"], bond["with"], bond["exchanges"]) for bond in cast.bonds_of("90210")] == [("7", "ava", 1)]
    assert any("90210" in text for text in texts_in(tmp_path))
    assert cast.exchanges.of("90210") == [{"server": "7", "channel": "with-90210", "at_s": NOW_S}]
    assert await cast.forget_for_good("90210") == 1
    texts = [text.replace("with-90210", "") for text in texts_in(tmp_path)]
    assert not any("90210" in text for text in texts)
    assert cast.exchanges.last_words("with-90210") is None
    assert cast.exchanges.last_words("with-8128") is not None
    assert any("8128" in text for text in texts)
    assert cast.bonds_of("90210") == []
    await keeper.close()
