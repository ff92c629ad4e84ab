"""What can go wrong with Discord voice. Every class hangs under `DiscordVoiceError` of the one error tree.

DiscordVoiceError
├── RtpError       a datagram is not the RTP audio we were promised
├── DecryptError   a packet does not open with the key in force
├── OpusError      libopus is missing, or refused a frame
└── JoinError      the voice channel could not be joined
"""

from processors.errors import AcoreError


class DiscordVoiceError(AcoreError):
    """Discord voice failed in a way its user should hear about."""


class RtpError(DiscordVoiceError):
    """A datagram is not well-formed RTP, or carries something other than Opus audio."""


class DecryptError(DiscordVoiceError):
    """A packet's authentication tag does not match: a wrong or outdated key, or a forged packet."""


class OpusError(DiscordVoiceError):
    """libopus could not be loaded, or refused to encode or decode a frame."""


class JoinError(DiscordVoiceError):
    """The voice channel could not be joined. The message says what to change."""
