"""Settings, and the converters they name."""

import sys

import pytest
from pydantic import ValidationError

from personas.voice import RvcVoice
from processors.errors import EngineError, SettingError
from processors.speaking.rvc.converter import VoiceConverter
from processors.speaking.rvc.needs import need
from processors.speaking.rvc.registry import CONVERTERS, make_converter
from processors.speaking.rvc.settings import RvcSettings


def test_a_persona_changes_what_it_names_and_nothing_else() -> None:
    common = RvcSettings(enabled=True, model="alice.pth", pitch=2, protect=0.2)
    own = common.of(RvcVoice(model="bob.pth", pitch=-5))
    assert (own.model, own.pitch, own.protect, own.enabled) == ("bob.pth", -5, 0.2, True)


@pytest.mark.parametrize(
    "wrong", [{"pitch": 30}, {"protect": 0.6}, {"index_rate": -1}, {"block_ms": 105}, {"modell": ""}]
)
def test_values_out_of_range_and_unknown_names_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RvcSettings.model_validate(wrong)


def test_an_unknown_mode_names_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"RVC_MODE is 'applio'.*effect, inprocess, w-okada, webui"):
        make_converter(RvcSettings(mode="applio"))


@pytest.mark.parametrize("mode", sorted(CONVERTERS))
def test_every_mode_makes_a_converter_without_loading_anything_heavy(mode: str) -> None:
    converter: VoiceConverter = make_converter(RvcSettings(mode=mode))
    assert callable(converter.convert)
    if "torch" not in sys.modules:
        assert "pyworld" not in sys.modules


def test_a_missing_library_names_the_extra_that_has_it() -> None:
    with pytest.raises(EngineError, match=r"RVC_MODE=inprocess needs no_such_library.*acore\[rvc\]"):
        need("no_such_library", "RVC_MODE=inprocess")


async def test_a_converter_that_was_not_started_says_so() -> None:
    with pytest.raises(EngineError, match="not started"):
        make_converter(RvcSettings()).session(24_000)
