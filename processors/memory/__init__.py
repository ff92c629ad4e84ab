"""What the characters remember: history, profiles, knowledge, summaries; all of it beside the voice path."""

from processors.memory.port import NO_RECOLLECTION, Exchange, Memory, Recollection, Scene, SceneKind, Utterance

__all__ = ["NO_RECOLLECTION", "Exchange", "Memory", "Recollection", "Scene", "SceneKind", "Utterance"]
