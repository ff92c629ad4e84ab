"""The loop of every worker that follows the store beside the talk."""

import asyncio
from collections.abc import Awaitable, Callable

from loguru import logger

from processors.errors import AcoreError


async def keep_at(step: Callable[[], Awaitable[bool]], trouble: str, *, look_s: float, retry_s: float) -> None:
    """Take steps until cancelled.

    Args:
        step: deals with the next things; False when there are none.
        trouble: what does not happen while it fails, for the log.
        look_s: how long (s) until things are looked for again once there are none.
        retry_s: the same once a step has failed.
    """
    while True:
        try:
            while await step():
                pass
            await asyncio.sleep(look_s)
        except AcoreError as error:
            logger.warning("{} at present: {}", trouble, error)
            await asyncio.sleep(retry_s)
        except Exception as error:
            # A mistake of ours in one place must not end the work for all, unseen.
            logger.opt(exception=error).error("{} at present", trouble)
            await asyncio.sleep(retry_s)
