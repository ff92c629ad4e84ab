"""One answer in text: what the character is told, one call of the language model, and what is remembered of it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loguru import logger

from personas.lorebooks import LoreMessage
from processors.errors import EngineError
from processors.events import TextMessage, VoiceTurn
from processors.lanes import Priority
from processors.language.context import room_of
from processors.language.engines import LanguageModel, PromptUse, can_see, context_of
from processors.language.settings import LanguageSettings
from processors.language.tokens import TokenCounter
from processors.memory import Exchange, Memory, Utterance
from text.cast import Cast, LoreLikeness
from text.length import answer_tokens
from text.overheard import Overheard
from text.pictures import View, look
from text.prompt import Asked, TextPrompt, build_prompt
from text.settings import TextSettings
from text.tidying import Tidy, whole_sentences

_SIGHTLESS = "I cannot see pictures: the language model I run on takes text only."


@dataclass(slots=True)
class Draft:
    """An answer while it is being written."""

    text: str = ""
    trouble: str = ""
    """Why it is not there, or not whole, in words for people."""
    error: str = ""
    """The same for whoever runs the bot."""


class Answerer:
    """Writes the answers of all characters."""

    def __init__(
        self,
        cast: Cast,
        memory: Memory,
        settings: TextSettings,
        language: LanguageSettings,
        *,
        clock: Callable[[], float] = time.time,
        show: Callable[[TextPrompt], None] = lambda prompt: None,
        likeness: LoreLikeness | None = None,
    ) -> None:
        """
        Args:
            clock: gives Unix time.
            show: is handed every prompt before it is sent.
            likeness: finds lore by its meaning; None to find it by its keys alone.
        """
        self._cast = cast
        self._memory = memory
        self._settings = settings
        self._language = language
        self._clock = clock
        self._show = show
        self._likeness = likeness
        self._counter = TokenCounter()
        self.use = PromptUse()
        """How much of the prompts of all answers the engine still knew."""
        self._overheard = Overheard(settings.voice_minutes)

    def overhear(self, turn: VoiceTurn) -> None:
        """Something was said in a voice channel."""
        self._overheard.note(turn)

    def forget(self, person: str) -> int:
        """Drop what a person was heard to say; how many utterances that were."""
        return self._overheard.forget(person)

    def remember(self, message: TextMessage) -> None:
        """Something was written that nobody answers, or a character began a conversation with it."""
        written = message.written
        if written and written.by_character:
            self._memory.note(Exchange(message.scene, written.speaker_id, (), written))
        elif written:
            self._memory.note(Exchange(message.scene, "", (written,)))

    async def answer(
        self,
        llm: LanguageModel,
        message: TextMessage,
        character: str,
        draft: Draft,
        say: Callable[[str], Awaitable[None]],
    ) -> None:
        """Write one character's answer into `draft`, and `say` each piece of it. The language model is asked once.

        Cancelled, it remembers what was written so far.
        """
        view = await self._view(llm, message)
        if view.refusal:
            draft.trouble = "" if message.for_anybody else view.refusal
            return
        prompt, tokens = await self._prompt(llm, message, character, view)
        self._show(prompt)
        try:
            await self._stream(llm, prompt, tokens, Tidy(self._name(character)), draft, say)
        except EngineError as error:
            logger.warning("no answer in text, or not all of it: {}", error)
            draft.error = f"the language model failed: {error}"
            draft.trouble = "I lost my train of thought: the language model failed. Ask me again in a moment."
        finally:
            self._note(message, character, draft.text)

    async def _stream(
        self,
        llm: LanguageModel,
        prompt: TextPrompt,
        tokens: int,
        tidy: Tidy,
        draft: Draft,
        say: Callable[[str], Awaitable[None]],
    ) -> None:
        """
        Raises:
            EngineError: the model failed, was too slow, or wrote nothing.
        """
        sampling = self._language.sampling.model_copy(update={"max_tokens": tokens})
        timeout_s = self._settings.timeout_s
        loop = asyncio.get_running_loop()
        cut_short = False
        try:
            async with (
                asyncio.timeout(timeout_s) as patience,
                contextlib.aclosing(llm.stream(prompt.messages, sampling, priority=Priority.BACKGROUND)) as deltas,
            ):
                async for delta in deltas:
                    patience.reschedule(loop.time() + timeout_s)
                    cut_short = delta.finish == "length"
                    if delta.usage:
                        self._counter.learn(prompt.messages, delta.usage)
                        self.use.note(delta.usage)
                        logger.debug("text: {}", self.use.told(delta.usage))
                    if piece := tidy.feed(delta.text):
                        draft.text += piece
                        await say(piece)
        except TimeoutError:
            raise EngineError(f"no token within {timeout_s:g} s (TEXT_TIMEOUT_S)", retryable=True) from None
        if piece := tidy.end():
            draft.text += piece
            await say(piece)
        draft.text = whole_sentences(draft.text) if cut_short else draft.text.rstrip()
        if not draft.text:
            raise EngineError("the language model wrote nothing", retryable=True)

    async def _prompt(
        self, llm: LanguageModel, message: TextMessage, character: str, view: View
    ) -> tuple[TextPrompt, int]:
        """The request for one answer, and how many tokens it may have."""
        scene, written, now_s = message.scene, message.written, self._clock()
        history = await self._memory.history(scene, limit=self._settings.history_messages)
        text = written.text if written else message.unbidden
        said = (*history, written) if written and not _answered(message, character) else history
        people = tuple(dict.fromkeys(one.speaker_id for one in said if not one.by_character))
        recollection, alike = await asyncio.gather(
            self._memory.recall(scene, character, people, text), self._alike(character, text)
        )
        cue = self._cast.cue(
            scene.guild_id,
            scene.id,
            character,
            user_id=written.speaker_id if written else "",
            user_name=written.name if written else "",
            messages=[LoreMessage(one.name, one.text, one.by_character) for one in said],
            now_s=now_s,
            company=(*message.characters, *message.company),
            alike=alike,
        )
        known = (*self._overheard.lines(scene.guild_id, character, now_s), *recollection.lines, *view.notes)
        if written and _answered(message, character):
            # It stands in the history, and so does the other's answer.
            asked = Asked(None, known, f"{written.name} asked you as well. Answer now.", view.pictures)
        else:
            asked = Asked(written, known, message.unbidden, view.pictures)
        tokens = answer_tokens(text, cue.character.settings.verbosity)
        room = room_of(context_of(llm, self._language.context_tokens), tokens)
        return build_prompt(cue, history, asked, room=room, counter=self._counter), tokens

    async def _alike(self, character: str, text: str) -> tuple[str, ...]:
        """Ids of the character's lore that is near in meaning to `text`."""
        return await self._likeness.find(self._cast.books_of(character), text) if self._likeness else ()

    def _note(self, message: TextMessage, character: str, text: str) -> None:
        """Remember the answer, and with the first one what it answers. One that failed leaves the question."""
        now_s = self._clock()
        written = message.written
        heard = (written,) if written and not _answered(message, character) else ()
        reply = Utterance(character, self._name(character), text, now_s, by_character=True) if text else None
        if heard or reply:
            self._memory.note(Exchange(message.scene, character, heard, reply, written.speaker_id if written else ""))
        if not text:
            return
        scene = message.scene
        if message.written:
            person = message.written
            self._cast.answered(scene.guild_id, scene.id, character, person.speaker_id, person.text, now_s)
        elif message.company:
            self._cast.answered_character(scene.guild_id, scene.id, character, message.company[0], now_s)
        else:
            self._cast.spoke_unasked(scene.guild_id, scene.id, character, now_s)

    def _name(self, character: str) -> str:
        profile = self._cast.roster.get(character)
        return profile.name if profile else character

    async def _view(self, llm: LanguageModel, message: TextMessage) -> View:
        """What of the pictures of a message the model is shown."""
        if not message.attachments:
            return View()
        if not can_see(llm):
            names = ", ".join(one.name for one in message.attachments)
            return View(
                notes=(f"A picture came with the message ({names}). You cannot see it, and say so if asked.",),
                refusal=_SIGHTLESS if message.about_picture else "",
            )
        return await look(message.attachments, self._settings)


def _answered(message: TextMessage, character: str) -> bool:
    """Whether another character answers before this one."""
    return character != message.characters[0]
