"""The library logs every hop of its own set-up; nobody wants to measure that."""

import pytest
from loguru import logger


@pytest.fixture(autouse=True)
def quiet_logs() -> None:
    """Keep loguru's default sink out of the timings."""
    logger.remove()
