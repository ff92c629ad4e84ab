"""What a cast remembers of one server: plain values, saved as they are, never more than so many of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from personas.behaviour import Kind, Mind
from personas.lorebooks import LoreState
from personas.relationships import Bond, Bonds
from personas.router import RouterState

MOST_CHANNELS = 500
MOST_BONDS = 5000
MOST_POSTS = 500


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The last answer a character gave in a channel."""

    partner: str = ""
    """Id of whom it was given to, "" for nobody."""
    at_s: float = 0.0
    """Unix time."""
    undisturbed: bool = True
    """Nobody else has written since."""


NO_ANSWER = LastAnswer()


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What is remembered of one channel, thread or voice room."""

    character: str = ""
    """Id of the character chosen for it, "" for none."""
    ambient: bool = False
    """Characters may speak unasked here."""
    session: bool = False
    """Everything written here is meant for its characters, until it falls silent."""
    off: frozenset[Kind] = frozenset()
    """What they do not do unasked, even so."""
    messages: int = 0
    """How many messages its conversations have had; timed lore counts in them."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """Of which by each character."""
    lore: LoreState = field(default_factory=LoreState)
    last: LastAnswer = NO_ANSWER
    greeting: int | None = None
    """Which of its first messages a character opened with here; None if it did not."""
    touched_s: float = 0.0
    """When it last changed, Unix time."""

    @property
    def arranged(self) -> bool:
        """Whether somebody decided something about it, so that it should not be forgotten."""
        return bool(self.character or self.ambient or self.off)


@dataclass(frozen=True, slots=True)
class GuildState:
    """What is remembered of one server."""

    character: str = ""
    """Id of the character chosen for all its channels, "" for none."""
    channels: Mapping[str, ChannelState] = field(default_factory=dict)
    router: RouterState = field(default_factory=RouterState)
    bonds: Bonds = field(default_factory=Bonds)
    minds: Mapping[str, Mind] = field(default_factory=dict)
    """By character."""
    posts: Mapping[str, str] = field(default_factory=dict)
    """Messages the bot posted under its own name, to the character whose words they hold; oldest first."""

    def channel(self, id: str) -> ChannelState:
        """A channel's state; a new one's when nothing is known of it."""
        return self.channels.get(id, ChannelState())

    def mind(self, character: str) -> Mind:
        """A character's mind; a fresh one when it has never been here."""
        return self.minds.get(character, Mind())

    def with_channel(self, id: str, channel: ChannelState) -> "GuildState":
        """The state with one channel changed. Of too many, the one untouched for longest is forgotten."""
        channels = {**self.channels, id: channel}
        router = self.router
        if len(channels) > MOST_CHANNELS:
            others = channels.keys() - {id}
            oldest = min(others, key=lambda key: (channels[key].arranged, channels[key].touched_s))
            del channels[oldest]
            router = router.left(oldest)
        return replace(self, channels=channels, router=router)

    def with_mind(self, character: str, mind: Mind) -> "GuildState":
        """The state with one character's mind changed."""
        return replace(self, minds={**self.minds, character: mind})

    def with_post(self, message_id: str, character: str) -> "GuildState":
        """The state with one more post. Of too many, the oldest is forgotten."""
        posts = [*self.posts.items(), (message_id, character)]
        return replace(self, posts=dict(posts[-MOST_POSTS:]))

    def with_bond(self, one: str, other: str, bond: Bond) -> "GuildState":
        """The state with one bond changed. Of too many, the one whose parties met longest ago is forgotten."""
        bonds = self.bonds.with_bond(one, other, bond)
        if len(bonds.by_pair) > MOST_BONDS:
            oldest = min(bonds.by_pair, key=lambda pair: bonds.by_pair[pair].met_s)
            bonds = Bonds({pair: kept for pair, kept in bonds.by_pair.items() if pair != oldest})
        return replace(self, bonds=bonds)
