"""Where activated lore goes in a prompt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from personas.cards.texts import DepthNote, Role
from personas.lorebooks.model import Activated, Position


@dataclass(frozen=True, slots=True)
class PlacedLore:
    """The lore of one prompt."""

    texts: Mapping[Position, str] = field(default_factory=dict)
    """For each place that has any, its texts joined by line breaks, lowest order first."""
    notes: tuple[DepthNote, ...] = ()
    """Deepest first."""
    outlets: Mapping[str, str] = field(default_factory=dict)
    """What stands where the card says `{{outlet::name}}`, by name."""
    disabled_prompts: frozenset[str] = frozenset()
    """Parts of the prompt that an entry switches off: `system_prompt`, `post_history_instructions`."""

    def at(self, position: Position) -> str:
        """The lore at `position`, "" when there is none."""
        return self.texts.get(position, "")


NO_LORE = PlacedLore()


def place(activated: Iterable[Activated], message_count: int) -> PlacedLore:
    """Sort activated lore into its places, keeping its order. `message_count` is that of the prompt's
    history."""
    texts: dict[Position, list[str]] = {}
    outlets: dict[str, list[str]] = {}
    notes: dict[tuple[int, Role], list[str]] = {}
    disabled: set[str] = set()
    for item in activated:
        entry = item.entry
        disabled |= entry.conditions.disabled_prompts
        if entry.position is Position.AT_DEPTH:
            depth = message_count - entry.depth if entry.depth_from_start else entry.depth
            notes.setdefault((min(max(0, depth), message_count), entry.role), []).append(item.text)
        elif entry.position is Position.OUTLET:
            outlets.setdefault(entry.outlet, []).append(item.text)
        else:
            texts.setdefault(entry.position, []).append(item.text)
    return PlacedLore(
        texts={position: "\n".join(parts) for position, parts in texts.items()},
        notes=tuple(
            DepthNote(depth, role, "\n".join(parts))
            for (depth, role), parts in sorted(notes.items(), key=lambda item: -item[0][0])
        ),
        outlets={name: "\n".join(parts) for name, parts in outlets.items()},
        disabled_prompts=frozenset(disabled),
    )
