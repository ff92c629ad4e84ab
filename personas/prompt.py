"""The texts a card gives to a prompt, its macros replaced.

Every function takes an optional `MacroContext`; without one the clock is now and the dice are fresh.
Creator's notes, tags, creator and version appear in none of them (V2: they "MUST NOT be used inside
prompts").
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from personas.cards.macros import DEFAULT_USER, MacroContext, apply_macros
from personas.cards.model import Card

FALLBACK_SYSTEM_PROMPT = "You are {{char}}, talking with {{user}}. Stay in character and answer briefly."
"""For cards with an empty `system_prompt` (V2: "an internal fallback MUST be used")."""

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class DepthPrompt:
    """A note that belongs `depth` messages before the newest one (`extensions.depth_prompt`)."""

    text: str
    depth: int
    role: Role


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """One line of an example dialogue."""

    role: Literal["user", "assistant"]
    """`assistant` when the character says it."""
    text: str


def macro_context(card: Card, user_name: str = DEFAULT_USER) -> MacroContext:
    """What the macros of `card` stand for in a conversation with `user_name`."""
    texts = {"description": card.description, "personality": card.personality, "scenario": card.scenario}
    return MacroContext(char=card.display_name, user=user_name or DEFAULT_USER, seed=card.name, texts=texts)


def system_prompt(
    card: Card,
    user_name: str = DEFAULT_USER,
    default: str = FALLBACK_SYSTEM_PROMPT,
    context: MacroContext | None = None,
) -> str:
    """The system prompt: the card's own or `default`, then description, personality and scenario.

    A card's `{{original}}` stands for `default`. Empty parts leave no trace.
    """
    context = context or macro_context(card, user_name)
    parts = (
        _with_original(card.system_prompt, default, context),
        apply_macros(card.description, context),
        _labelled("Personality", apply_macros(card.personality, context)),
        _labelled("Scenario", apply_macros(card.scenario, context)),
    )
    return "\n".join(part for part in map(str.strip, parts) if part)


def post_history_instructions(
    card: Card, user_name: str = DEFAULT_USER, default: str = "", context: MacroContext | None = None
) -> str:
    """What the card wants said after the history: its own text or `default`; `{{original}}` is `default`."""
    return _with_original(card.post_history_instructions, default, context or macro_context(card, user_name))


def first_message(
    card: Card, user_name: str = DEFAULT_USER, greeting: int = 0, context: MacroContext | None = None
) -> str:
    """What the character opens with: 0 is the card's first message, 1.. its alternate greetings.

    Raises:
        IndexError: the card has no such greeting.
    """
    return apply_macros(card.greetings[greeting].text, context or macro_context(card, user_name))


def depth_prompt(card: Card, user_name: str = DEFAULT_USER, context: MacroContext | None = None) -> DepthPrompt | None:
    """The card's depth prompt, or None when it has none or an empty one."""
    raw = card.extensions.get("depth_prompt")
    if not isinstance(raw, dict) or not isinstance(raw.get("prompt"), str) or not raw["prompt"].strip():
        return None
    depth, role = raw.get("depth"), raw.get("role")
    return DepthPrompt(
        text=apply_macros(raw["prompt"], context or macro_context(card, user_name)),
        # 4 and system are what the program that introduced the field falls back to.
        depth=max(0, depth) if isinstance(depth, int) else 4,
        role=role if role in ("user", "assistant") else "system",
    )


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


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text.strip()}" if text.strip() else ""
