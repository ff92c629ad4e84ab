"""Where characters may do something nobody asked for: channels in which somebody wants that, and what is off there."""

from collections.abc import Collection

from personas.behaviour import Kind
from text.cast.keeper import Keeper

_REMARKS = frozenset(Kind) - {Kind.REACTION}
"""What characters say in ambient channels only."""


class Leave:
    """What the settings and `/ambient` allow."""

    def __init__(self, keeper: Keeper, off: Collection[Kind], ambient_channels: Collection[int]) -> None:
        """
        Args:
            off: what no character does unasked anywhere.
            ambient_channels: where the settings let them speak unasked, whatever `/ambient` says.
        """
        self._keeper = keeper
        self._off = frozenset(off)
        self._by_setting = frozenset(map(str, ambient_channels))

    def not_done(self, guild_id: str, channel_id: str) -> frozenset[Kind]:
        """What characters do not do unasked in a channel, for whatever reason."""
        channel = self._keeper.get(guild_id).channel(channel_id)
        off = self._off | channel.off
        if self.is_ambient(guild_id, channel_id):
            return off
        # Where no character ever spoke, nobody expects one to put emoji under messages.
        return off | _REMARKS | (frozenset() if channel.answers else {Kind.REACTION})

    def is_ambient(self, guild_id: str, channel_id: str) -> bool:
        """Whether characters may speak unasked in a channel."""
        return channel_id in self._by_setting or self._keeper.get(guild_id).channel(channel_id).ambient

    @property
    def channels(self) -> frozenset[str]:
        """Ids of every channel where they may, by the settings or by a command."""
        states = self._keeper.all().values()
        return self._by_setting.union(id for state in states for id, ch in state.channels.items() if ch.ambient)

    def set_ambient(self, guild_id: str, channel_id: str, on: bool) -> None:
        """Allow characters to speak unasked in a channel, or forbid it again."""
        self._keeper.change(guild_id, channel_id, ambient=on)

    def switched_off(self, guild_id: str, channel_id: str) -> frozenset[Kind]:
        """What characters do not do unasked in a channel, whether it is ambient or not."""
        return self._keeper.get(guild_id).channel(channel_id).off

    def switch(self, guild_id: str, channel_id: str, kind: Kind, on: bool) -> None:
        """Allow one kind of unasked behaviour in a channel, or forbid it."""
        off = self.switched_off(guild_id, channel_id)
        self._keeper.change(guild_id, channel_id, off=off - {kind} if on else off | {kind})
