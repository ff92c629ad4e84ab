"""What characters feel moved to do unasked: reactions at once, remarks only if the thinking model finds them fit."""

from personas.behaviour import Impulse, Kind
from processors.thinking.model import ThinkingModel
from text.cast import Urge

_INSTRUCTIONS = {
    Kind.PROACTIVE: "The people here talk about {about}. Join in by yourself, with one short remark.",
    Kind.CURIOSITY: "Somebody just said: {about!r}. Ask one short, friendly question about it.",
    Kind.AMBIENT: "There have been {about} here. Say something short by yourself that invites an answer.",
    Kind.VOICE_JOIN: "{about} just came into the voice channel. Greet them with one short sentence.",
}


class Welcome:
    """Whether a remark nobody asked for would be welcome."""

    def __init__(self) -> None:
        self._thinking: ThinkingModel | None = None

    def bind(self, thinking: ThinkingModel) -> None:
        """The engines are ready. Nothing is welcome before."""
        self._thinking = thinking

    async def finds(self, urge: Urge) -> bool:
        """Ask the thinking model. Where there is none, the dice that moved the character have decided: somebody wants
        that characters speak unasked there, or they would not have been thrown."""
        if self._thinking is None:
            return False
        situation = f"{urge.character.name}, a character played by a computer, is in a chat room."
        question = urge.impulse.question
        return (await self._thinking.decide(question, situation, default=not self._thinking.asks)).value


def instruction(impulse: Impulse) -> str:
    """What the language model is told when a character speaks by itself."""
    return _INSTRUCTIONS[impulse.kind].format(about=impulse.about)
