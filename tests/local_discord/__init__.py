"""A Discord-protocol server on loopback, with people in it whose encryption is Discord's own libdave.

REST v10, gateway v10, slash-command interactions, voice gateway v8, UDP relay, DAVE v1. Written from Discord's public
documentation and RFC 9420, not from a client, so that the bot meets a second opinion:

    async with LocalDiscord() as server:                      # free loopback ports, its own certificate
        start_bot(env=server.env())                           # a real bot process
        await server.gateway.until_ready()
        alice = await server.participant("alice")
        await alice.join(server.voice_channel)
        await server.interact(alice.user, "join")
        await alice.until_secure_with(server.bot)
        await alice.speak(question, rate_hz=16_000)
        packets = await alice.until_heard(server.bot)         # with arrival times, opened end to end
        answer = alice.heard_pcm(server.bot, rate_hz=16_000)

Not modelled: video, stage channels, threads, several guilds or shards.
"""

from tests.local_discord.discord_py import connector, discord_py_meets
from tests.local_discord.heard import HeardPacket
from tests.local_discord.impairment import Impairment
from tests.local_discord.interactions import Interaction, NoAnswer
from tests.local_discord.messages import Message
from tests.local_discord.participant import Participant
from tests.local_discord.rtp import AES256_GCM, SILENCE, XCHACHA20
from tests.local_discord.server import LocalDiscord
from tests.local_discord.voice_states import JoinRefused
from tests.local_discord.world import Channel, Permission, User

__all__ = [
    "AES256_GCM",
    "SILENCE",
    "XCHACHA20",
    "Channel",
    "HeardPacket",
    "Impairment",
    "Interaction",
    "JoinRefused",
    "LocalDiscord",
    "Message",
    "NoAnswer",
    "Participant",
    "Permission",
    "User",
    "connector",
    "discord_py_meets",
]
