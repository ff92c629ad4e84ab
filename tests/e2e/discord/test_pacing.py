"""The bot's packets keep their grid while its engines are hard at work."""

import numpy as np
import pytest

from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import ask, hear_out
from tests.machine import watched

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = "Far out at sea there was a small boat, and in it sat a cat. It had never seen so much water before."


async def test_packets_leave_every_twenty_milliseconds_while_all_engines_work(talking: Stage):
    server, bot = talking.server, talking.bot
    async with talking.call("alice") as [alice]:
        await server.interact(alice.user, "speak", {"text": STORY})
        await alice.until_heard(server.bot, 10, timeout_s=20)
        async with watched() as machine:
            # The next clauses are made while the first are spoken; then a question is heard, thought about, answered.
            await alice.until_quiet(server.bot, 600, timeout_s=60)
            stopped_s = await ask(alice, "called_ava")
            await hear_out(alice, server.bot, stopped_s)
        gaps_ms = (await bot.holds()).spacing_ms
    p50, p95, p99 = np.percentile(gaps_ms, [50, 95, 99])
    print(f"packet spacing: p50 {p50:.2f} p95 {p95:.2f} p99 {p99:.2f} max {max(gaps_ms):.2f} ms (n={len(gaps_ms)})")
    assert len(gaps_ms) > 100
    assert p50 == pytest.approx(20, abs=1)
    # On a machine at rest 23 ms; on a busy one its scheduler has the last word about the last percent.
    assert p99 < 20 + max(3.0, 4 * machine.late_ms(99))
