"""`/my_profile`, `/remember` and `/forget`: what is known of whoever asks, and of nobody else."""

import time
from collections.abc import Callable

from discord import app_commands
from discord.ext import commands

from personas.relationships import Bond, stage_of
from processors.memory.port import Scene
from processors.memory.profiles.facts import LONGEST_FACT, Change, Fact, FactKind, Reach, merge
from processors.memory.profiles.learned import Speech, asked_to_remember
from processors.memory.remembrance import Remembrance
from text.commands.asking import Interaction
from text.commands.places import scene_of

_MOST_CHARS = 1900
_TITLES = {
    FactKind.TRAIT: "Traits",
    FactKind.INTEREST: "Interests",
    FactKind.PREFERENCE: "Preferences",
    FactKind.FACT: "Facts",
    FactKind.QUOTE: "Quotes",
}

BondOf = Callable[[Scene, str], Bond]
"""How the character of a scene stands to a person (id)."""


class ProfileCommands(commands.Cog):
    """What I know about you."""

    def __init__(self, memory: Remembrance, bond_of: BondOf) -> None:
        self._memory = memory
        self._bond_of = bond_of

    @app_commands.command(name="my_profile")
    async def my_profile(self, interaction: Interaction) -> None:
        """Show what I know about you."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        scene = scene_of(interaction)
        person = str(interaction.user.id)
        facts = await self._memory.profiles.facts(person)
        bond = self._bond_of(scene, person)
        await interaction.followup.send(describe(facts, bond), ephemeral=True)

    @app_commands.command(name="remember")
    @app_commands.describe(what="About yourself, such as: I live in Oslo.")
    @app_commands.checks.cooldown(5, 60.0)
    async def remember(self, interaction: Interaction, what: app_commands.Range[str, 2, LONGEST_FACT]) -> None:
        """Have me remember something about you."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        scene, person = scene_of(interaction), str(interaction.user.id)
        if not self._memory.consent.allows(scene, person):
            await interaction.followup.send("Memory is off here; `/memory on` turns it on.", ephemeral=True)
            return
        others = await self._memory.others(scene, person)
        reach = Reach.GUILD if not (scene.private or scene.restricted) else Reach.PERSON
        speech = Speech(person, interaction.user.display_name, "", (what,), others, time.time(), reach, scene.guild_id)
        fact = asked_to_remember(what, speech)
        if fact is None:
            await interaction.followup.send(
                "I remember short facts about you only: no instructions, links or markup, and nothing about others.",
                ephemeral=True,
            )
            return
        known = await self._memory.profiles.facts(person)
        await self._memory.profiles.change(person, merge(known, (fact,)))
        await interaction.followup.send(f'I will remember: "{fact.text}"', ephemeral=True)

    @app_commands.command(name="forget")
    @app_commands.describe(what="A word of what I should no longer know about you.")
    async def forget(self, interaction: Interaction, what: app_commands.Range[str, 2, 100]) -> None:
        """Have me forget single facts about you; `/forget_me` forgets everything."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        person = str(interaction.user.id)
        found = await self._memory.profiles.find(person, what)
        await self._memory.profiles.change(person, Change(drop=tuple(fact.id for fact in found)))
        await self._memory.memory.store.scrub()
        listed = "\n".join(f'- "{fact.text}"' for fact in found)
        text = f"Forgotten:\n{listed}" if found else "I know nothing like that about you."
        await interaction.followup.send(text[:_MOST_CHARS], ephemeral=True)


def describe(facts: tuple[Fact, ...], bond: Bond) -> str:
    """A profile for the person it is about."""
    lines: list[str] = []
    if bond.exchanges:
        lines.append(f"Affection: {bond.affinity:.0f} of 100, {stage_of(bond.affinity)}; {bond.exchanges} exchanges.")
    for kind, title in _TITLES.items():
        of_kind = [fact for fact in facts if fact.kind is kind]
        if of_kind:
            lines.append(f"**{title}**")
            lines += [f'- "{fact.text}" ({fact.source}, <t:{int(fact.at_s)}:d>)' for fact in reversed(of_kind)]
    text = "\n".join(lines) or "I know nothing about you yet."
    return text if len(text) <= _MOST_CHARS else text[:_MOST_CHARS].rsplit("\n", 1)[0] + "\n… `/export_me` has it all."
