"""Knowledge: documents the characters know, indexed as they change; every passage names its source."""

from processors.memory.knowledge.folder import Document
from processors.memory.knowledge.library import Knowledge, Passage, Progress, Update

__all__ = ["Document", "Knowledge", "Passage", "Progress", "Update"]
