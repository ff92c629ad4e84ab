"""What the commands of `acore bench` make of their options."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli_state import State
from processors.errors import SettingError

if TYPE_CHECKING:
    from bench.corpus.manifest import Manifest
    from bench.latency import Order
    from pipeline.settings import Settings


def with_profile(context: typer.Context, profile: str | None) -> "Settings":
    """The settings, with a profile if one is given. Every turn of the corpus is another person's: nobody has habits."""
    state: State = context.obj
    settings = state.load()
    if profile is None:
        return settings.model_copy(update={"turns": settings.turns.model_copy(update={"habit": 1.0})})
    from pydantic import ValidationError

    from processors.endpointing import TurnPolicy

    try:
        policy = TurnPolicy.model_validate({"profile": profile, "habit": 1.0})
    except ValidationError:
        raise SettingError(f"--profile is {profile!r}; it must be snappy, balanced or patient") from None
    return settings.model_copy(update={"turns": policy})


def order_of(
    turns: int | None, kinds: str, out: Path, folder: Path | None, name: str, keep_audio: bool, *, fast: bool = False
) -> "Order":
    """What to play: so many turns of these kinds (all, without any), into which result.

    Raises:
        SettingError: there is no such kind.
        AcoreError: the corpus cannot be made.
    """
    from bench.corpus.manifest import Kind
    from bench.corpus.store import choose
    from bench.latency import Order

    names = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    known = [kind.value for kind in Kind]
    if unknown := [kind for kind in names if kind not in known]:
        raise SettingError(f"--kinds names {unknown[0]!r}; there are: {', '.join(known)}")
    where = folder_of(folder)
    chosen = choose(manifest_in(where), turns, [Kind(kind) for kind in names])
    return Order(chosen, where, out, name, "fast" if fast else "realtime", keep_audio)


def folder_of(folder: Path | None) -> Path:
    """The corpus's folder: the one that was named, or this user's."""
    from bench.corpus.store import corpus_folder

    return folder or corpus_folder()


def manifest_in(folder: Path) -> "Manifest":
    """The corpus in a folder, made there if it is not whole. Raises AcoreError when it cannot be made."""
    from bench.corpus.store import ensure_corpus
    from processors.models import ModelStore

    def tell(done: int, of: int) -> None:
        if done == of or done % 25 == 0:
            typer.echo(f"making the corpus: {done} of {of} turns")

    return ensure_corpus(folder, ModelStore(), tell)


def numbers_of(text: str) -> list[int]:
    """Numbers of rooms, each once, in order. Raises SettingError when there are none."""
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise SettingError(f"--rooms is {text!r}; it must be numbers, like 1,8,16")
    return numbers
