"""How sound and text get in and out. Knows frames, not engines."""
