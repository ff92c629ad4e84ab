"""The plan of the house: arrows run downward only, no circles, every file one idea."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BELOW = {
    "personas": set[str](),
    "processors": {"personas"},
    "transports": {"processors", "personas"},
    "text": {"processors", "personas"},
    "pipeline": {"transports", "text", "processors", "personas"},
    "bench": {"pipeline", "transports", "text", "processors", "personas"},
}
"""What each room may import besides itself."""

DOORS = {"pipeline.cli_bench": {"bench"}, "pipeline.cli_bench_options": {"bench"}}
"""The commands that run the bench reach up to it, when they are called and not before."""

LONGEST_FILE = 400


@cache
def modules() -> dict[str, Path]:
    """Every module of every room, by its dotted name."""
    found: dict[str, Path] = {}
    for room in BELOW:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, *, at_start: bool) -> set[str]:
    """Our own modules that a module imports, anywhere or `at_start` (at its top level, not for types only)."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    found: set[str] = set()
    package = name if modules()[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in _top_level(tree) if at_start else ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
                source = ".".join(part for part in (base, module) if part)
                found |= {source, *(f"{source}.{alias.name}" for alias in names)}
    return found & set(modules()) - {name}


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("room", BELOW)
def test_arrows_run_downward_only(room: str) -> None:
    upward = [
        f"{name} -> {target}"
        for name in modules()
        if name.split(".")[0] == room
        for target in imports_of(name, at_start=False)
        if target.split(".")[0] not in {room, *BELOW[room], *DOORS.get(name, ())}
    ]
    assert upward == []


def test_a_door_is_opened_only_when_it_is_used() -> None:
    for name, rooms in DOORS.items():
        if name in modules():
            assert not {target.split(".")[0] for target in imports_of(name, at_start=True)} & rooms


def test_no_module_needs_itself_to_be_imported() -> None:
    """Circles among imports at the top of modules; an import inside a function is made when both are there."""
    arrows = {name: imports_of(name, at_start=True) for name in modules()}
    # A package's `__init__` runs before its modules; that they import one another through it is no circle by itself.
    plain = {name for name, path in modules().items() if path.name != "__init__.py"}
    arrows = {name: targets & plain for name, targets in arrows.items() if name in plain}
    seen: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in seen:
            return
        for target in sorted(arrows[name]):
            visit(target, (*trail, name))
        seen.add(name)

    for name in arrows:
        visit(name, ())


def test_personas_know_no_frames_no_asyncio_and_no_discord() -> None:
    for name, path in modules().items():
        if name.split(".")[0] == "personas":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            tops = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
            tops |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            assert tops & {"asyncio", "pipecat", "discord"} == set(), name


def test_only_the_files_of_moonshines_package_are_used() -> None:
    """Importing it loads a library with an ONNX Runtime of its own."""
    for name, path in modules().items():
        assert not re.search(r"^\s*(import|from) moonshine_voice", path.read_text(encoding="utf-8"), re.MULTILINE), name


@pytest.mark.parametrize("room", [*BELOW, "tests"])
def test_every_file_is_one_idea_in_less_than_400_lines(room: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines >= LONGEST_FILE} == {}


def test_every_room_says_what_it_is_for() -> None:
    for name, path in modules().items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name


def test_there_are_no_files_at_the_top_that_are_in_no_room() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == []
