"""A thinking model whose answers are set from outside."""

from processors.language.engines import Delta
from processors.thinking.model import ThinkingModel
from processors.thinking.settings import ThinkingSettings
from tests.processors.language.doubles import MoodyLlm

NO_MODEL = ThinkingModel(None, ThinkingSettings())


class NoteTaker(MoodyLlm):
    """Gives the answers it is told to, in turn, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__("notes")
        self.answers = list(answers)
        self.questions: list[str] = []

    async def stream(self, messages, sampling, *, tools=(), priority=None, room=""):
        self.questions.append(messages[-1].content)
        yield Delta(self.answers.pop(0) if self.answers else "{}")
        yield Delta("", "stop")


def thinking(*answers: str) -> tuple[ThinkingModel, NoteTaker]:
    """A thinking model, and what answers in it."""
    taker = NoteTaker(*answers)
    return ThinkingModel(taker, ThinkingSettings()), taker
