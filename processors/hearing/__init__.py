"""One Ear per speaker: voice activity, segments, speech-to-text."""
