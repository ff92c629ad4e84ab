"""What a character brings to one prompt, its lasting part and its passing part apart.

Engines read a prompt's beginning once and reuse it for as long as it stays the same. So the persona, its framework and
the lore that always holds come first and never change; what changes from message to message (the bond, the mood, the
lore that was just called, what the moment asks of its behaviour) stands behind the history, before the newest message.
"""

import random
from dataclasses import dataclass, replace

from personas.cards import Card
from personas.cards.macros import apply_macros, outlet_names
from personas.cards.texts import DepthNote, depth_prompt_text, macro_context
from personas.frameworks import Framework, compile_character, framework
from personas.profile import CharacterProfile
from personas.prompt import ExampleLine, prompt_parts
from text.cast.lore import Found


@dataclass(frozen=True, slots=True)
class Cue:
    """What a character brings to one prompt."""

    character: CharacterProfile
    """With the settings that hold just now, frameworks counted in."""
    system: str
    """The beginning of every prompt of this character."""
    examples: tuple[ExampleLine, ...]
    """Lines of example dialogue, to stand before the history."""
    notes: tuple[DepthNote, ...]
    """Texts that stand so many messages before the end of the history, deepest first."""
    lore: tuple[str, ...]
    """Texts that the last messages called for."""
    state: tuple[str, ...]
    """Sentences about the bond, the company and the mood."""
    reminder: str
    """What the card, its framework and the moment have the model told last."""

    @property
    def now(self) -> str:
        """What holds for this one answer: to stand behind the history, right before the newest message."""
        return _joined(*self.lore, *self.state, self.reminder)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the passing part of a prompt is made of."""

    speaker: str
    """What the person who is answered is called."""
    lines: tuple[str, ...] = ()
    """Sentences about the bond, the mood and the company."""
    guest: Framework | None = None
    """A framework the moment calls for, beside the character's own."""


def make_cue(profile: CharacterProfile, found: Found, moment: Moment, *, user_name: str, seed: str) -> Cue:
    """Put a character's texts in their order.

    Args:
        user_name: what the lasting part calls whoever it is spoken with; the same for everybody, so that it lasts.
        seed: throws the dice of the lasting part's macros, so that they fall the same each time.
    """
    home = compile_character(profile)
    lasting = prompt_parts(
        home.card,
        user_name,
        found.placed,
        context=replace(macro_context(home.card, user_name), rng=random.Random(seed)),
    )
    passing = prompt_parts(home.card, moment.speaker, replace(found.placed, outlets=found.outlets))
    guest, blended = moment.guest, home
    context = macro_context(home.card, moment.speaker)
    advice = ("", "")
    if guest:
        blended = compile_character(profile, *_both(profile, guest))
        advice = (apply_macros(guest.instructions, context), apply_macros(guest.reminder, context))
    return Cue(
        character=blended,
        system=_joined(lasting.system, lasting.before_examples, lasting.after_examples),
        examples=tuple(line for block in lasting.examples for line in block),
        notes=passing.notes,
        lore=(*found.called, *_moved_outlets(home.card, found)),
        state=moment.lines,
        reminder=_joined(advice[0], passing.post_history, advice[1]),
    )


def _moved_outlets(card: Card, found: Found) -> tuple[str, ...]:
    """What was called for outlets of the lasting part: it stands with the other lore that was called. What has an
    outlet in the passing part stands there."""
    last = outlet_names(card.post_history_instructions, depth_prompt_text(card))
    first = outlet_names(card.system_prompt, card.description, card.personality, card.scenario, card.mes_example)
    return tuple(text for name, text in found.called_outlets.items() if name in first - last)


def _both(profile: CharacterProfile, guest: Framework) -> tuple[Framework, ...]:
    own = profile.settings.framework
    return (framework(own), guest) if own else (guest,)


def _joined(*parts: str) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
