"""The fast decisions beside the language model: shall I answer, as whom."""
