"""Knowledge: documents the characters know, indexed as they change; every passage names its source."""

from processors.memory.knowledge.folder import Document
from processors.memory.knowledge.library import Knowledge, Progress, Update
from processors.memory.knowledge.search import Passage, PassageSearch, documents_in

__all__ = ["Document", "Knowledge", "Passage", "PassageSearch", "Progress", "Update", "documents_in"]
