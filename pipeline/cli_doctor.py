"""`acore doctor`."""

import typer

from pipeline.cli_state import State


def doctor(context: typer.Context) -> None:
    """Check this machine: Python, settings, models, engines, libopus, ports, disk, cores.

    One line a check, and what to do about each that is not good. Exits with 1 when something that is needed fails.
    """
    from rich.console import Console
    from rich.text import Text

    from processors.errors import SettingError

    state: State = context.obj
    console = Console(highlight=False, soft_wrap=True)
    colours = {"good": "green", "warning": "yellow", "failed": "red"}

    def show(name: str, grade: str, found: str, remedy: str = "") -> None:
        line = Text.assemble((f"{grade:<8}", colours[grade]), f"{name}: {found}")
        if remedy:
            line.append(f"  -> {remedy}", "bold")
        console.print(line)

    failed = False
    try:
        settings = state.load()
    except SettingError as error:
        failed = True
        show("settings", "failed", str(error), "correct it; the other checks use the defaults")
        from pipeline.logs import set_up_logging
        from pipeline.settings import Settings

        settings = Settings()
        set_up_logging(settings.log, debug=state.debug)
    else:
        show("settings", "good", "every name and value is known")

    import asyncio

    from pipeline.doctor import Grade, examine

    async def run() -> bool:
        bad = False
        async for check in examine(settings):
            show(check.name, check.grade, check.found, check.remedy)
            bad = bad or check.grade is Grade.FAILED
        return bad

    if asyncio.run(run()) or failed:
        raise typer.Exit(1)
