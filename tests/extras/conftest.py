"""What the tests of optional engines share."""

import contextlib

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_progress_thread() -> None:
    """Progress bars start a thread that watches them for the rest of the process; nobody looks at them here."""
    with contextlib.suppress(ImportError):
        from tqdm import tqdm

        tqdm.monitor_interval = 0
