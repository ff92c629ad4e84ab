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

    there = await server.channel("general", guild_id=await server.guild("Elsewhere"))   # a second guild, to write in

What goes wrong on demand:

    server.impair(Impairment(loss=0.05, reorder=0.1, seed=1))     # for everyone, or toward one user
    await server.voice.close(user.id, 4006)                       # any close code; 4015 keeps the session
    server.voice.cut(user.id); server.gateway.cut()               # no close frame; both resume
    server.voice.refuse_next_identify(user.id, 4017)
    await server.gateway.invalidate()
    server.gateway.hold(); await server.gateway.release()         # events come late
    await server.faults.random_packets(user, 10_000)              # garbage on either socket
    server.http.rate_limits.reject("POST", r"/channels/\\d+/messages", retry_after_s=0.5)
    await server.overwrite(user, channel, deny=Permission.CONNECT)
    await server.move(user, channel); await server.voice_states.kick(user)

Not modelled: video, voice in a second guild, shards.
"""

from tests.local_discord.discord_py import connector, discord_py_meets
from tests.local_discord.heard import HeardPacket
from tests.local_discord.impairment import Impairment
from tests.local_discord.interactions import Interaction, NoAnswer, Upload
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
    "Upload",
    "User",
    "connector",
    "discord_py_meets",
]
