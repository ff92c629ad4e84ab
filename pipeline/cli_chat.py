"""`acore chat`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_state import State

if TYPE_CHECKING:
    from text.console import ConsoleChat

_INTERRUPTED = 130


def chat(
    context: typer.Context,
    persona: Annotated[str | None, typer.Option("--persona", help="Character by name, or a card's path.")] = None,
    show_prompt: Annotated[
        bool, typer.Option("--show-prompt", help="Show what the language model is given, on the error stream.")
    ] = False,
) -> None:
    """Write with a character in the terminal; `/help` lists what else a line can be.

    The same character, memory of the conversation and language model as in a voice channel. Lines can come from a
    pipe: `echo "Who are you?" | acore chat`.
    """
    state: State = context.obj
    settings = state.load()

    from personas.library import load_character
    from pipeline.cli_models import pull_models
    from pipeline.engines import model_store, models_needed
    from pipeline.voice import make_conversation
    from processors.language.engines import make_llm
    from text.console import ConsoleChat

    character = load_character(persona or settings.persona.character)
    store = model_store(settings)
    pull_models(store, models_needed(settings, kinds=("llm",)))
    llm = make_llm(settings.language, store)
    conversation = make_conversation(settings, character)
    console = ConsoleChat(
        llm,
        conversation,
        settings.language.sampling,
        user=settings.persona.user_name,
        bot=character.name,
        prompts=sys.stderr if show_prompt else None,
    )

    async def start() -> None:
        await llm.start()
        await llm.prefill(conversation.prefix)

    with asyncio.Runner() as runner:
        try:
            runner.run(start())
            left = _on_a_terminal(runner, console) if sys.stdin.isatty() else _from_a_pipe(runner, console)
        finally:
            runner.run(llm.close())
    raise typer.Exit(left)


def _from_a_pipe(runner: asyncio.Runner, console: ConsoleChat) -> int:
    """Answer every line; the first failure ends it."""
    from text.console import After

    for line in sys.stdin:
        match console.handle(line):
            case After.QUIT:
                break
            case After.ANSWER:
                runner.run(console.answer(line))
    return 0


def _on_a_terminal(runner: asyncio.Runner, console: ConsoleChat) -> int:
    """Read lines with editing; Ctrl-C stops an answer, and a second one in a row leaves."""
    import contextlib

    from processors.errors import EngineError
    from text.console import After, typing_unseen

    with contextlib.suppress(ImportError):
        # Gives `input` line editing and history.
        import readline  # noqa: F401
    print(f"You write with {console.bot}. /help lists what else there is.")
    stopped = False
    while True:
        try:
            line = input(f"{console.user}> ")
            after = console.handle(line)
            if after is After.QUIT:
                return 0
            if after is After.ANSWER:
                print(f"{console.bot}: ", end="", flush=True)
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
