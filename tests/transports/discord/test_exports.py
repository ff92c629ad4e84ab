import transports.discord as discord_voice
from processors.errors import AcoreError
from transports.discord import DiscordAudioFrame, DiscordVoiceError, DiscordVoiceSettings, HealthPolicy


def test_what_is_exported_exists_and_is_sorted():
    assert discord_voice.__all__ == sorted(discord_voice.__all__)
    assert all(hasattr(discord_voice, name) for name in discord_voice.__all__)


def test_voice_errors_hang_under_the_one_tree():
    assert issubclass(DiscordVoiceError, AcoreError)


def test_audio_frames_print_cheaply():
    frame = DiscordAudioFrame(audio=bytes(640), sample_rate=16_000, num_channels=1, user_id="1")
    assert str(frame) == "DiscordAudio"


def test_every_setting_is_explained():
    fields = {**DiscordVoiceSettings.model_fields, **HealthPolicy.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
