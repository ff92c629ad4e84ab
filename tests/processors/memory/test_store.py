"""The memory file: what is written stays, whatever happens to the process, the disk or the file."""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processors.errors import StorageError
from processors.memory import writer
from processors.memory.file import FILE, prepare
from processors.memory.schema import MIGRATIONS
from processors.memory.store import look_into, open_store
from processors.memory.writer import Statement
from tests.processors.memory.rows import insert, texts

ROOT = Path(__file__).parents[3]

WRITER = """
import asyncio, sys
from pathlib import Path
from processors.memory.store import open_store
from tests.processors.memory.rows import insert

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        for number in range(int(sys.argv[2]), 200):
            store.write(insert(str(number)))
            print(number, flush=True)
            await asyncio.sleep(0.01)
        await store.settle()
        print("done", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def corrupt(path: Path, at: int, length: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(length))


async def test_what_is_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.write(insert("one", "two"))
    async with open_store(tmp_path) as store:
        assert await texts(store) == ["one", "two"]


async def test_a_write_is_durable_within_a_second_without_being_asked(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.write(insert("one"))
        # Longer than it is to take, for a busy machine.
        await asyncio.sleep(writer.GATHER_S + 1.0)
        assert await texts(store) == ["one"]
    assert writer.GATHER_S < 0.5


async def test_states_are_kept_by_kind_and_key(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.put_state("mood", "ava", {"level": 1})
        store.put_state("mood", "ava", {"level": 2})
        store.put_state("mood", "bram", {"level": 3})
        store.put_state("other", "ava", [1])
        assert await store.states("mood") == {"ava": {"level": 2}, "bram": {"level": 3}}
        store.drop_state("mood", "ava")
        assert await store.state("mood", "ava") is None
        assert await store.state("other", "ava") == [1]


async def test_a_group_is_written_whole_or_not_at_all_and_harms_no_other(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.write(insert("before"))
        store.write(insert("half"), Statement("INSERT INTO no_such_column_here VALUES (1)"))
        store.write(insert("null"), Statement("INSERT INTO state (kind, key, json) VALUES (NULL, NULL, NULL)"))
        store.write(insert("after"))
        assert await store.settle()
        assert await texts(store) == ["before", "after"]


def test_a_killed_process_loses_at_most_the_last_second(tmp_path: Path) -> None:
    """Two hundred writes, the writing process killed again and again among them."""
    chance = random.Random(7)
    kept, kills = 0, 0
    while kept < 200:
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(kept)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        put_s: dict[int, float] = {}
        assert child.stdout
        lives_s = chance.uniform(0.2, 1.2)
        with child.stdout:
            for line in child.stdout:
                if line == "done\n":
                    break
                put_s[int(line)] = time.monotonic()
                if put_s[int(line)] - put_s[min(put_s)] > lives_s:
                    break
            child.kill()
            killed_s = time.monotonic()
            child.wait()
        kills += 1
        with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as found:
            assert found.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            numbers = [int(text) for (text,) in found.execute("SELECT text FROM messages ORDER BY id")]
        assert numbers == list(range(len(numbers))), "something in between was lost, or written twice"
        due = [number for number, at_s in put_s.items() if killed_s - at_s > 1.0]
        assert not due or numbers[-1] >= due[-1], "what was older than a second was lost"
        kept = len(numbers)
    assert kills >= 3


async def test_a_second_process_on_the_folder_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    open_it = "import asyncio, sys; from pathlib import Path; from processors.memory.store import open_store\n"
    open_it += "async def main():\n async with open_store(Path(sys.argv[1])): pass\n"
    open_it += "try: asyncio.run(main())\nexcept Exception as error: print(type(error).__name__, error)"
    command = [sys.executable, "-c", open_it, str(tmp_path)]
    async with open_store(tmp_path):
        held = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT, check=True)
        async with look_into(tmp_path) as reader:
            assert reader, "reading is allowed beside it"
            assert await reader.read("SELECT * FROM messages") == []
            with pytest.raises(StorageError, match="readonly"):
                await reader.read("DELETE FROM messages")
    assert held.stdout.startswith("StorageError another Acore uses the data folder")
    assert "ACORE_DATA_DIR" in held.stdout
    free = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert free.stdout == ""


async def test_what_a_full_disk_refuses_waits_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_RETRY_S", 0.01)
    async with open_store(tmp_path) as store:
        (pages,) = (await store.read("PRAGMA page_count"))[0]
        await store._writing.execute_fetchall(f"PRAGMA max_page_count = {pages}")
        store.write(insert("x" * 100_000))
        store.write(insert("small"))
        assert not await store.settle(0.6)
        assert "full" in store.trouble
        await store._writing.execute_fetchall("PRAGMA max_page_count = 100000")
        assert await store.settle()
        assert store.trouble == ""
        assert [len(text) for text in await texts(store)] == [100_000, 5]


async def test_more_than_can_wait_is_refused_not_piled_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 3)
    async with open_store(tmp_path) as store:
        for number in range(5):
            store.write(insert(str(number)))
        assert await store.settle()
        assert await texts(store) == ["0", "1", "2"]
        assert store._writer.refused == 2


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/data cannot be used: .*ACORE_DATA_DIR"):
        async with open_store(tmp_path / "file" / "data"):
            pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes another user's place")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    ask = (
        "import os, sys; from pathlib import Path\n"
        "from processors.errors import StorageError; from processors.memory.file import hold\n"
        "os.setuid(65534)\n"
        "try: hold(Path(sys.argv[1]))\nexcept StorageError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", ask, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert "cannot be used: Permission denied (ACORE_DATA_DIR)" in run.stdout


async def _fill(folder: Path, count: int = 3000) -> Path:
    async with open_store(folder) as store:
        store.write(insert(*(f"{number} {'word ' * 20}" for number in range(count))))
        store.put_state("mood", "ava", {"level": 2})
    return folder / FILE


def _set_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("memory.damaged-*.sqlite3"))


def _half_built(folder: Path) -> list[Path]:
    return sorted(folder.glob("memory.rebu*"))


async def _open_damaged(folder: Path) -> tuple[list[str], list[Path]]:
    async with open_store(folder) as store:
        found = await texts(store)
        indexed = await store.read("SELECT count(*) FROM message_words WHERE message_words MATCH 'word'")
        assert indexed[0][0] == len(found)
        store.write(insert("goes on"))
        assert await store.settle()
    return found, _set_aside(folder)


async def test_of_a_damaged_file_every_readable_row_is_carried_over(tmp_path: Path) -> None:
    path = await _fill(tmp_path)
    corrupt(path, at=40 * 4096)
    found, aside = await _open_damaged(tmp_path)
    assert len(found) > 500
    assert {int(text.split()[0]) for text in found} <= set(range(3000))
    assert len(aside) == 1
    assert aside[0].stat().st_size > 100_000


async def test_a_damaged_file_of_an_earlier_format_is_carried_over_too(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as old:
        for script in MIGRATIONS[:4]:
            old.executescript(script)
        statement = insert(*(f"{number} {'word ' * 20}" for number in range(3000)))
        old.executemany(statement.sql, statement.rows)
        old.execute("PRAGMA user_version = 4")
        old.commit()
    corrupt(tmp_path / FILE, at=60 * 4096)
    found, aside = await _open_damaged(tmp_path)
    assert len(found) > 500
    assert len(aside) == 1


async def test_a_file_that_is_no_database_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(5000))
    found, aside = await _open_damaged(tmp_path)
    assert found == []
    assert len(aside) == 1


async def test_a_file_cut_short_does_not_keep_the_bot_from_starting(tmp_path: Path) -> None:
    path = await _fill(tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    found, aside = await _open_damaged(tmp_path)
    assert len(aside) == 1
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("after", range(3))
async def test_killed_while_it_rebuilds_it_ends_or_repeats_that_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Killed before, between or after the files get their new names."""
    path = await _fill(tmp_path)
    corrupt(path, at=40 * 4096)
    (tmp_path / "whole").mkdir()
    shutil.copyfile(path, tmp_path / "whole" / FILE)
    async with open_store(tmp_path / "whole") as store:
        whole = len(await texts(store))

    names = iter(range(9))
    replace = os.replace

    def replace_until_killed(*paths: str) -> None:
        if next(names) == after:
            raise KeyboardInterrupt
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr("processors.memory.file.os.replace", replace_until_killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path)
    found, aside = await _open_damaged(tmp_path)
    assert len(found) == whole
    assert len(aside) == 1
    assert not _half_built(tmp_path)


async def test_a_scrub_does_not_get_in_the_way_of_what_is_written_meanwhile(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:

        async def write_on() -> None:
            for number in range(300):
                store.write(insert(str(number)))
                await store.settle()

        writing = asyncio.create_task(write_on())
        while not writing.done():
            await store.harden()
        await writing
        assert len(await texts(store)) == 300
        assert store.trouble == ""


async def test_what_cannot_be_scrubbed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(tmp_path) as store:
        store.write(insert("one"))
        await store.settle()
        with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as reader:
            await store._writing.execute_fetchall("PRAGMA busy_timeout = 10")
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM messages").fetchall()
            store.write(insert("two"))
            await store.settle()
            with pytest.raises(StorageError, match="is being read"):
                await store.scrub()
        await store.scrub()
        with monkeypatch.context() as patch:
            patch.setattr(store, "settle", _never)
            with pytest.raises(StorageError, match="cannot be written at present"):
                await store.scrub()


async def _never(within_s: float = 5.0) -> bool:
    return False


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
async def test_a_file_of_any_earlier_format_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as old:
        for script in MIGRATIONS[:version]:
            old.executescript(script)
        if version:
            statement = insert("The kettle is called Doris")
            old.executemany(statement.sql, statement.rows)
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    async with open_store(tmp_path) as store:
        found = await store.read(
            "SELECT m.text FROM message_words w JOIN messages m ON m.id = w.rowid WHERE message_words MATCH 'kettles'"
        )
        assert [row["text"] for row in found] == (["The kettle is called Doris"] if version else [])
        assert (await store.read("PRAGMA user_version"))[0][0] == len(MIGRATIONS)


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _fill(tmp_path, 2)
    broken = (*MIGRATIONS, "CREATE TABLE new_thing (id); INSERT INTO no_such_table VALUES (1);")
    monkeypatch.setattr("processors.memory.file.MIGRATIONS", broken)
    with pytest.raises(StorageError, match="no_such_table"):
        async with open_store(tmp_path):
            pass
    monkeypatch.undo()
    async with open_store(tmp_path) as store:
        assert len(await texts(store)) == 2
        assert await store.read("SELECT 1 FROM sqlite_master WHERE name = 'new_thing'") == []


async def test_a_file_of_a_newer_acore_is_left_alone(tmp_path: Path) -> None:
    path = await _fill(tmp_path, 1)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 999")
    with pytest.raises(StorageError, match="newer Acore"):
        async with open_store(tmp_path):
            pass
    assert not _set_aside(tmp_path)


async def test_what_is_deleted_and_scrubbed_is_in_no_byte_on_disk(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.write(insert("my zanzibarite secret", "harmless"))
        assert await store.settle()
        assert _on_disk(tmp_path, b"zanzibarite")
        store.write(Statement("DELETE FROM messages WHERE text LIKE '%zanzibarite%'"))
        await store.scrub()
        assert not _on_disk(tmp_path, b"zanzibarit")
        assert await texts(store) == ["harmless"]


def _on_disk(folder: Path, word: bytes) -> bool:
    return any(word in path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_damaged_page_met_while_reading_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        with pytest.raises(StorageError, match=r"memory\.sqlite3 cannot be read"):
            await store.read("SELECT * FROM nowhere")
