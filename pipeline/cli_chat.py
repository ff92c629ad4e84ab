"""`acore chat`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_state import State

if TYPE_CHECKING:
    from personas.profile import CharacterProfile
    from text.console import ConsoleChat

_INTERRUPTED = 130


def chat(
    context: typer.Context,
    persona: Annotated[str | None, typer.Option("--persona", help="Character by name, or a card's path.")] = None,
    show_prompts: Annotated[
        bool,
        typer.Option("--show-prompt", help="Show what the language model is given, part by part, on the error stream."),
    ] = False,
) -> None:
    """Write with a character in the terminal; `/help` lists what else a line can be.

    The same character, memory of the conversation and language model as in a voice channel. Lines can come from a
    pipe: `echo "Who are you?" | acore chat`.
    """
    state: State = context.obj
    settings = state.load()

    from pipeline.cli_models import pull_models
    from pipeline.engines import model_store, models_needed
    from pipeline.folders import characters_folder
    from pipeline.text_side import running_text
    from processors.language.engines import make_llm
    from text.cast import Cast, Keeper, read_roster
    from text.console import ConsoleChat, show_prompt
    from text.history import RecentHistory
    from text.prompt import TextPrompt

    books = settings.characters.books
    chosen = persona or settings.persona.character
    roster = read_roster(chosen, characters_folder(settings), books and books.expanduser())
    store = model_store(settings)
    pull_models(store, models_needed(settings, kinds=("llm",)))
    llm = make_llm(settings.language.for_calls(0), store)
    memory = RecentHistory()

    def show(prompt: TextPrompt) -> None:
        if show_prompts:
            print(show_prompt(prompt), end="", file=sys.stderr, flush=True)

    async def start(running: AsyncExitStack) -> ConsoleChat:
        cast = Cast(roster, settings.characters, Keeper(None), user_name=settings.persona.user_name)
        side = await running.enter_async_context(running_text(settings, cast, memory=memory, show=show))
        running.push_async_callback(llm.close)
        await llm.start()
        side.worker.bind(llm)
        return ConsoleChat(side.line, memory, settings.persona.user_name, roster.default.id)

    running = AsyncExitStack()
    with asyncio.Runner() as runner:
        try:
            console = runner.run(start(running))
            on_terminal = sys.stdin.isatty()
            left = _on_a_terminal(runner, console, roster.default) if on_terminal else _from_a_pipe(runner, console)
        finally:
            runner.run(running.aclose())
    raise typer.Exit(left)


def _from_a_pipe(runner: asyncio.Runner, console: ConsoleChat) -> int:
    """Answer every line; the first failure ends it."""
    from text.console import After

    for line in sys.stdin:
        match runner.run(console.handle(line)):
            case After.QUIT:
                break
            case After.ANSWER:
                runner.run(console.answer(line))
    return 0


def _on_a_terminal(runner: asyncio.Runner, console: ConsoleChat, character: CharacterProfile) -> int:
    """Read lines with editing; Ctrl-C stops an answer, and a second one in a row leaves."""
    import contextlib

    from processors.errors import EngineError
    from text.console import After, typing_unseen

    with contextlib.suppress(ImportError):
        # Gives `input` line editing and history.
        import readline  # noqa: F401
    name = character.name
    print(f"You write with {name}. /help lists what else there is.")
    if greeting := character.first_message(console.user).strip():
        console.open(name, greeting)
    stopped = False
    while True:
        try:
            line = input(f"{console.user}> ")
            after = runner.run(console.handle(line))
            if after is After.QUIT:
                return 0
            if after is After.ANSWER:
                print(f"{name}: ", end="", flush=True)
                with typing_unseen(sys.stdin):
                    runner.run(console.answer(line))
            stopped = False
        except EOFError:
            print()
            return 0
        except EngineError as error:
            print(f"acore: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            if stopped:
                print()
                return _INTERRUPTED
            stopped = True
            print("(stopped; Ctrl-C once more leaves)")
