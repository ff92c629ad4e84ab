"""The thinking model: an answer within its deadline, whatever becomes of the model."""

import asyncio
import contextlib

import pytest
from pydantic import BaseModel, Field

from processors.errors import EngineError, SettingError
from processors.lanes import Priority
from processors.language.engines import Delta
from processors.language.settings import LanguageSettings, OllamaSettings, OpenAiSettings, Sampling
from processors.models import ModelStore
from processors.thinking.model import ThinkingModel, make_thinking
from processors.thinking.settings import ThinkingSettings
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served
from tests.processors.language.doubles import MoodyLlm

SETTINGS = ThinkingSettings(decide_ms=300, classify_ms=500, generate_ms=1000, tolerate=2, rest_s=30)


class AnswersLlm(MoodyLlm):
    """Gives one answer."""

    def __init__(self, answer: str, *, first_token_s: float = 0.1) -> None:
        super().__init__("answers", first_token_s=first_token_s)
        self.answer = answer
        self.prompts: list[str] = []
        self.priorities: list[Priority] = []

    async def stream(self, messages, sampling, *, tools=(), priority=Priority.LIVE, room=""):
        self.priorities.append(priority)
        self.asked.append(sampling)
        self.prompts.append("\n".join(message.content for message in messages))
        await asyncio.sleep(self.first_token_s)
        if self.error:
            raise self.error
        for token in self.answer.split(" "):
            yield Delta(f" {token}")
        yield Delta("", "stop")


@pytest.mark.parametrize(
    ("answer", "value", "by_model"),
    [
        ("Yes.", True, True),
        ("no", False, True),
        ("Nothing I know", True, False),
        ("Well, no, not yes", False, True),
        ("", True, False),
    ],
)
def test_a_decision_is_read_from_the_first_yes_or_no(virtually, answer, value, by_model):
    async def main():
        llm = AnswersLlm(answer)
        thought = await ThinkingModel(llm, SETTINGS).decide("Is it?", "It rains.", default=True)
        assert (thought.value, thought.by_model) == (value, by_model)
        assert thought.took_ms == pytest.approx(100)
        assert llm.asked == [Sampling(temperature=0.0, max_tokens=3)]
        assert "It rains.\n\nQuestion: Is it?" in llm.prompts[0]

    virtually(main())


def test_a_label_is_found_as_a_whole_word_and_the_longer_of_two_wins(virtually):
    async def main():
        labels = ("Ann", "Ann Lee", "Bo")
        for answer, label in (("ann lee!", "Ann Lee"), ("Annette, Bo", "Bo"), ("Carl", "Bo")):
            thinking = ThinkingModel(AnswersLlm(answer), SETTINGS)
            assert (await thinking.classify("Who?", "A crowd.", labels, default="Bo")).value == label

    virtually(main())


def test_a_short_text_is_given_without_the_blanks_around_it(virtually):
    async def main():
        thinking = ThinkingModel(AnswersLlm("a walk in the rain "), SETTINGS)
        assert (await thinking.generate("Name it.", "It rains.", default="?")).value == "a walk in the rain"
        assert (await ThinkingModel(AnswersLlm(" "), SETTINGS).generate("Name it.", "", default="?")).value == "?"

    virtually(main())


def test_each_kind_of_question_has_its_own_deadline_and_then_its_default_holds(virtually):
    async def main():
        thinking = ThinkingModel(AnswersLlm("yes", first_token_s=100), SETTINGS.model_copy(update={"tolerate": 9}))
        decided = await thinking.decide("?", "", default=False)
        label = await thinking.classify("?", "", ("yes", "x"), default="x")
        text = await thinking.generate("", "", default="none")
        assert [(t.value, t.by_model, round(t.took_ms)) for t in (decided, label, text)] == [
            (False, False, 300),
            ("x", False, 500),
            ("none", False, 1000),
        ]
        assert thinking.counts.late == 3

    virtually(main())


class Tea(BaseModel, extra="forbid"):
    """What the notes of the tests are about."""

    sort: str = Field(max_length=10)
    cups: int = 1


@pytest.mark.parametrize(
    ("answer", "notes"),
    [
        ('{"sort": "green", "cups": 2}', Tea(sort="green", cups=2)),
        ('Sure! ```json\n{"sort": "black"}\n``` Enjoy {it}.', Tea(sort="black")),
        ('{"sort": "far too long a name"}', None),
        ('{"sort": "green", "cups": "many"}', None),
        ('{"sort": "green", "sugar": true}', None),
        ('{"sort": "green"', None),
        ('[{"sort"]', None),
        ("{" * 5000, None),
        ('{"a":' * 5000, None),
        ("no tea today", None),
        ("", None),
    ],
)
def test_notes_are_json_of_the_wanted_shape_or_none(virtually, answer, notes):
    async def main():
        thinking = ThinkingModel(AnswersLlm(answer), SETTINGS)
        thought = await thinking.extract("What tea?", "Ann had green tea.", Tea)
        assert (thought.value, thought.by_model) == (notes, notes is not None)

    virtually(main())


def test_notes_are_told_their_schema_and_let_everything_else_go_first(virtually):
    async def main():
        llm = AnswersLlm('{"sort": "green"}')
        await ThinkingModel(llm, SETTINGS).extract("What tea?", "Ann had green tea.", Tea, max_tokens=50)
        assert '"cups"' in llm.prompts[0]
        assert llm.asked == [Sampling(temperature=0.0, max_tokens=50)]
        assert llm.priorities == [Priority.BACKGROUND]

    virtually(main())


def test_late_notes_do_not_rest_the_model_for_quick_questions(virtually):
    async def main():
        llm = AnswersLlm("yes", first_token_s=100)
        thinking = ThinkingModel(llm, SETTINGS.model_copy(update={"tolerate": 1}))
        assert (await thinking.extract("What tea?", "", Tea)).value is None
        llm.first_token_s = 0.1
        assert (await thinking.decide("?", "", default=False)).by_model

    virtually(main())


def test_a_dead_model_costs_its_deadline_as_often_as_tolerated_and_is_tried_again_after_its_rest(virtually):
    async def main():
        llm = AnswersLlm("yes", first_token_s=100)
        thinking = ThinkingModel(llm, SETTINGS)
        took = [(await thinking.decide("?", "", default=False)).took_ms for _ in range(5)]
        assert [round(ms) for ms in took] == [300, 300, 0, 0, 0]
        llm.first_token_s = 0.1
        await asyncio.sleep(31)
        assert (await thinking.decide("?", "", default=False)).value is True
        assert thinking.counts.unasked == 3

    virtually(main())


def test_an_error_of_the_model_is_answered_with_the_default(virtually):
    async def main():
        llm = AnswersLlm("yes")
        llm.error = EngineError("it is down")
        thinking = ThinkingModel(llm, SETTINGS)
        assert (await thinking.decide("?", "", default=False)).value is False
        assert thinking.counts.failed == 1

    virtually(main())


def test_a_question_cancelled_while_it_tries_a_rested_model_leaves_the_try_to_the_next(virtually):
    async def main():
        llm = AnswersLlm("yes", first_token_s=100)
        thinking = ThinkingModel(llm, SETTINGS.model_copy(update={"tolerate": 1}))
        await thinking.decide("?", "", default=False)
        await asyncio.sleep(31)
        asked = asyncio.create_task(thinking.decide("?", "", default=False))
        await asyncio.sleep(0.1)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        llm.first_token_s = 0.1
        assert (await thinking.decide("?", "", default=False)).value is True

    virtually(main())


def test_without_a_model_every_default_holds_at_once(virtually, tmp_path):
    async def main():
        thinking = make_thinking(ThinkingSettings(), LanguageSettings(), ModelStore(tmp_path, offline=True))
        await thinking.start()
        assert not thinking.asks
        assert (await thinking.decide("?", "", default=True)).took_ms == 0
        assert (await thinking.classify("?", "", ("a",), default="b")).value == "b"
        assert (await thinking.generate("", "", default="c")).value == "c"
        await thinking.close()

    virtually(main())


async def test_its_own_provider_and_model_are_asked(tmp_path):
    server = OpenAiServer(("big", "small"))
    server.behaviour.tokens = ("Yes", ".")
    async with served(server.app) as url:
        language = LanguageSettings(
            provider="ollama",
            ollama=OllamaSettings(model="big"),
            openai=OpenAiSettings(base_url=f"{url}/v1", model="big"),
        )
        given = ThinkingSettings(provider="openai", model="small", decide_ms=5000)
        thinking = make_thinking(given, language, ModelStore(tmp_path, offline=True))
        await thinking.start()
        assert (await thinking.decide("Is it?", "It rains.", default=False)).value is True
        await thinking.close()
    assert [body["model"] for body in server.recorded.bodies] == ["small"]


async def test_a_thinking_model_alone_is_one_of_the_language_models_provider(tmp_path):
    server = OpenAiServer(("small",))
    async with served(server.app) as url:
        language = LanguageSettings(provider="openai", openai=OpenAiSettings(base_url=f"{url}/v1"))
        thinking = make_thinking(ThinkingSettings(model="small"), language, ModelStore(tmp_path, offline=True))
        await thinking.start()
        await thinking.close()


def test_an_unknown_provider_names_the_setting(tmp_path):
    with pytest.raises(SettingError, match="THINKING_PROVIDER is 'gpt'"):
        make_thinking(ThinkingSettings(provider="gpt"), LanguageSettings(), ModelStore(tmp_path, offline=True))
