"""Text: the Discord bot and its commands, the console chat. Side workers beside the voice path."""
