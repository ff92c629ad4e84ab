"""What every reader of a card's texts needs: the meaning of its macros, and its depth prompt."""

from dataclasses import dataclass
from typing import Literal

from personas.cards.macros import DEFAULT_USER, MacroContext, apply_macros
from personas.cards.model import Card

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class DepthNote:
    """Text that belongs among the messages: `depth` of them come after it, and 0 puts it last."""

    depth: int
    role: Role
    text: str


def macro_context(card: Card, user_name: str = DEFAULT_USER) -> MacroContext:
    """What the macros of `card` stand for in a conversation with `user_name`: now, with fresh dice."""
    texts = {"description": card.description, "personality": card.personality, "scenario": card.scenario}
    return MacroContext(char=card.display_name, user=user_name or DEFAULT_USER, seed=card.name, texts=texts)


def depth_prompt(card: Card, context: MacroContext) -> DepthNote | None:
    """The card's depth prompt (`extensions.depth_prompt`), or None when it has none or an empty one."""
    raw, text = card.extensions.get("depth_prompt"), depth_prompt_text(card)
    if not isinstance(raw, dict) or not text:
        return None
    depth, role = raw.get("depth"), raw.get("role")
    return DepthNote(
        # 4 and system are what the program that introduced the field falls back to.
        depth=max(0, depth) if isinstance(depth, int) else 4,
        role=role if role in ("user", "assistant") else "system",
        text=apply_macros(text, context),
    )


def depth_prompt_text(card: Card) -> str:
    """What the card's depth prompt says, macros and all; empty when it has none."""
    raw = card.extensions.get("depth_prompt")
    text = raw.get("prompt") if isinstance(raw, dict) else None
    return text if isinstance(text, str) and text.strip() else ""
