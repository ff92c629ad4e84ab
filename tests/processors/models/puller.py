"""Pulls the tests' pinned model in a process of its own: `python -m tests.processors.models.puller FOLDER HUB`.

Prints each new stage on a line, and at the end the size of the file.
"""

import sys
from pathlib import Path

from processors.models import Progress, Stage

from .worlds import CONTENT, file_of, hub_source, model_of, store_of


def main(folder: str, endpoint: str) -> None:
    last: Stage | None = None

    def tell(progress: Progress) -> None:
        nonlocal last
        if progress.stage is not last:
            last = progress.stage
            print(progress.stage.value, flush=True)

    model = model_of(file_of(CONTENT, hub_source("weights.bin")))
    resolved = store_of(Path(folder), model, endpoint, read_s=60.0).pull("tiny", tell)
    print(resolved.main.stat().st_size, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
