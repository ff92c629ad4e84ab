"""Impairments: loss, duplicates, reordering and delay, the same on every run with the same seed."""

from __future__ import annotations

import random

import pytest

from tests.local_discord import Impairment, LocalDiscord
from tests.local_discord.audio import tone
from tests.local_discord.impairment import Flow
from tests.local_discord_tests.people import talkers


def _fates(impairment: Impairment, packets: int = 2000) -> list[tuple[float, ...]]:
    flow = Flow(impairment, random.Random(impairment.seed))
    return [flow.deliveries_s() for _ in range(packets)]


def test_the_same_seed_gives_the_same_network() -> None:
    rule = Impairment(loss=0.1, duplicate=0.1, reorder=0.1, jitter_ms=5, seed=7)

    assert _fates(rule) == _fates(rule)
    assert _fates(rule) != _fates(Impairment(loss=0.1, duplicate=0.1, reorder=0.1, jitter_ms=5, seed=8))


def test_the_probabilities_are_met() -> None:
    fates = _fates(Impairment(loss=0.2, duplicate=0.1, reorder=0.1))

    arrived = [fate for fate in fates if fate]
    assert 1 - len(arrived) / len(fates) == pytest.approx(0.2, abs=0.03)
    assert sum(len(fate) == 2 for fate in arrived) / len(arrived) == pytest.approx(0.1, abs=0.03)
    assert sum(fate[0] >= 0.03 for fate in arrived) / len(arrived) == pytest.approx(0.1, abs=0.03)


def test_a_good_network_delivers_at_once() -> None:
    assert set(_fates(Impairment())) == {(0.0,)}


async def test_loss_toward_one_listener_spares_the_others(server: LocalDiscord) -> None:
    alice, bob, carol = await talkers(server, "alice", "bob", "carol")
    server.impair(Impairment(loss=0.3, seed=3), toward=bob.user)

    await alice.speak(tone(440, 1.0))
    await carol.until_quiet(alice.user)

    assert len(carol.heard_from(alice.user)) == 55
    assert 25 <= len(bob.heard_from(alice.user)) <= 47
    assert server.relay.counts.lost == 55 - len(bob.heard_from(alice.user))
    assert all(packet.speech or packet.silence for packet in bob.heard_from(alice.user))


async def test_reordered_and_doubled_packets_arrive_so(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    server.impair(Impairment(reorder=0.2, duplicate=0.2, seed=5))

    await alice.speak(tone(440, 1.0))
    await bob.until_quiet(alice.user)

    sequences = [packet.sequence for packet in bob.heard_from(alice.user)]
    assert sequences != sorted(sequences)
    assert len(sequences) > len(set(sequences)) == 55
    assert len(bob.heard_pcm(alice.user)) == 50 * 960


async def test_delay_is_felt(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    server.impair(Impairment(delay_ms=80))

    await alice.speak(tone(440, 0.2))
    await bob.until_quiet(alice.user)

    delays_s = [p.at_s - alice.sent_s[p.timestamp] for p in bob.heard_from(alice.user)]
    assert min(delays_s) >= 0.08
