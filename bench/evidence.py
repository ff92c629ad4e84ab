"""`acore bench evidence`: is what was said weeks ago found again?

People tell things about themselves among weeks of small talk, and ask for them later, partly in other words; which
message answers is known. Counted is how often it is among the first five: by meaning alone, by words alone (BM25), and
by both as the product does it. Others tell the same kinds of things about themselves, so guessing the kind is not
enough.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results import provenance, write_result
from processors.memory.embedding import MiniLm
from processors.memory.port import Exchange, Scene, SceneKind, Utterance
from processors.memory.search import MessageSearch, Question
from processors.memory.service import MemoryService
from processors.memory.settings import MemorySettings
from processors.memory.store import open_store
from processors.memory.vectors import ChromaVectors, Meaning
from processors.models import ModelStore

FIRST = 5
_DAY_S = 86_400.0
_START_S = 1_800_000_000.0
_ROOM = Scene(SceneKind.VOICE, "lounge", guild_id="g1")
_PERSONA = "ava"

_VALUES = {
    "name": "Rex Luna Biscuit Olive Monty Pixel Juno Waffles Clover Hugo Mabel Otto Poppy Ziggy".split(),
    "place": "Lisbon Oslo Kyoto Quito Dublin Cairo Turin Bergen Hanoi Porto Ghent Sapporo".split(),
    "job": ["a baker", "a nurse", "a welder", "an architect", "a beekeeper", "a bus driver", "a translator"],
    "food": "peanuts shellfish strawberries mushrooms gluten walnuts kiwi".split(),
    "thing": ["the cello", "the accordion", "the trumpet", "the harp", "the drums", "the banjo"],
    "number": [str(number) for number in range(11, 60)],
}
_FACTS = (
    ("My dog is called {name}.", "What is the name of my puppy?"),
    ("My sister moved to {place} last spring.", "Where does my sibling live now?"),
    ("I work as {job} these days.", "What do I do for a living?"),
    ("I can't eat {food}, I swell up like a balloon.", "Is there something I am allergic to?"),
    ("I started to take lessons on {thing}.", "Which instrument am I learning?"),
    ("I turn {number} in March.", "How old will I be on my next birthday?"),
    ("We got married in {place} on a rainy day.", "Where was our wedding?"),
    ("My boat is called the {name}.", "What did I name my ship?"),
    ("My grandfather came here from {place}.", "Which city did my family come from?"),
    ("The password of our club is {name}.", "What was the secret word of the club?"),
    ("I broke my arm falling off a roof in {place}.", "How did I get hurt that time?"),
    ("My favourite dish is soup with {food}.", "What do I like to eat best?"),
    ("My cousin {name} collects old maps of {place}.", "What was it my cousin {name} collects?"),
    ("I owe {name} exactly {number} euros.", "How much money do I owe {name}?"),
    ("I proposed on a bridge in {place}.", "What did I do in {place} on the bridge?"),
    ("The code of my garage is {number}{number}.", "What is my garage code?"),
    ("My boss {name} keeps snakes.", "Which animals does {name}, my boss, keep?"),
    ("I learned {thing} from a monk in {place}.", "Who taught me {thing}?"),
)
_CHATTER = (
    "The weather is awful again today.",
    "Did anybody watch the match last night?",
    "I am so tired, the train was late once more.",
    "Let's play another round later this evening.",
    "That film about {place} was better than I thought.",
    "Somebody in the office eats {food} all day long.",
    "A friend of mine plays {thing} terribly loud.",
    "I read that {job} earns more than I do.",
    "My neighbour's cat {name} sat on the car again.",
    "What should we cook for dinner tonight?",
    "I have been thinking about a holiday in {place}.",
    "Number {number} in the queue, can you believe it?",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing somebody said."""

    person: str
    text: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the place of the line that answers it."""

    person: str
    text: str
    evidence: int


@dataclass(frozen=True, slots=True)
class Hits:
    """How often the evidence was among the first five (0-1)."""

    questions: int
    vector: float
    words: float
    hybrid: float


def conversations(people: int, days: int, seed: int = 7) -> tuple[list[Line], list[Asked]]:
    """Weeks of talk in one room, and questions about it. The same for the same seed."""
    chance = random.Random(seed)
    told = [(f"p{number}", fact) for number in range(people) for fact in chance.sample(_FACTS, 6)]
    chance.shuffle(told)
    lines: list[Line] = []
    asked: list[Asked] = []
    a_day = -(-len(told) // days)
    for day in range(days):
        today = told[day * a_day : (day + 1) * a_day]
        talk: list[tuple[str, str, str]] = []
        for who, (fact, question) in today:
            values = _values(chance)
            talk.append((who, fact.format_map(values), question.format_map(values)))
        for _ in range(4 * len(today)):
            talk.append((f"p{chance.randrange(people)}", chance.choice(_CHATTER).format_map(_values(chance)), ""))
        chance.shuffle(talk)
        for minute, (who, text, question) in enumerate(talk):
            if question:
                asked.append(Asked(who, question, len(lines)))
            lines.append(Line(who, text, _START_S + day * _DAY_S + minute * 60))
    return lines, asked


async def measure_hits(folder: Path, models: ModelStore, people: int, days: int) -> Hits:
    """Tell everything to a memory and ask for it again, a week later."""
    lines, asked = conversations(people, days)
    later_s = lines[-1].at_s + 7 * _DAY_S
    settings = MemorySettings()
    meaning = Meaning(MiniLm(models), ChromaVectors(folder / "vectors"))
    async with open_store(folder) as store:
        memory = MemoryService(store, folder, settings, lambda: later_s)
        try:
            for line in lines:
                said = Utterance(line.person, line.person, line.text, line.at_s)
                memory.note(Exchange(_ROOM, _PERSONA, (said,)))
            await store.settle(60)
            await memory.open_meanings(meaning)
            assert memory.index, "the model is there"
            while await memory.index.step():
                pass
            search = MessageSearch(store, floor=0.0)
            search.meaning = meaning
            counts = {"vector": 0, "words": 0, "hybrid": 0}
            for one in asked:
                question = Question(_ROOM, _PERSONA, (one.person,), one.text, later_s)
                found = {
                    "vector": [near.id for near in await search.by_meaning(question)],
                    "words": await search.by_words(question),
                    "hybrid": [hit.id for hit in await search.find(question, FIRST)],
                }
                for way, ids in found.items():
                    # Ids count from one, in the order of the lines.
                    counts[way] += one.evidence + 1 in ids[:FIRST]
        finally:
            await memory.close()
            await meaning.close()
    return Hits(len(asked), **{way: round(count / len(asked), 3) for way, count in counts.items()})


def run_evidence(
    people: int, days: int, models: ModelStore, out: Path, tell: Callable[[str], None]
) -> tuple[Hits, Path]:
    """Measure. Writes `<out>/evidence.json`.

    Raises:
        AcoreError: the model is missing, or the memory cannot be written.
    """
    tell("telling and asking")
    with TemporaryDirectory() as folder:
        hits = asyncio.run(measure_hits(Path(folder), models, people, days))
    path = out / "evidence.json"
    write_result(path, {"bench": "evidence", **provenance(people=people, days=days), "figures": asdict(hits)})
    return hits, path


def _values(chance: random.Random) -> dict[str, str]:
    return {name: chance.choice(values) for name, values in _VALUES.items()}
