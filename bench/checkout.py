"""What the benches need of the checkout they lie in."""

import sys
from pathlib import Path

from processors.errors import SettingError

ACORE = "from pipeline.cli import main; main()"
"""The command line of this checkout, for `python -c`."""


def find_the_server(bench: str) -> None:
    """Have the Discord server of the project's tests be found: it is no installed package.

    Raises:
        SettingError: this is no checkout.
    """
    checkout = str(Path(__file__).parents[1])
    if checkout not in sys.path:
        sys.path.append(checkout)
    try:
        import tests.local_discord  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"bench {bench} needs the Discord server of the project's tests: run it in a checkout, with .[dev] "
            f"({error})"
        ) from None
