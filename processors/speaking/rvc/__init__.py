"""Voice conversion: the bot's voice turned into another one after text-to-speech."""
