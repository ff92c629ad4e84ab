"""Settings of the bot's voice."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from processors.failover import FailoverPolicy
from processors.onnx_sessions import Device
from processors.setting_names import Env, SettingsGroup
from processors.speaking.clauses import ClausePolicy
from processors.speaking.pronunciation import entries


class KokoroSettings(SettingsGroup):
    """Kokoro in process (kokoro, kokoro-torch) or on a server (kokoro-http)."""

    voice: Annotated[str, Env("KOKORO_VOICE")] = Field(default="af_heart", min_length=1)
    """Voice of characters that name none, or one that is not there. Voices can be mixed: af_bella(2)+af_sky."""
    model: Annotated[str, Env("KOKORO_MODEL")] = "kokoro-82m-int8"
    """kokoro: a model of `acore models list`, or the path of an ONNX export."""
    voices: Annotated[str, Env("KOKORO_VOICES")] = ""
    """kokoro: folder of voices (.bin) or a voices file; empty for those that were pulled with the model."""
    device: Annotated[Device, Env("KOKORO_DEVICE")] = "auto"
    """Where the in-process model runs: auto (a GPU if there is one), cpu or cuda."""
    torch_folder: Annotated[str, Env("KOKORO_TORCH_FOLDER")] = ""
    """kokoro-torch: folder with config.json, the .pth and voices/*.pt, as in hexgrad/Kokoro-82M."""
    api_url: Annotated[str, Env("KOKORO_API_URL")] = ""
    """kokoro-http: address of the server, such as http://127.0.0.1:8880."""
    api_model: Annotated[str, Env("KOKORO_API_MODEL")] = "kokoro"
    """kokoro-http: the model the server is asked for."""
    api_key: Annotated[SecretStr, Env("KOKORO_API_KEY")] = SecretStr("")
    """kokoro-http: the key the server wants; empty for none."""


class PiperSettings(SettingsGroup):
    """Piper in process (piper)."""

    voice: Annotated[str, Env("PIPER_VOICE")] = ""
    """Path of a Piper voice (.onnx, with its .onnx.json beside it)."""
    speaker: Annotated[str, Env("PIPER_SPEAKER")] = ""
    """Speaker of a voice that has several; empty for its first."""


class EdgeSettings(SettingsGroup):
    """Microsoft's online voices (edge)."""

    voice: Annotated[str, Env("EDGE_VOICE")] = "en-US-EmmaMultilingualNeural"
    """Voice of characters that name none, or one that is not there; `edge-tts --list-voices` lists them."""


class SupertonicSettings(SettingsGroup):
    """Supertonic in process (supertonic)."""

    folder: Annotated[str, Env("SUPERTONIC_FOLDER")] = ""
    """Folder with the model (onnx/ and voice_styles/); empty: the library fetches it."""
    model: Annotated[Literal["supertonic", "supertonic-2", "supertonic-3"], Env("SUPERTONIC_MODEL")] = "supertonic-3"
    """Which of the models it is: the first speaks English, the others more languages."""
    voice: Annotated[str, Env("SUPERTONIC_VOICE")] = "F1"
    """Voice of characters that name none, or one that is not there."""
    language: Annotated[str, Env("SUPERTONIC_LANGUAGE")] = Field(default="", pattern="^([a-z]{2})?$")
    """Language spoken (such as en or de); empty: what the text is in is left to the model."""
    steps: Annotated[int, Env("SUPERTONIC_STEPS")] = Field(default=5, ge=1, le=100)
    """Steps of synthesis: more sound better and take longer."""
    pace: Annotated[float, Env("SUPERTONIC_PACE")] = Field(default=1.05, ge=0.7, le=2.0)
    """Rate of speech of a character whose own is 1."""


class SpeakingSettings(SettingsGroup):
    """Text-to-speech and how a reply is cut for it."""

    engine: Annotated[str, Env("TTS_ENGINE")] = "hibari"
    """Text-to-speech engine: hibari (embedded), kokoro (in process), kokoro-torch (in process, for a GPU), kokoro-http
    (a server), piper, supertonic, edge (Microsoft's online voices) or scripted (tests and benchmarks: tones)."""
    fallbacks: tuple[str, ...] = ()
    """Engines that step in, in this order, when the one before fails or is late: ["hibari"]."""
    failover: FailoverPolicy = FailoverPolicy()
    """When they do."""
    kokoro: KokoroSettings = KokoroSettings()
    """Kokoro."""
    piper: PiperSettings = PiperSettings()
    """Piper."""
    edge: EdgeSettings = EdgeSettings()
    """Microsoft's online voices."""
    supertonic: SupertonicSettings = SupertonicSettings()
    """Supertonic."""
    pronunciations: tuple[str, ...] = ()
    """How words are said: ["SQL=sequel", "Acore=/ˈeɪkɔːɹ/"]; a spelling, or phonemes for engines that take them, or
    both. A word in lower case stands for itself in any case. Characters may bring their own."""
    clauses: ClausePolicy = ClausePolicy()
    """Where a reply may be cut."""
    pause_ms: int = Field(default=140, ge=0, le=2000)
    """Silence (ms) kept at the end of a clause."""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    """How long (s) a clause may take to be spoken before the reply is given up."""
    scripted_first_audio_ms: float = Field(default=25.0, ge=0, le=60000)
    """How long (ms) the scripted engine takes for a clause."""

    @field_validator("pronunciations")
    @classmethod
    def _are_entries(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        entries(given)
        return given
