"""What `/rag_reload` answers."""

from processors.memory.knowledge import Update
from text.commands.knowledge import describe


def test_what_could_not_be_read_is_named_up_to_a_few() -> None:
    failures = tuple(f"{number}.pdf: it is no PDF that can be read" for number in range(8))
    lines = describe(Update(added=3, failures=failures), documents=11).splitlines()
    assert lines[0] == "3 added, 0 changed, 0 renamed, 0 removed. 11 documents in all."
    assert lines[1] == "Not read: 0.pdf: it is no PDF that can be read"
    assert lines[-1] == "… and 3 more that could not be read."
    assert len("\n".join(describe(Update(failures=("x" * 5000,) * 50), 1).splitlines())) < 2000
