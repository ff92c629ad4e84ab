"""The bench: how fast the pipeline answers and how well it takes turns, measured from the sound itself.

`corpus` makes the turns that are played, `source` plays them to a design on their cues, `measure` reads the recording,
`latency`, `compare`, `load` and `soak` are the runs behind `acore bench`. The method is in `bench/README.md`.
"""
