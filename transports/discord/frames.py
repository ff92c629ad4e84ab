"""The audio frame of this transport."""

from dataclasses import dataclass

from processors.frames import SpeakerAudioFrame


@dataclass
class DiscordAudioFrame(SpeakerAudioFrame):
    """20 ms of one Discord user, whose id is `user_id`. `pts` is when it arrived, on the session's clock."""

    received_ns: int = 0
    """`time.monotonic_ns()` at which the packet left the socket; for synthesised silence, when it fell due."""
    synthetic: bool = False
    """Nothing was received: silence that keeps time passing for whoever listens for the end of speech."""

    def __str__(self) -> str:
        return "DiscordAudio"
