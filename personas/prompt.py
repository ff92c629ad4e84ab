"""The texts a card and its lore give to a prompt, macros replaced.

Creator's notes, tags, creator and version appear in none of them (V2: they "MUST NOT be used inside
prompts").
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from personas.cards.macros import DEFAULT_USER, MacroContext, apply_macros
from personas.cards.model import Card
from personas.cards.texts import DepthNote, depth_prompt, macro_context
from personas.lorebooks.model import Position
from personas.lorebooks.placing import NO_LORE, PlacedLore

FALLBACK_SYSTEM_PROMPT = "You are {{char}}, talking with {{user}}. Stay in character and answer briefly."
"""For cards with an empty `system_prompt` (V2: "an internal fallback MUST be used")."""


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """One line of an example dialogue; the role is `assistant` when the character says it."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class PromptParts:
    """Everything a character brings to one prompt, in the order it stands there."""

    system: str
    before_examples: str
    examples: tuple[tuple[ExampleLine, ...], ...]
    """One tuple of lines for each example conversation: the first to go when the context is full (V1)."""
    after_examples: str
    notes: tuple[DepthNote, ...]
    """To be put among the messages of the history, deepest first."""
    post_history: str


def prompt_parts(
    card: Card,
    user_name: str = DEFAULT_USER,
    lore: PlacedLore = NO_LORE,
    default_system: str = FALLBACK_SYSTEM_PROMPT,
    default_post_history: str = "",
    context: MacroContext | None = None,
) -> PromptParts:
    """Everything `card` and `lore` bring to a prompt.

    Args:
        default_system: used when the card has no system prompt, and what its `{{original}}` stands for.
        default_post_history: the same for its post-history instructions.
        context: what macros stand for; by default the clock is now and the dice are fresh.
    """
    context = replace(context or macro_context(card, user_name), outlets=lore.outlets)
    note = depth_prompt(card, context)
    notes = (*lore.notes, note) if note else lore.notes
    instructions = _with_original(card.post_history_instructions, default_post_history, context)
    if "post_history_instructions" in lore.disabled_prompts:
        instructions = ""
    return PromptParts(
        system=system_prompt(card, user_name, default_system, lore, context),
        before_examples=lore.at(Position.BEFORE_EXAMPLES),
        examples=example_dialogues(card, user_name, context),
        after_examples=lore.at(Position.AFTER_EXAMPLES),
        notes=tuple(sorted(notes, key=lambda note: -note.depth)),
        post_history=_joined((lore.at(Position.BEFORE_NOTE), instructions, lore.at(Position.AFTER_NOTE))),
    )


def system_prompt(
    card: Card,
    user_name: str = DEFAULT_USER,
    default: str = FALLBACK_SYSTEM_PROMPT,
    lore: PlacedLore = NO_LORE,
    context: MacroContext | None = None,
) -> str:
    """The card's own system prompt or `default`, then description, personality and scenario, lore around
    them.

    A card's `{{original}}` stands for `default`. Empty parts leave no trace.
    """
    context = context or macro_context(card, user_name)
    personality = _joined((apply_macros(card.personality, context), lore.at(Position.PERSONALITY)))
    scenario = _joined((apply_macros(card.scenario, context), lore.at(Position.SCENARIO)))
    parts = (
        "" if "system_prompt" in lore.disabled_prompts else _with_original(card.system_prompt, default, context),
        lore.at(Position.BEFORE_CHARACTER),
        lore.at(Position.BEFORE_DESCRIPTION),
        apply_macros(card.description, context),
        lore.at(Position.AFTER_DESCRIPTION),
        personality and f"Personality: {personality}",
        scenario and f"Scenario: {scenario}",
        lore.at(Position.AFTER_CHARACTER),
    )
    return _joined(parts)


def first_message(card: Card, user_name: str = DEFAULT_USER, greeting: int = 0) -> str:
    """What the character opens with: 0 is the card's first message, 1.. its alternate greetings.

    Raises:
        IndexError: the card has no such greeting.
    """
    return apply_macros(card.greetings[greeting].text, macro_context(card, user_name))


def example_dialogues(
    card: Card, user_name: str = DEFAULT_USER, context: MacroContext | None = None
) -> tuple[tuple[ExampleLine, ...], ...]:
    """The card's example conversations, one tuple of lines for each `<START>` block.

    A line belongs to whoever's name begins it (`{{char}}:`, `{{user}}:`, or the names themselves); a line
    with no name continues the one before it.
    """
    context = context or macro_context(card, user_name)
    blocks = (_lines(block, card, context) for block in re.split(r"(?i)<START>", card.mes_example))
    return tuple(block for block in blocks if block)


def _lines(block: str, card: Card, context: MacroContext) -> tuple[ExampleLine, ...]:
    speakers: dict[str, Literal["user", "assistant"]] = {context.user: "user"}
    speakers |= {context.char: "assistant", card.name: "assistant"}
    lines: list[ExampleLine] = []
    for line in apply_macros(block, context).splitlines():
        name, colon, rest = line.partition(":")
        role = speakers.get(name.strip()) if colon else None
        if role is not None:
            lines.append(ExampleLine(role, rest.strip()))
        elif lines and line.strip():
            lines[-1] = replace(lines[-1], text=f"{lines[-1].text}\n{line.strip()}".strip())
    return tuple(lines)


def _with_original(text: str, default: str, context: MacroContext) -> str:
    if not text.strip():
        return apply_macros(default, context)
    return apply_macros(text, replace(context, texts={**context.texts, "original": default}))


def _joined(parts: tuple[str, ...]) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
