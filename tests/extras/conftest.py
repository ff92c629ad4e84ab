"""What the tests of optional engines share."""

import contextlib
import os

import pytest

# The models are tiny: threads that wait for each other, here or in a worker process, only cost time.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def no_progress_thread() -> None:
    """Progress bars start a thread that watches them for the rest of the process; nobody looks at them here."""
    with contextlib.suppress(ImportError):
        from tqdm import tqdm

        tqdm.monitor_interval = 0
