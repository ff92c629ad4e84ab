import asyncio
import platform
import subprocess
import sys
import textwrap

import pytest

from pipeline import heap

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is nothing to set elsewhere")


def elsewhere(program: str) -> list[int]:
    """Run a program in a process of its own, whose heaps nobody has touched; the numbers it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=60
    )
    return [int(word) for word in done.stdout.split()]


@glibc_only
@pytest.mark.parametrize(("prepare", "most"), [("few_heaps()", 2), ("pass", 9)])
def test_threads_share_two_heaps(prepare: str, most: int):
    [heaps] = elsewhere(f"""
        import ctypes, tempfile, threading
        from pipeline.heap import few_heaps
        {prepare}
        libc = ctypes.CDLL(None)
        libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
        libc.fopen.argtypes, libc.fclose.argtypes = [ctypes.c_char_p] * 2, [ctypes.c_void_p]
        libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
        together = threading.Barrier(8)
        def work():
            together.wait()
            libc.malloc(100_000)
            together.wait()
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        with tempfile.NamedTemporaryFile() as file:
            out = libc.fopen(file.name.encode(), b"w")
            libc.malloc_info(0, out)
            libc.fclose(out)
            print(file.read().decode().count("<heap nr"))
    """)
    print(heaps)
    assert heaps <= most
    assert (heaps > 2) == (most > 2)


@glibc_only
def test_what_was_freed_is_given_back_although_something_behind_it_is_still_in_use():
    before_kb, after_kb = elsewhere("""
        import ctypes
        from pipeline.heap import give_back
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        def resident_kb():
            status = open("/proc/self/status").read()
            return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
        blocks = [libc.malloc(50_000) for _ in range(2_000)]
        for block in blocks: ctypes.memset(block, 1, 50_000)
        for block in blocks[:-1]: libc.free(block)
        print(resident_kb())
        give_back()
        print(resident_kb())
    """)
    assert before_kb - after_kb > 80_000


async def test_it_is_given_back_again_and_again(monkeypatch: pytest.MonkeyPatch):
    loop, times, thrice = asyncio.get_running_loop(), [0], asyncio.Event()

    def count() -> None:
        times[0] += 1
        if times[0] == 3:
            loop.call_soon_threadsafe(thrice.set)

    monkeypatch.setattr(heap, "give_back", count)
    async with heap.kept_lean(0.01), asyncio.timeout(5):
        await thrice.wait()
    assert not any(task.get_name() == "memory" for task in asyncio.all_tasks())
