"""The voice pipeline: one readable, ordered list of processors, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass

from pipecat.processors.frame_processor import FrameProcessor

from personas.profile import CharacterProfile
from personas.prompt import example_dialogues
from pipeline.engines import Engines
from pipeline.room_mind import RoomMind
from pipeline.settings import Settings
from processors.clock import SessionClock
from processors.hearing.hearing import Hearing
from processors.language.context import fit_examples, room_of
from processors.language.conversation import Conversation, MayStay, Prompt, everybody_may
from processors.language.engines import LanguageModel, Message, context_of
from processors.language.responder import Responder
from processors.language.tokens import TokenCounter
from processors.memory.room import RoomMemory
from processors.speaking.engines import VoiceStyle
from processors.speaking.playout import Playout
from processors.speaking.pronunciation import pronunciations_of
from processors.speaking.speaker import Filler, Speaker, Voice
from processors.thinking.gate import ThinkingGate
from processors.turn_taking import TurnTaking


@dataclass(frozen=True, slots=True)
class VoicePipeline:
    """The stages of one room between its transport's ends."""

    hearing: Hearing
    turn_taking: TurnTaking
    gate: ThinkingGate
    conversation: Conversation
    responder: Responder
    speaker: Speaker
    stages: tuple[FrameProcessor, ...]
    """Between input and output."""
    tail: Playout
    """Behind the output."""
    name_of: Callable[[str], str] = str
    """The name of a speaker's id."""

    def between(self, source: FrameProcessor, sink: FrameProcessor) -> list[FrameProcessor]:
        """The whole pipeline, from the transport's input to what stands behind its output."""
        return [source, *self.stages, sink, self.tail]

    def hand_over(self, prompt: Prompt, character: CharacterProfile, voice: Voice) -> None:
        """Another character has the room, from the next reply on."""
        self.conversation.hand_over(prompt)
        self.responder.forget()
        self.gate.names = names_of(character)
        self.speaker.hand_over(voice)

    def forget(self, person: str) -> int:
        """Drop what a person said from the conversation that goes on, and whatever came to mind, which may quote them;
        how many exchanges that were."""
        self.responder.forget()
        return self.conversation.forget(person)

    def rewrite(self, prompt: Prompt, character: CharacterProfile, voice: Voice | None) -> None:
        """The card of the character that has the room was written anew: it holds from the next reply on. `voice` is
        None if it sounds as before."""
        self.conversation.rewrite(prompt)
        self.gate.names = names_of(character)
        if voice:
            self.speaker.hand_over(voice)


def voice_pipeline(
    engines: Engines,
    settings: Settings,
    character: CharacterProfile,
    clock: SessionClock,
    *,
    name_of: Callable[[str], str] = str,
    people: Callable[[], int] = lambda: 0,
    mind: RoomMind | None = None,
    memory: RoomMemory | None = None,
    may_stay: MayStay = everybody_may,
) -> VoicePipeline:
    """Build the stages of one room for one character.

    `name_of` gives the name of a speaker's id; `people` counts who is in the room besides the bot, 0 if unknown; `mind`
    is what the character feels and remembers, None for nothing; `memory` is what comes to its mind of earlier times;
    `may_stay` tells whether what a speaker says may be known beyond its turn.
    """
    system = mind.opening.system if mind else ""
    conversation = make_conversation(settings, character, name_of, system, engines.llm, may_stay)
    voice = room_voice(engines, settings, character)

    def voice_of(persona: str) -> Voice | None:
        other = mind.player(persona) if mind else None
        # Whoever has the room may have been given another voice there.
        if mind is None or other is None or other.id == mind.character.id:
            return None
        return room_voice(engines, settings, other)

    hearing = Hearing(engines.stt, engines.make_vad, engines.turn_end, settings.hearing, clock)
    turn_taking = TurnTaking(settings.turns, clock)
    gate = ThinkingGate(names_of(character), clock, engines.thinking, people=people)
    responder = Responder(engines.llm, conversation, settings.language, clock, mind=mind, memory=memory)
    speaker = Speaker(voice, settings.speaking, clock, voice_of=voice_of)
    stages = (hearing, turn_taking, gate, responder, speaker)
    return VoicePipeline(hearing, turn_taking, gate, conversation, responder, speaker, stages, Playout(clock), name_of)


def names_of(character: CharacterProfile) -> tuple[str, ...]:
    """What a character is called, its own name first."""
    return (character.name, *character.settings.aliases)


def room_voice(engines: Engines, settings: Settings, character: CharacterProfile) -> Voice:
    """How a character speaks in a room."""
    own = character.settings
    says = pronunciations_of(settings.speaking.pronunciations, own.pronunciations)
    style = VoiceStyle(own.voice, own.speed, says)
    return Voice(engines.voice_of(character), style, Filler(own.fillers, own.filler_after_ms))


def make_conversation(
    settings: Settings,
    character: CharacterProfile,
    name_of: Callable[[str], str] = str,
    system: str = "",
    llm: LanguageModel | None = None,
    may_stay: MayStay = everybody_may,
) -> Conversation:
    """An empty conversation with a character, in the language model's budget. `system` is the beginning of its prompts;
    if empty, that of its card. `llm`, which is started, says how much it takes; without it the settings do. `may_stay`
    is that of `Conversation`."""
    return Conversation(
        make_prompt(settings, character, system, llm),
        most_messages=settings.language.history_messages,
        most_tokens=_room(settings, llm),
        name_of=name_of,
        counter=TokenCounter(),
        may_stay=may_stay,
    )


def make_prompt(
    settings: Settings, character: CharacterProfile, system: str = "", llm: LanguageModel | None = None
) -> Prompt:
    """The beginning of every request in a conversation with a character: `system`, or what its card says, and as many
    of its examples as there is room for."""
    user_name = settings.persona.user_name
    dialogues = example_dialogues(character.card, user_name)
    blocks = [tuple(Message(line.role, line.text) for line in dialogue) for dialogue in dialogues]
    fitting = fit_examples(blocks, _room(settings, llm), TokenCounter())
    return Prompt(
        system or character.system_prompt(user_name), tuple(message for block in fitting for message in block)
    )


def _room(settings: Settings, llm: LanguageModel | None) -> int:
    """The tokens a prompt may take."""
    context_tokens = context_of(llm, settings.language.context_tokens)
    return room_of(context_tokens, settings.language.sampling.max_tokens)
