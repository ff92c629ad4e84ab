"""What the language model is shown for one answer in text, laid out as `processors.language.context` says.

What the moment asks of the character stands in the last message, before the words it answers: some models' templates
know no other place behind the history.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from personas.cards.texts import DepthNote
from personas.prompt import ExampleLine
from processors.language.context import (
    LORE_SHARE,
    NO_BACKGROUND,
    Notes,
    PromptPart,
    fit_examples,
    fit_notes,
    fit_words,
    parts_of,
    system_text,
    user_text,
)
from processors.language.engines import Message, Picture
from processors.language.tokens import TokenCounter
from processors.memory import Utterance
from text.cast import Cue


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be answered, and what is known beside it."""

    written: Utterance | None
    """None when the character speaks by itself."""
    known: tuple[str, ...] = ()
    """Memories, what was said in the voice channel, pictures it is not shown: a line each."""
    instruction: str = ""
    """What to do, when nobody asked for anything."""
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """A request to the language model."""

    messages: tuple[Message, ...]
    parts: tuple[PromptPart, ...]
    """The same by what it is, for reading."""


def build_prompt(
    cue: Cue, history: Sequence[Utterance], asked: Asked, *, room: int, counter: TokenCounter
) -> TextPrompt:
    """Put a prompt together.

    Args:
        history: of the scene, oldest first, without what is asked.
        room: the tokens it may take. The persona stays whole even if it exceeds them.
    """
    me = cue.character.id
    speakers = {one.speaker_id for one in history} | ({asked.written.speaker_id} if asked.written else set())
    named = len(speakers - {me}) > 1
    words = fit_words(_quoted(asked.written, me, named) if asked.written else asked.instruction, room, counter)
    # Nobody wrote an instruction, and it must not look as if.
    words = words if asked.written else f"[{words}]"
    notes = fit_notes(
        Notes(knowledge=asked.known, lore=cue.lore, state=cue.state, reminder=cue.reminder), room, counter
    )
    last = Message("user", user_text(notes, words), pictures=asked.pictures)
    persona = system_text(cue.system, NO_BACKGROUND)
    left = room - counter.count(persona) - counter.message(last)
    asides = _fitting_asides(cue.notes, min(left, int(room * LORE_SHARE)), counter)
    left -= sum(counter.count(note.text) for note in asides)
    examples = [line for block in fit_examples(_blocks(cue.examples), min(room, left), counter) for line in block]
    kept = _newest(history, left - counter.messages(examples), counter)
    spoken = [Message("assistant" if one.speaker_id == me else "user", _quoted(one, me, named)) for one in kept]
    messages = _joined([Message("system", persona), *examples, *_with_asides([*spoken, last], asides)])
    notes = replace(notes, lore=(*(note.text for note in asides), *notes.lore))
    return TextPrompt(tuple(messages), parts_of(persona, NO_BACKGROUND, examples, spoken, notes, words, counter))


def _quoted(utterance: Utterance, me: str, named: bool) -> str:
    return f"{utterance.name}: {utterance.text}" if named and utterance.speaker_id != me else utterance.text


def _blocks(lines: Sequence[ExampleLine]) -> list[tuple[Message, ...]]:
    """Example dialogue by what somebody says and what is answered."""
    blocks: list[tuple[Message, ...]] = []
    for line in lines:
        message = Message(line.role, line.text)
        if blocks and line.role == "assistant":
            blocks[-1] = (*blocks[-1], message)
        else:
            blocks.append((message,))
    return blocks


def _newest(history: Sequence[Utterance], room: int, counter: TokenCounter) -> Sequence[Utterance]:
    """The newest of the history that fit. Of one that does not fit whole, up to half of what does is given up, so that
    the same message is the first for some answers: moved on with each, the engine could reuse none of what it read."""
    first = len(history)
    while first and (room := room - _tokens(history[first - 1], counter)) >= 0:
        first -= 1
    if first == 0:
        return history
    places = range(first, first + (len(history) - first) // 2)
    return history[min(places, key=lambda place: _lot(history[place]), default=first) :]


def _tokens(utterance: Utterance, counter: TokenCounter) -> int:
    return counter.message(Message("user", f"{utterance.name}: {utterance.text}"))


def _lot(utterance: Utterance) -> int:
    """A number that is always the same for it, and by chance lower or higher than another's."""
    return zlib.crc32(f"{utterance.at_s} {utterance.text}".encode(errors="replace"))


def _fitting_asides(notes: Sequence[DepthNote], room: int, counter: TokenCounter) -> list[DepthNote]:
    """The notes that fit, the one nearest to the end first."""
    fit: list[DepthNote] = []
    for note in reversed(notes):
        room -= counter.count(note.text)
        if room < 0:
            break
        fit.insert(0, note)
    return fit


def _with_asides(messages: list[Message], notes: Sequence[DepthNote]) -> list[Message]:
    """Notes among the messages, `depth` of which come after each; deepest first. The last message stays last."""
    placed = list(messages)
    for added, note in enumerate(notes):
        at = min(len(messages) - 1, max(0, len(messages) - note.depth))
        role = "assistant" if note.role == "assistant" else "user"
        placed.insert(at + added, Message(role, note.text if note.role != "system" else f"[{note.text}]"))
    return placed


def _joined(messages: list[Message]) -> list[Message]:
    """Neighbours of one role as one message: many templates insist that roles take turns."""
    joined: list[Message] = []
    for message in messages:
        before = joined[-1] if joined else None
        if before and before.role == message.role:
            pictures = before.pictures + message.pictures
            joined[-1] = replace(before, content=f"{before.content}\n{message.content}", pictures=pictures)
        else:
            joined.append(message)
    return joined
