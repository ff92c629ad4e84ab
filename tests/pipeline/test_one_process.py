"""The data folder belongs to one process, whether it remembers conversations or not."""

import asyncio
from pathlib import Path

import pytest

from pipeline.memory import memory_of
from pipeline.settings import load_settings
from processors.errors import StorageError


@pytest.mark.parametrize("first", ["true", "false"])
@pytest.mark.parametrize("second", ["true", "false"])
async def test_a_second_bot_on_a_data_folder_is_refused_until_the_first_has_ended(
    tmp_path: Path, first: str, second: str
) -> None:
    loaded = asyncio.Event()
    one, other = (
        load_settings(environ={"ACORE_DATA_DIR": str(tmp_path), "MEMORY_ENABLED": enabled})
        for enabled in (first, second)
    )
    async with memory_of(one, loaded):
        with pytest.raises(StorageError, match="another Acore uses the data folder"):
            async with memory_of(other, loaded):
                pass
    async with memory_of(other, loaded):
        pass
