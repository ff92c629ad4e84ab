"""`acore chat`, from a pipe and on a real (pseudo) terminal."""

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import StringIO
from pathlib import Path

import pytest

from pipeline.text_side import running_text
from processors.errors import EngineError
from processors.language.engines import LanguageModel
from processors.language.scripted import ScriptedLlm
from tests.text.build import Echo, cast_of, letter, settings, text_side, whole
from text.console import After, ConsoleChat, printable, show_prompt
from text.history import RecentHistory
from text.prompt import TextPrompt

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()", "chat"]


@asynccontextmanager
async def chat_with(llm: LanguageModel) -> AsyncIterator[tuple[ConsoleChat, StringIO]]:
    out, memory = StringIO(), RecentHistory()
    async with text_side(llm, memory) as side:
        yield ConsoleChat(side.line, memory, "friend", "ava", out), out


async def said_in(chat: ConsoleChat) -> list[str]:
    return [one.text for one in await chat.memory.history(chat.scene)]


async def test_an_answer_streams_and_both_sides_are_remembered() -> None:
    async with chat_with(ScriptedLlm([" Good  to see you."], first_token_ms=0, per_token_ms=0)) as (chat, out):
        await chat.answer("Hello!\n")
        await chat.answer("How are you?")
        assert out.getvalue() == "Good  to see you.\n" * 2
        assert await said_in(chat) == ["Hello!", "Good  to see you.", "How are you?", "Good  to see you."]


async def test_a_character_that_begins_remembers_what_with() -> None:
    llm = Echo()
    async with chat_with(llm) as (chat, out):
        chat.open("Ava", "Hey friend!")
        assert out.getvalue() == "Ava: Hey friend!\n"
        await chat.answer("Hello!")
        assert (await said_in(chat))[:2] == ["Hey friend!", "Hello!"]
    assert "Hey friend!" in llm.prompts[0]


async def test_a_stopped_answer_is_remembered_as_far_as_it_was_shown() -> None:
    async with chat_with(ScriptedLlm(["One two three four"], first_token_ms=0, per_token_ms=30)) as (chat, out):
        answering = asyncio.ensure_future(chat.answer("Count!"))
        while "two" not in out.getvalue():  # noqa: ASYNC110 (the writer is what is under test)
            await asyncio.sleep(0.005)
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
        remembered = (await said_in(chat))[-1]
        assert remembered.startswith(out.getvalue().strip())
        assert "four" not in remembered


async def test_an_answer_that_fails_raises_and_says_what_failed() -> None:
    async with chat_with(Echo(fails=True)) as (chat, _):
        with pytest.raises(EngineError, match="no more"):
            await chat.answer("Hello?")


async def test_the_prompt_can_be_shown_with_its_parts_and_their_lengths() -> None:
    shown: list[TextPrompt] = []
    chosen = settings()
    async with running_text(chosen, cast_of(chosen), show=shown.append) as side:
        side.worker.bind(Echo())
        await whole(side, letter("Is it?"))
    lines = show_prompt(shown[0]).splitlines()
    assert re.fullmatch(r"\+-- prompt, \d+ messages, about \d+ tokens", lines[0])
    sizes = {match[1]: int(match[2]) for line in lines if (match := re.fullmatch(r"\|   (\w+) +(\d+) tokens", line))}
    assert {"persona", "words"} <= set(sizes)
    assert f"about {sum(sizes.values())} tokens" in lines[0]
    assert any(line.startswith("| system: You are Ava") for line in lines)
    assert "Is it?" in lines[-2]


async def test_commands_are_carried_out_and_never_sent() -> None:
    llm = Echo()
    async with chat_with(llm) as (chat, out):
        await chat.answer("Hi.")
        for line in ("/help", "/history", "/shrug me", "", "  \n"):
            assert await chat.handle(line) is After.NEXT
        assert "Ctrl-C" in out.getvalue()
        assert "friend: Hi." in out.getvalue()
        assert "no command /shrug" in out.getvalue()
        assert await chat.handle("/clear") is After.NEXT
        assert await said_in(chat) == []
        assert [await chat.handle(line) for line in ("/quit", "/exit")] == [After.QUIT] * 2
        assert await chat.handle("no /quit here") is After.ANSWER
    assert len(llm.asked) == 1


def test_what_a_model_writes_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\tc\nd\x9b") == "a[2Jb\tc\nd"


# --- in a process of its own ------------------------------------------------------------------------------------


def environment(reply: str, per_token_ms: int = 0) -> dict[str, str]:
    own = {
        "LLM_PROVIDER": "scripted",
        "LANGUAGE_SCRIPTED_REPLIES": f'["{reply}"]',
        "LANGUAGE_SCRIPTED_FIRST_TOKEN_MS": "1",
        "LANGUAGE_SCRIPTED_PER_TOKEN_MS": str(per_token_ms),
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
    }
    return {**os.environ, **own}


def test_from_a_pipe_only_answers_are_written(tmp_path: Path) -> None:
    run = subprocess.run(
        COMMAND, input="Hello\n\nAgain\n/quit\nNever\n", env=environment("Fine."), cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "Fine.\nFine.\n", "")


def test_from_a_pipe_an_unknown_persona_is_one_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "--persona", "nobody"], input="Hello\n", env=environment("Fine."), cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert "nobody" in run.stderr


class Terminal:
    """Somebody at a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self._fd = fd
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str, seconds: float = 20.0) -> None:
        """Read until what was shown since the last wait matches."""
        deadline = time.monotonic() + seconds
        seen = ""
        while not re.search(pattern, seen):
            assert time.monotonic() < deadline, f"{pattern!r} did not come after {seen!r}"
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    piece = os.read(self._fd, 4096).decode(errors="replace")
                except OSError:
                    break
                seen += piece
                self.shown += piece
        assert re.search(pattern, seen), seen

    def presses_until_it_ends(self, key: str, code: int) -> None:
        """As a person does: a signal between readline's prompt and its waiting is noticed with the next key only."""
        for _ in range(10):
            self.type(key)
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert self.process.wait(timeout=1) == code
                return
        raise AssertionError("it does not end")

    def ends_with(self, code: int) -> None:
        assert self.process.wait(timeout=10) == code


@contextmanager
def terminal(reply: str, per_token_ms: int, cwd: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment(reply, per_token_ms),
        start_new_session=True, preexec_fn=_own_terminal,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _own_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C typed there is a signal, as is its hanging up."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_what_is_typed_while_an_answer_streams_does_not_garble_it_and_is_kept(tmp_path: Path) -> None:
    with terminal("one two three four five six", 120, tmp_path) as at:
        at.wait_for("friend> ")
        at.type("count\n")
        at.wait_for("two")
        at.type("again")
        at.wait_for(r"(?s)six\r?\n.*friend> .*again")
        greeting, answer, *_ = re.findall(r"Ava: ([^\r\n]*)", at.shown)
        assert greeting == "Hey friend, good to hear you! What's going on?"
        assert answer == "one two three four five six"
        at.type("\n")
        at.wait_for("six")
        at.type("/quit\n")
        at.ends_with(0)


def test_ctrl_c_stops_an_answer_and_twice_leaves(tmp_path: Path) -> None:
    with terminal("one two three" + " and on" * 40 + " end", 200, tmp_path) as at:
        at.wait_for("friend> ")
        at.type("count\n")
        at.wait_for("two")
        at.type("\x03")
        at.wait_for(r"(?s)once more leaves.*friend> ")
        assert "end" not in at.shown.split("count")[1].split("(")[0]
        at.type("/history\n")
        at.wait_for(r"(?s)Ava: one two.*friend> ")
        at.type("\x03")
        at.wait_for(r"(?s)once more leaves.*friend> ")
        at.presses_until_it_ends("\x03", 130)


def test_the_end_of_input_leaves(tmp_path: Path) -> None:
    with terminal("Fine.", 0, tmp_path) as at:
        at.wait_for("friend> ")
        at.type("\x04")
        at.ends_with(0)


def test_a_terminal_that_is_taken_away_leaves_nothing(tmp_path: Path) -> None:
    with terminal("one two three four five six", 200, tmp_path) as at:
        at.wait_for("friend> ")
        at.process.send_signal(signal.SIGHUP)
        assert at.process.wait(timeout=10) != 0
