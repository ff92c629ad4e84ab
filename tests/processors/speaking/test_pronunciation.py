"""Words said as a dictionary wants them: which words, what each engine is given, and what counts as played."""

import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.errors import CardError
from personas.library import load_character
from personas.profile import CharacterProfile
from pipeline.settings import load_settings
from processors.clock import SessionClock
from processors.errors import SettingError
from processors.frames import ClauseSpokenFrame, ReplySpokenFrame, SayFrame
from processors.lanes import Priority
from processors.models import ModelStore
from processors.speaking.engines import TTS_ENGINES, Pcm, VoiceStyle, make_tts
from processors.speaking.playout import played_words
from processors.speaking.pronunciation import Pronunciations, Respelled, entries, in_phonemes, pronunciations_of
from processors.speaking.scripted import ScriptedTts
from processors.speaking.settings import KokoroSettings, SpeakingSettings
from processors.speaking.speaker import Speaker, Voice
from tests.processors.speaking.saying import say
from tests.processors.stages import Alone

WORDS = Pronunciations(
    {
        "sql": "sequel",
        "US": "you ess",
        "New York": "Noo Yawk",
        "New": "noo",
        "C++": "see plus plus",
        "acore": "ay core /ˈeɪkɔːɹ/",
        "cache": "/kæʃ/",
    }
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SQL, sql and Sql's.", "sequel, sequel and sequel's."),
        ("In the US they ask us.", "In the you ess they ask us."),
        ("MySQL or SQLite or sql_x", "MySQL or SQLite or sql_x"),
        ("New York is new; New.", "Noo Yawk is new; noo."),
        ("C++, not C+++x.", "see plus plus, not see plus plus+x."),
        ("The cache of Acore.", "The cache of ay core."),
        ("**SQL**", "**sequel**"),
        ("", ""),
    ],
)
def test_whole_words_are_respelled_by_their_case(text: str, said: str):
    assert WORDS.respell(text) == said


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("[[{phonemes}]]", "[[ˈeɪkɔːɹ]] has a [[kæʃ]] and sequel"),
        ("[{word}](/{phonemes}/)", "[Acore](/ˈeɪkɔːɹ/) has a [cache](/kæʃ/) and sequel"),
        (None, "ay core has a cache and sequel"),
    ],
)
def test_phonemes_go_to_the_engines_that_take_them_as_they_take_them(mark: str | None, said: str):
    assert WORDS.respell("Acore has a cache and sql", mark) == said


def test_phonemes_in_a_text_are_left_and_what_is_around_them_becomes_phonemes():
    assert in_phonemes("Say [[kæʃ]], Bob!", str.upper) == "SAY kæʃ, BOB!"
    assert in_phonemes("[[kæʃ]] [[ab]]", str.upper) == "kæʃ ab"
    assert in_phonemes("plain", str.upper) == "PLAIN"


@pytest.mark.parametrize("entry", ["SQL", "SQL=", "=sequel", "SQL=/a", "SQL=//", "a=b/c/d", f"SQL={'x' * 200}"])
def test_an_entry_that_is_none_stops_the_start_and_names_the_setting(entry: str):
    with pytest.raises(SettingError, match="SPEAKING_PRONUNCIATIONS"):
        load_settings(environ={"SPEAKING_PRONUNCIATIONS": f'["{entry}"]'})


def with_words(**words: str) -> CharacterProfile:
    card = load_character("ava").card
    extensions = {**card.extensions, "acore": {**card.extensions.get("acore", {}), "pronunciations": words}}
    return CharacterProfile.of(replace(card, extensions=extensions))


def test_a_characters_own_words_come_before_those_of_the_settings():
    settings = load_settings(environ={"SPEAKING_PRONUNCIATIONS": '["SQL = sequel", "GIF=jif"]'})
    own = with_words(SQL="squeal").settings.pronunciations
    says = pronunciations_of(settings.speaking.pronunciations, own)
    assert says.respell("SQL and GIF") == "squeal and jif"


@pytest.mark.parametrize("sound", ["/broken", "", "//", "a/b/c/", "a /b", "x" * 101])
def test_what_a_card_has_that_is_no_sound_is_refused_when_it_is_read(sound: str):
    with pytest.raises(CardError, match=r"^Ava: `extensions\.acore\.pronunciations"):
        with_words(SQL=sound)


def test_as_many_words_as_settings_and_a_card_may_have_are_one_dictionary():
    own = with_words(**{f"own{number}": "x" for number in range(500)}).settings.pronunciations
    given = [f"word{number}=y" for number in range(1000)]
    assert pronunciations_of(given, own).respell("own499 word999 a") == "x y a"
    with pytest.raises(SettingError, match="more than 1000 words"):
        load_settings(environ={"SPEAKING_PRONUNCIATIONS": json.dumps([*given, "one=more"])})


class Listening:
    """A text-to-speech engine that only notes what it is given."""

    sample_rate_hz = 24000
    voices = ("one",)

    def __init__(self) -> None:
        self.given: list[str] = []

    async def start(self) -> None: ...

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        self.given.append(text)
        yield np.ones(10, np.int16)

    async def close(self) -> None: ...


@pytest.mark.parametrize("name", sorted(TTS_ENGINES))
async def test_every_engine_is_given_the_respelled_text_also_behind_another(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    heard = Listening()
    monkeypatch.setitem(TTS_ENGINES, name, lambda settings, store: heard)
    style = VoiceStyle(pronunciations=WORDS)
    for settings in (SpeakingSettings(engine=name), SpeakingSettings(engine=name, fallbacks=("scripted",))):
        tts = make_tts(settings, ModelStore(tmp_path, offline=True))
        async with contextlib.aclosing(tts.synthesize("Ask SQL.", style)) as pieces:
            assert [piece async for piece in pieces]
        await tts.close()
    assert heard.given == ["Ask sequel."] * 2


async def test_kokoro_says_phonemes_as_they_are_given(tmp_path: Path):
    tiny = Path(__file__).parents[2] / "fixtures" / "kokoro_tiny_onnx"
    kokoro = KokoroSettings(model=str(tiny / "kokoro.onnx"), voices=str(tiny / "voices.bin"), device="cpu")
    tts = make_tts(SpeakingSettings(engine="kokoro", kokoro=kokoro), ModelStore(tmp_path, offline=True))
    await tts.start()
    try:
        spelled = await say(tts, "hello")
        same = VoiceStyle(pronunciations=Pronunciations({"xyzzy": "/həlˈoʊ/"}))
        assert np.array_equal(await say(tts, "xyzzy", same), spelled), "espeak's own phonemes for hello"
        other = VoiceStyle(pronunciations=Pronunciations({"hello": "/a/"}))
        assert len(await say(tts, "hello", other)) < len(spelled)
    finally:
        await tts.close()


def test_a_long_word_that_is_said_short_counts_for_what_it_sounds():
    text = "Ask the WWW now please"
    shares = [played_words(text, share, ()).strip() for share in (0.5, 0.7)]
    assert shares == ["Ask the WWW", "Ask the WWW now"]
    # Said "double you double you double you" it is half of the clause: at 0.5 it is not over yet.
    said = Pronunciations({"WWW": "double you double you double you"}).respelled(text)
    assert played_words(text, 0.5, said).strip() == "Ask the"
    assert played_words(text, 0.82, said).strip() == "Ask the WWW"
    assert played_words(text, 1.0, said) == text


def test_the_voice_says_what_the_dictionary_has_and_the_reply_keeps_what_was_written(virtually) -> None:
    async def run() -> Alone:
        style = VoiceStyle(pronunciations=Pronunciations({"sql": "sequel of all"}))
        settings = SpeakingSettings(engine="scripted", pause_ms=0)
        stage = Speaker(Voice(make_tts(settings, ModelStore(Path(), offline=True)), style), settings, SessionClock())
        alone = Alone(stage)
        await alone.send(SayFrame(1, 1, "I like SQL.", 0.0))
        await alone.settle(1)
        await stage.cleanup()
        return alone

    alone = virtually(run())
    (mark,) = alone.of(ClauseSpokenFrame)
    assert mark.text == "I like SQL."
    assert mark.duration_ms == pytest.approx(len("I like sequel of all.") * ScriptedTts.ms_per_character, abs=10)
    assert mark.respelled == (Respelled(7, 10, len("sequel of all")),)
    assert [frame.said for frame in alone.of(ReplySpokenFrame)] == ["I like SQL."]


TEXTS = st.text(alphabet="ab ,.SQL", max_size=40)


@given(TEXTS, st.floats(0, 1.2), st.floats(0, 1.2))
def test_played_words_are_a_beginning_in_whole_words_and_grow_with_time(text: str, one: float, other: float):
    said = Pronunciations({"SQL": "sequel of all", "a": "/æ/", "abba": "x"}).respelled(text)
    first, second = (played_words(text, share, said) for share in sorted((one, other)))
    assert text.startswith(second)
    assert second.startswith(first)
    rest = text[len(first) :]
    assert not first or not rest or first[-1].isspace() or rest[0].isspace()


@given(TEXTS)
def test_without_a_dictionary_nothing_changes(text: str):
    assert Pronunciations().respell(text) == text
    assert Pronunciations(entries(["zzz=b"])).respell(text) == text
