"""Is the voice connection still what it says it is? Pure supervision: observations in, verdicts out.

A voice connection fails silently: the client library says "connected" while every packet fails to decrypt (deaf),
queued speech never leaves (mute), a turn never ends (stuck), or the machine was asleep and the server has long moved on
(asleep). `step` looks at counters a second apart and climbs a
ladder, giving each rung time to work before the next: recover the encryption group, rejoin on a new voice session,
build everything anew, and finally give up and say so. `on_close` is the policy for the gateway's close codes.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from pydantic import Field

from processors.setting_names import SettingsGroup


class HealthPolicy(SettingsGroup):
    """When a connection counts as broken, and how patiently it is mended."""

    deaf_after_s: float = Field(default=3.0, ge=1, le=60)
    """Packets arrive for this long and none can be decrypted. Re-keys cause shorter bursts by nature."""
    deaf_packets: int = Field(default=25, ge=1, le=1000)
    """At least this many must have failed; half a second of one speaker."""
    mute_after_s: float = Field(default=3.0, ge=0.5, le=60)
    """Speech has been queued for this long and none left."""
    stuck_after_s: float = Field(default=60.0, ge=5, le=600)
    """A turn has been open for this long."""
    asleep_after_s: float = Field(default=10.0, ge=2, le=600)
    """Nothing at all ran for this long: the machine slept, and the voice server has given the call up meanwhile."""
    grace_s: float = Field(default=5.0, ge=1, le=60)
    """Time a step gets to work before the next one is tried."""
    healthy_after_s: float = Field(default=20.0, ge=1, le=600)
    """Time without a fault after which the ladder starts from the bottom again."""


class Fault(Enum):
    """What is wrong."""

    DEAF = auto()
    MUTE = auto()
    STUCK = auto()
    DEAD = auto()
    """A thread or task that must run has ended."""
    ASLEEP = auto()
    """The machine, or the whole process, stood still: nothing that was known of the connection still holds."""


class Remedy(Enum):
    """What to do about it, in the order it is tried."""

    RECOVER_DAVE = auto()
    REJOIN = auto()
    NEW_SESSION = auto()
    GIVE_UP = auto()
    END_TURN = auto()
    """Only for STUCK: close the turn, the connection is well."""
    NEW_PACER = auto()
    """Only reported: what times the bot's packets died, and the sender has put another in its place."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Counters and states at one moment. Counts only ever grow."""

    now_s: float
    heard: int
    """Frames that reached the decoder."""
    undecryptable: int
    """Audio packets that could not be opened, at either layer, or named."""
    queued: int
    """Frames waiting to be spoken right now, not counting a deliberate pause."""
    sent: int
    """Speech frames that left."""
    dropped: int = 0
    """Speech frames that were given up because the line would not take them."""
    audience: bool = True
    """Somebody else is in the channel. Alone, speech has nowhere to go, and that is no fault."""
    alive: bool = True
    """Reader, sender and gateway poller all run."""
    replaced: int = 0
    """Times what keeps the packets' grid had to be put in anew."""
    turn_open_s: float = 0.0
    stood_still_s: float = 0.0
    """How much longer than meant the pause before this look was."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fault and the remedy to apply now."""

    fault: Fault
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Health:
    """What is remembered between observations."""

    last: Observation | None = None
    deaf_since_s: float | None = None
    deaf_count: int = 0
    mute_since_s: float | None = None
    rung: int = 0
    """How many remedies have been tried in this spell of illness."""
    wait_until_s: float = 0.0
    last_fault_s: float = float("-inf")


_LADDER = {
    Fault.DEAF: (Remedy.RECOVER_DAVE, Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP),
    Fault.MUTE: (Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP),
    Fault.DEAD: (Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP),
    Fault.ASLEEP: (Remedy.REJOIN,),
}


def step(health: Health, seen: Observation, policy: HealthPolicy) -> tuple[Health, Verdict | None]:
    """Judge one observation. Returns what to remember and at most one remedy to apply now."""
    last = health.last or seen
    health = replace(health, last=seen)

    failed = seen.undecryptable - last.undecryptable
    if seen.heard > last.heard or (failed == 0 and health.deaf_since_s is None):
        health = replace(health, deaf_since_s=None, deaf_count=0)
    else:
        since = health.deaf_since_s if health.deaf_since_s is not None else last.now_s
        health = replace(health, deaf_since_s=since, deaf_count=health.deaf_count + failed)

    wanted = seen.queued > 0 or seen.dropped > last.dropped
    if not wanted or not seen.audience or seen.sent > last.sent:
        health = replace(health, mute_since_s=None)
    elif health.mute_since_s is None:
        health = replace(health, mute_since_s=seen.now_s)

    fault = _fault(health, seen, policy, failing=failed > 0)
    if fault is None and seen.replaced > last.replaced:
        return health, Verdict(Fault.DEAD, Remedy.NEW_PACER)
    if fault is None:
        if health.rung and seen.now_s - health.last_fault_s >= policy.healthy_after_s:
            health = replace(health, rung=0)
        return health, None
    if seen.now_s < health.wait_until_s and fault is not Fault.ASLEEP:
        return health, None
    return _treat(health, seen, fault, policy)


def _fault(health: Health, seen: Observation, policy: HealthPolicy, *, failing: bool) -> Fault | None:
    if seen.stood_still_s >= policy.asleep_after_s:
        return Fault.ASLEEP
    if not seen.alive:
        return Fault.DEAD
    if (
        failing  # a re-key's burst followed by quiet is no deafness
        and health.deaf_since_s is not None
        and seen.now_s - health.deaf_since_s >= policy.deaf_after_s
        and health.deaf_count >= policy.deaf_packets
    ):
        return Fault.DEAF
    if health.mute_since_s is not None and seen.now_s - health.mute_since_s >= policy.mute_after_s:
        return Fault.MUTE
    if seen.turn_open_s >= policy.stuck_after_s:
        return Fault.STUCK
    return None


def _treat(health: Health, seen: Observation, fault: Fault, policy: HealthPolicy) -> tuple[Health, Verdict | None]:
    health = replace(
        health,
        wait_until_s=seen.now_s + policy.grace_s,
        last_fault_s=seen.now_s,
        deaf_since_s=None,
        deaf_count=0,
        mute_since_s=None,
    )
    if fault is Fault.STUCK:
        return health, Verdict(fault, Remedy.END_TURN)
    if fault is Fault.ASLEEP:
        # what was tried before it slept says nothing about the world it wakes up in
        health = replace(health, rung=0)
    ladder = _LADDER[fault]
    remedy = ladder[min(health.rung, len(ladder) - 1)]
    if remedy is Remedy.GIVE_UP:
        # said once; whoever hears it takes the session down
        health = replace(health, wait_until_s=float("inf"))
    return replace(health, rung=health.rung + 1), Verdict(fault, remedy)


class CloseAction(Enum):
    """What a closed voice gateway connection calls for."""

    NEW_SESSION = auto()
    RESUME = auto()
    AWAIT_MOVE = auto()
    """We were disconnected or dragged elsewhere: follow only if Discord names a new server."""
    STAY_OUT = auto()


_CLOSE_ACTIONS = {
    1000: CloseAction.STAY_OUT,
    # the connection was lost, not refused: the session may still be there
    0: CloseAction.RESUME,
    1001: CloseAction.RESUME,
    1006: CloseAction.RESUME,
    4000: CloseAction.RESUME,
    4004: CloseAction.NEW_SESSION,
    4006: CloseAction.NEW_SESSION,
    4009: CloseAction.NEW_SESSION,
    4014: CloseAction.AWAIT_MOVE,
    4015: CloseAction.RESUME,
    4017: CloseAction.STAY_OUT,
    4021: CloseAction.STAY_OUT,
    4022: CloseAction.STAY_OUT,
}
_CLOSE_REASONS = {
    1000: "the connection was closed normally",
    4014: "the bot was disconnected from the voice channel, or the channel was deleted",
    4017: "the voice server requires end-to-end encryption; install `davey` 0.1.7 or newer",
    4021: "Discord is rate-limiting voice connections; wait before joining again",
    4022: "the call was ended",
}


def on_close(code: int) -> CloseAction:
    """The action for a close code; a code we do not know calls for a new session; 0 stands for none."""
    return _CLOSE_ACTIONS.get(code, CloseAction.NEW_SESSION)


def close_reason(code: int) -> str:
    """Why we are out of the channel, for people."""
    return _CLOSE_REASONS.get(code, f"the voice connection was lost (close code {code})")
