"""Settings of hearing."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from processors.failover import FailoverPolicy
from processors.hearing.ear import EarPolicy
from processors.hearing.plausibility import PlausibilityPolicy
from processors.onnx_sessions import Device
from processors.setting_names import Env, SettingsGroup


class ParakeetSettings(SettingsGroup):
    """Parakeet in process (parakeet), in a worker process (parakeet-nemo) or on a server (parakeet-http)."""

    model: Annotated[str, Env("PARAKEET_MODEL")] = "parakeet-tdt-0.6b-v3-int8"
    """parakeet: a model of `acore models list`, or a folder with an ONNX export of a NeMo model."""
    device: Annotated[Device, Env("PARAKEET_DEVICE")] = "auto"
    """Where the in-process model runs: auto (a GPU if there is one), cpu or cuda."""
    nemo_model: Annotated[str, Env("PARAKEET_NEMO_MODEL")] = "nvidia/parakeet-tdt-0.6b-v3"
    """parakeet-nemo: path of a .nemo file, or a name NeMo fetches by itself."""
    nemo_python: Annotated[str, Env("PARAKEET_NEMO_PYTHON")] = ""
    """parakeet-nemo: Python interpreter of an environment of its own with acore[nemo]; empty for this one."""
    nemo_start_s: Annotated[float, Env("PARAKEET_NEMO_START_S")] = Field(default=300.0, gt=0, le=7200)
    """parakeet-nemo: longest time (s) NeMo may take to be imported and to load, or fetch, the model."""
    api_url: Annotated[str, Env("PARAKEET_API_URL")] = ""
    """parakeet-http: address of the server, such as http://127.0.0.1:8000."""
    api_kind: Annotated[Literal["auto", "openai", "transcribe"], Env("PARAKEET_API_KIND")] = "auto"
    """parakeet-http: openai (POST /v1/audio/transcriptions), transcribe (POST /transcribe) or auto (finds out)."""
    api_model: Annotated[str, Env("PARAKEET_API_MODEL")] = "parakeet"
    """parakeet-http: the model an OpenAI-shaped server is asked for."""
    api_key: Annotated[SecretStr, Env("PARAKEET_API_KEY")] = SecretStr("")
    """parakeet-http: the key an OpenAI-shaped server wants; empty for none."""


class WhisperSettings(SettingsGroup):
    """Whisper in process (whisper)."""

    model: Annotated[str, Env("WHISPER_MODEL")] = "base.en"
    """Folder with a CTranslate2 model, or a size that is fetched: tiny.en, base.en, small, large-v3-turbo."""
    device: Annotated[Device, Env("WHISPER_DEVICE")] = "auto"
    """Where it runs: auto (a GPU if there is one), cpu or cuda."""
    precision: Annotated[Literal["auto", "int8", "float16", "float32"], Env("WHISPER_PRECISION")] = "auto"
    """Numbers it computes with; auto takes those of the model's files. int8 is fastest on a CPU."""


class HearingSettings(SettingsGroup):
    """Speech-to-text and the ears in front of it."""

    engine: Annotated[str, Env("STT_ENGINE")] = "moonshine"
    """Speech-to-text engine: moonshine (embedded), parakeet (in process), parakeet-nemo (NeMo in a worker process),
    parakeet-http (a server), whisper or scripted (tests and benchmarks: says what it is told)."""
    fallbacks: tuple[str, ...] = ()
    """Engines that step in, in this order, when the one before fails or is late: ["moonshine"]."""
    failover: FailoverPolicy = FailoverPolicy()
    """When they do."""
    language: Annotated[str, Env("STT_LANGUAGE")] = Field(default="", pattern="^([a-z]{2})?$")
    """Language spoken (such as en or de) for engines that can be told; empty: the engine finds out. moonshine knows
    English only, parakeet always finds out."""
    word_times: Annotated[bool, Env("STT_WORD_TIMES")] = False
    """Whether whisper and parakeet-http are to say when each word was spoken, for the reports: whisper takes twice as
    long for it, and a server must know verbose_json. parakeet and parakeet-nemo always do, moonshine cannot."""
    parakeet: ParakeetSettings = ParakeetSettings()
    """Parakeet."""
    whisper: WhisperSettings = WhisperSettings()
    """Whisper."""
    max_speakers: int = Field(default=8, ge=1, le=64)
    """People heard at once in one room. Others are counted and reported, not transcribed."""
    turn_end: str = "auto"
    """What judges by the sound whether somebody has finished: punctuation (how torn Moonshine is between a full stop
    and a comma; English), smart-turn (melody; 23 languages), off (words and silence alone) or auto: punctuation beside
    moonshine, smart-turn beside other engines."""
    ahead_ms: int = Field(default=32, ge=0, le=1000)
    """Drop in level (ms) at which words are transcribed ahead, before the pause is certain; 0 for never. At 32 they
    are there 30 ms sooner than at 64, for a twentieth of a core more while somebody speaks."""
    timeout_s: float = Field(default=15.0, gt=0, le=600)
    """How long (s) a transcript may take before the utterance counts as not understood."""
    ear: EarPolicy = EarPolicy()
    """How speech is told from its absence."""
    plausibility: PlausibilityPolicy = PlausibilityPolicy()
    """When a transcript is not believed."""
    scripted_lines: tuple[str, ...] = ("Hello there.", "What can you do?", "Tell me a story.", "Thank you, goodbye.")
    """What the scripted engine hears, utterance by utterance. "Alice: Hello." is heard from Alice only."""
    scripted_delay_ms: float = Field(default=60.0, ge=0, le=10000)
    """How long (ms) the scripted engine takes."""
