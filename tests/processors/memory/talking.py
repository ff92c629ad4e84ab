"""Small talks to remember."""

from processors.memory.port import Exchange, Scene, SceneKind, Utterance

GARDEN = Scene(SceneKind.CHANNEL, "garden", guild_id="g1")
ATTIC = Scene(SceneKind.DM, "attic")
NOON_S = 1_800_000_000.0


def said(
    text: str,
    *,
    by: str = "1",
    name: str = "Ann",
    scene: Scene = GARDEN,
    at_s: float = NOON_S,
    persona: str = "ava",
    reply: str = "I see.",
) -> Exchange:
    """Somebody said something to a character, who answered."""
    answer = Utterance(persona, persona.title(), reply, at_s, by_character=True) if reply else None
    return Exchange(scene, persona, (Utterance(by, name, text, at_s),), answer)
