"""The designs that are compared: each plays the same sounds with the same engines and leaves a recording."""
