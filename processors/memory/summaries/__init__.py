"""What happened earlier in a few sentences: in a session, on a day, between one person and a character."""
