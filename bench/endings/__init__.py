"""`acore bench endings`: what it costs to wait at the ends of turns, and what it costs not to wait in pauses."""
