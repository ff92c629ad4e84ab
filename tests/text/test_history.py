"""What was written lately, kept while the process runs."""

import pytest

from processors.memory import Exchange, Scene, SceneKind, Utterance
from text.history import RecentHistory

CHANNEL = Scene(SceneKind.CHANNEL, "1", "9")
THREAD = Scene(SceneKind.THREAD, "2", "9", "1")
CONSOLE = Scene(SceneKind.CONSOLE, "3")


def said(text: str, at_s: float) -> Utterance:
    return Utterance("7", "Alice", text, at_s)


async def texts(history: RecentHistory, scene: Scene = CHANNEL, limit: int = 50) -> list[str]:
    return [one.text for one in await history.history(scene, limit=limit)]


async def test_both_sides_of_an_exchange_are_kept_in_order() -> None:
    history = RecentHistory(lambda: 20.0)
    reply = Utterance("ava", "Ava", "Hello.", 11.0, by_character=True)
    history.note(Exchange(CHANNEL, "ava", (said("Hi", 10.0),), reply))
    history.note(Exchange(CHANNEL, "", (said("So", 12.0),)))
    assert await texts(history) == ["Hi", "Hello.", "So"]
    assert await texts(history, limit=2) == ["Hello.", "So"]
    assert await texts(history, THREAD) == []


@pytest.mark.parametrize(("scene", "idle_s"), [(CHANNEL, 1800), (THREAD, 900)])
async def test_a_long_pause_begins_a_new_conversation(scene: Scene, idle_s: float) -> None:
    now = [100.0]
    history = RecentHistory(lambda: now[0])
    history.note(Exchange(scene, "", (said("old", 50.0),)))
    history.note(Exchange(scene, "", (said("new", 50.0 + idle_s + 1),)))
    now[0] = 50.0 + idle_s + 2
    assert await texts(history, scene) == ["new"]
    now[0] += idle_s + 1
    assert await texts(history, scene) == []


async def test_a_conversation_at_a_terminal_may_pause() -> None:
    history = RecentHistory(lambda: 1e9)
    history.note(Exchange(CONSOLE, "", (said("long ago", 1.0),)))
    assert await texts(history, CONSOLE) == ["long ago"]


async def test_only_so_much_is_kept() -> None:
    history = RecentHistory(lambda: 1.0)
    for number in range(600):
        history.note(Exchange(Scene(SceneKind.DM, str(number)), "", (said("x", 1.0),)))
    for number in range(300):
        history.note(Exchange(CHANNEL, "", (said(str(number), 1.0),)))
    assert await texts(history, Scene(SceneKind.DM, "0")) == []
    assert len(await texts(history, limit=1000)) == 100
