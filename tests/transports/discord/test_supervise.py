import asyncio
from collections.abc import Callable, Iterator

import pytest

from transports.discord import supervise
from transports.discord.events import Mending
from transports.discord.health import Fault, HealthPolicy, Observation, Remedy
from transports.discord.supervise import Supervisor


def failing() -> Callable[[], Observation]:
    """Observations, five seconds apart, of a connection that hears nothing."""

    def observations() -> Iterator[Observation]:
        for i in range(100):
            yield Observation(now_s=5.0 * i, heard=0, undecryptable=100 * i, queued=0, sent=0)

    return observations().__next__


async def test_each_remedy_is_reported_and_applied():
    applied: list[Remedy] = []
    told: list[Mending] = []

    def apply(remedy: Remedy):
        async def run() -> None:
            applied.append(remedy)

        return run

    remedies = {r: apply(r) for r in (Remedy.RECOVER_DAVE, Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP)}
    supervisor = Supervisor(HealthPolicy(), failing(), remedies, told.append)
    while await supervisor.look() is not Remedy.GIVE_UP:
        pass
    assert applied == list(remedies)
    assert told == [Mending(Fault.DEAF, remedy) for remedy in remedies]
    assert supervisor.counts == {"recover_dave": 1, "rejoin": 1, "new_session": 1, "give_up": 1}


async def test_a_remedy_that_fails_is_followed_by_the_next():
    async def explode() -> None:
        raise ConnectionError("the gateway is gone")

    seen: list[Mending] = []
    remedies = {Remedy.RECOVER_DAVE: explode, Remedy.REJOIN: explode}
    supervisor = Supervisor(HealthPolicy(), failing(), remedies, seen.append)
    while await supervisor.look() is not Remedy.REJOIN:
        pass
    assert [mending.remedy for mending in seen] == [Remedy.RECOVER_DAVE, Remedy.REJOIN]


async def test_it_notices_that_the_machine_has_slept(monkeypatch: pytest.MonkeyPatch):
    told: list[Mending] = []
    woken = asyncio.Event()
    slept_s = iter([100.0, 101.0 + 5.0, 200.0, 201.0 + 3600.0])
    monkeypatch.setattr(supervise, "clock_s", lambda: next(slept_s, 4000.0))
    monkeypatch.setattr(supervise, "_LOOK_EVERY_S", 0.01)

    async def rejoin() -> None:
        woken.set()

    well = Observation(now_s=0, heard=0, undecryptable=0, queued=0, sent=0)
    supervisor = Supervisor(HealthPolicy(), lambda: well, {Remedy.REJOIN: rejoin}, told.append)
    watching = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(5):
        await woken.wait()
    watching.cancel()
    assert told == [Mending(Fault.ASLEEP, Remedy.REJOIN)]


def test_its_clock_goes_on():
    before_s = supervise.clock_s()
    assert 0 <= supervise.clock_s() - before_s < 5
