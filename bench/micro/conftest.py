"""The library logs every hop of its own set-up; nobody wants to measure that."""

from collections.abc import Iterator

import pytest
from loguru import logger


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Keep loguru's default sink out of the timings."""
    logger.remove()
    yield
