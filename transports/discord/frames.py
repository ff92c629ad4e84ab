"""The audio frame of this transport."""

from dataclasses import dataclass

from pipecat.frames.frames import UserAudioRawFrame


@dataclass
class SpeakerAudioFrame(UserAudioRawFrame):
    """20 ms of one speaker: 320 samples of 16 kHz mono int16.

    `__str__` is short on purpose: Pipecat formats it on every hop, audio passes fifty times a second.
    """

    received_ns: int = 0
    """`time.monotonic_ns()` at which the packet left the socket; for synthesised silence, when it fell due."""
    synthetic: bool = False
    """Nothing was received: silence that keeps time passing for whoever listens for the end of speech."""

    def __str__(self) -> str:
        return self.name
