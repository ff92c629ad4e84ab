"""The list of models that may answer, as the settings write it: `provider` or `provider:model`."""

from collections.abc import Iterable
from dataclasses import dataclass

from processors.errors import SettingError
from processors.language.settings import LanguageSettings


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One model of one provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}" if self.model else self.provider


def parse_ref(entry: str, settings: LanguageSettings) -> ModelRef:
    """`provider:model`; without a model the one the provider's own setting names. Models may contain colons."""
    provider, _, model = entry.strip().partition(":")
    return ModelRef(provider, model or _own_model(provider, settings))


def model_list(settings: LanguageSettings) -> tuple[ModelRef, ...]:
    """`LLM_PROVIDER` with its own model, then `LANGUAGE_FALLBACKS`. None is in it twice."""
    refs = [parse_ref(entry, settings) for entry in (settings.provider, *settings.fallbacks)]
    return tuple(dict.fromkeys(refs))


def with_model(settings: LanguageSettings, ref: ModelRef) -> LanguageSettings:
    """The settings of one entry of the list: as they are, but for the model."""
    match ref.provider:
        case "embedded":
            return settings.model_copy(update={"embedded_model": ref.model})
        case "ollama" | "openrouter" | "openai" as provider:
            group = getattr(settings, provider).model_copy(update={"model": ref.model})
            return settings.model_copy(update={provider: group})
        case _:
            return settings


def temperature_limits(settings: LanguageSettings, refs: Iterable[ModelRef]) -> dict[ModelRef, float]:
    """The highest temperature of each model that has one.

    Raises:
        SettingError: a limit is no number, or its model is not in the list.
    """
    known = set(refs)
    limits: dict[ModelRef, float] = {}
    for given in settings.temperature_limits:
        entry, _, limit = given.rpartition("=")
        ref = parse_ref(entry, settings)
        if ref not in known:
            names = ", ".join(map(str, known))
            raise SettingError(
                f"LANGUAGE_TEMPERATURE_LIMITS has {given!r}; it must be a model of the list ({names}), = and a number"
            )
        try:
            limits[ref] = float(limit)
        except ValueError:
            raise SettingError(f"LANGUAGE_TEMPERATURE_LIMITS has {given!r}; {limit!r} is no number") from None
    return limits


def _own_model(provider: str, settings: LanguageSettings) -> str:
    match provider:
        case "embedded":
            return settings.embedded_model
        case "ollama":
            return settings.ollama.model
        case "openrouter":
            return settings.openrouter.model
        case "openai":
            return settings.openai.model
        case _:
            return ""
