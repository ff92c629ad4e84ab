"""Where the files of a model come from, and the proof that they are whole."""
