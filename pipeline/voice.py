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
from processors.language.context import NO_NOTES, fit_examples, room_of
from processors.language.conversation import Conversation, Prompt
from processors.language.engines import LanguageModel, Message, context_of
from processors.language.responder import Responder
from processors.language.tokens import TokenCounter
from processors.memory.room import RoomMemory
from processors.speaking.engines import VoiceStyle
from processors.speaking.playout import Playout
from processors.speaking.pronunciation import pronunciations_of
from processors.speaking.speaker import Filler, Speaker
from processors.thinking.gate import ThinkingGate
from processors.turn_taking import TurnTaking


@dataclass(frozen=True, slots=True)
class VoicePipeline:
    """The stages of one room between its transport's ends."""

    hearing: Hearing
    turn_taking: TurnTaking
    conversation: Conversation
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
) -> VoicePipeline:
    """Build the stages of one room for one character.

    `name_of` gives the name of a speaker's id; `people` counts who is in the room besides the bot, 0 if unknown; `mind`
    is what the character feels and remembers, None for nothing; `memory` is what comes to its mind of earlier times.
    """
    conversation = make_conversation(settings, character, name_of, mind.opening.system if mind else "", llm=engines.llm)
    own = character.settings
    says = pronunciations_of(settings.speaking.pronunciations, own.pronunciations)
    style = VoiceStyle(own.voice, own.speed, says)
    names = (character.name, *own.aliases)
    hearing = Hearing(engines.stt, engines.make_vad, engines.turn_end, settings.hearing, clock)
    turn_taking = TurnTaking(settings.turns, clock)
    notes = mind.notes if mind else lambda _: NO_NOTES
    filler = Filler(own.fillers, own.filler_after_ms)
    speaker = Speaker(engines.voice_of(character), style, settings.speaking, clock, filler=filler)
    stages = (
        hearing,
        turn_taking,
        ThinkingGate(names, clock, people=people),
        Responder(engines.llm, conversation, settings.language, clock, notes=notes, memory=memory),
        speaker,
    )
    return VoicePipeline(hearing, turn_taking, conversation, speaker, stages, Playout(clock), name_of)


def make_conversation(
    settings: Settings,
    character: CharacterProfile,
    name_of: Callable[[str], str] = str,
    system: str = "",
    llm: LanguageModel | None = None,
) -> Conversation:
    """An empty conversation with a character, in the language model's budget. `system` is the beginning of its prompts;
    if empty, that of its card. `llm`, which is started, says how much it takes; without it the settings do."""
    user_name = settings.persona.user_name
    dialogues = example_dialogues(character.card, user_name)
    blocks = [tuple(Message(line.role, line.text) for line in dialogue) for dialogue in dialogues]
    context_tokens = context_of(llm, settings.language.context_tokens)
    room = room_of(context_tokens, settings.language.sampling.max_tokens)
    counter = TokenCounter()
    examples = tuple(message for block in fit_examples(blocks, room, counter) for message in block)
    return Conversation(
        Prompt(system or character.system_prompt(user_name), examples),
        most_messages=settings.language.history_messages,
        most_tokens=room,
        name_of=name_of,
        counter=counter,
    )
