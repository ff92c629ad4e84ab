"""From reply text to sound: clauses, text-to-speech, play-out accounting."""
