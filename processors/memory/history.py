"""What was said in each place, as far back as its conversation reaches."""

import json
import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from processors.memory.port import Exchange, Scene, SceneKind, Utterance
from processors.memory.settings import HistorySettings
from processors.memory.store import Store
from processors.memory.writer import Statement

_SCENES_AT_HAND = 256
_TRIES = 3

COLUMNS = "kind, place, guild, persona, person, speaker, name, by_character, text, at_s, scope, also"
_LATEST = (
    "SELECT speaker, name, text, at_s, by_character FROM messages WHERE place = ? AND kind = ? ORDER BY id DESC LIMIT ?"
)
INSERT = f"INSERT INTO messages ({COLUMNS}) VALUES ({', '.join('?' * 12)})"

NOBODY = ""


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a conversation reaches."""

    most: int
    idle_s: float
    since_s: float = 0.0


def conversation(utterances: Iterable[Utterance], window: Window, now_s: float) -> tuple[Utterance, ...]:
    """The newest utterances (given oldest first) without a pause between them, up to now. Pure.

    A clock that was set back makes pauses negative: they count as none.
    """
    kept: deque[Utterance] = deque()
    later_s = now_s
    for one in reversed(tuple(utterances)):
        if later_s - one.at_s > window.idle_s or one.at_s < window.since_s or len(kept) == window.most:
            break
        kept.appendleft(one)
        later_s = one.at_s
    return tuple(kept)


def scope_of(scene: Scene) -> str:
    """Who may be told later what is said in a scene."""
    if scene.private:
        return "private"
    return "restricted" if scene.restricted else "open"


def person_of(exchange: Exchange) -> str:
    """Whose exchange it is: who spoke last, or nobody if the character spoke by itself."""
    return exchange.heard[-1].speaker_id if exchange.heard else exchange.asked_by


def others_of(exchange: Exchange) -> str:
    """Who else is answered, as a JSON list; empty if nobody. When they are forgotten, so is the answer."""
    people = {one.speaker_id for one in exchange.heard} - {person_of(exchange)}
    return json.dumps(sorted(people)) if people else ""


class History:
    """Writes exchanges to the store and keeps the latest of the places in use at hand."""

    def __init__(self, store: Store, settings: HistorySettings, now_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settings = settings
        self._now_s = now_s
        self._at_hand: OrderedDict[tuple[SceneKind, str], deque[Utterance]] = OrderedDict()
        self._noted = 0

    def note(self, exchange: Exchange) -> None:
        """Remember an exchange. Returns at once."""
        said = (*exchange.heard, *((exchange.reply,) if exchange.reply else ()))
        if not said:
            return
        recent = self._at_hand.get(_key(exchange.scene))
        if recent is not None:
            recent.extend(said)
        self._noted += 1
        self._store.write(Statement(INSERT, tuple(_row(exchange, one) for one in said)))

    async def latest(self, scene: Scene, limit: int | None = None) -> tuple[Utterance, ...]:
        """The conversation a scene is in, oldest first; empty after its pause."""
        most = self._settings.most(scene.kind)
        window = Window(min(limit or most, most), self._settings.idle_s(scene.kind), scene.since_s)
        return conversation(await self._recent(scene), window, self._now_s())

    def forget(self, matches: Callable[[Utterance], bool] = lambda _: True) -> None:
        """Drop what is at hand of all places where an utterance matches; the store is asked anew."""
        for key in [key for key, recent in self._at_hand.items() if any(map(matches, recent))]:
            del self._at_hand[key]

    async def _recent(self, scene: Scene) -> deque[Utterance]:
        key = _key(scene)
        if (recent := self._at_hand.get(key)) is not None:
            self._at_hand.move_to_end(key)
            return recent
        most = self._settings.most(scene.kind)
        rows, settled = [], False
        for _ in range(_TRIES):
            noted = self._noted
            # What was noted and not yet written must not be missed; nor what is noted while we read.
            settled = await self._store.settle()
            rows = await self._store.read(_LATEST, (scene.id, scene.kind, most))
            if noted == self._noted:
                break
        recent = deque((utterance_of(row) for row in reversed(rows)), maxlen=most)
        if not settled:
            # Kept at hand, it would lack for good what the disk has not taken yet.
            return recent
        recent = self._at_hand.setdefault(key, recent)
        while len(self._at_hand) > _SCENES_AT_HAND:
            self._at_hand.popitem(last=False)
        return recent


def utterance_of(row: sqlite3.Row) -> Utterance:
    """A row of the messages table as it was said."""
    return Utterance(row["speaker"], row["name"], row["text"], row["at_s"], bool(row["by_character"]))


def _key(scene: Scene) -> tuple[SceneKind, str]:
    return scene.kind, scene.id


def _row(exchange: Exchange, one: Utterance) -> tuple[object, ...]:
    scene = exchange.scene
    person = person_of(exchange) if one.by_character else one.speaker_id
    return (
        scene.kind,
        scene.id,
        scene.guild_id,
        exchange.persona_id,
        person,
        one.speaker_id,
        one.name,
        int(one.by_character),
        one.text,
        one.at_s,
        scope_of(scene),
        others_of(exchange) if one.by_character else "",
    )
