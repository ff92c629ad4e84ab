"""What was told weeks ago is found by both searches together at least as often as by either."""

from pathlib import Path

import pytest

from bench.evidence import conversations, measure_hits
from processors.models import ModelStore


def test_the_conversations_are_the_same_every_time_and_every_question_has_its_answer() -> None:
    lines, asked = conversations(people=5, days=4)
    assert (lines, asked) == conversations(people=5, days=4)
    assert len(asked) == 30
    assert all(lines[one.evidence].person == one.person for one in asked)
    assert sorted(line.at_s for line in lines) == [line.at_s for line in lines]


@pytest.mark.usefixtures("chroma_loaded")
async def test_both_searches_together_are_not_worse_than_either(tmp_path: Path) -> None:
    hits = await measure_hits(tmp_path, ModelStore(offline=True), people=8, days=7)
    print(hits)
    assert hits.questions == 48
    assert hits.hybrid >= max(hits.vector, hits.words)
    assert hits.hybrid > 0.8
