"""Speech-to-text in a process of its own, for libraries too heavy or too fragile for ours: NeMo with torch.

`protocol` is what the two processes say to each other, `client` is our side, `loop` the worker's; `nemo` is the worker
itself: `python -m processors.hearing.worker.nemo MODEL DEVICE`. The worker's side imports nothing of ours but these
files and `processors.words`, so that it starts as fast as its library does.
"""
