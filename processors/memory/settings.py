"""What is remembered, for how long a conversation reaches back, and what is looked up before a reply."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from processors.memory.port import SceneKind
from processors.memory.privacy.settings import PrivacySettings
from processors.memory.profiles.settings import ProfileSettings
from processors.memory.summaries.settings import SummarySettings
from processors.setting_names import Env, SettingsGroup


class HistorySettings(SettingsGroup):
    """How far a conversation reaches back: so many messages, and none before a pause of so many minutes."""

    channel_messages: int = Field(default=50, ge=2, le=1000)
    """The most messages a conversation in a channel reaches back."""
    channel_idle_min: float = Field(default=30, gt=0)
    """The pause (minutes) after which a new conversation begins in a channel."""
    thread_messages: int = Field(default=30, ge=2, le=1000)
    """The most messages a conversation in a thread reaches back."""
    thread_idle_min: float = Field(default=15, gt=0)
    """The pause (minutes) after which a new conversation begins in a thread."""
    dm_messages: int = Field(default=20, ge=2, le=1000)
    """The most messages a conversation in direct messages (or the console) reaches back."""
    dm_idle_min: float = Field(default=10, gt=0)
    """The pause (minutes) after which a new conversation begins in direct messages (or the console)."""
    voice_messages: int = Field(default=100, ge=2, le=1000)
    """The most messages a voice conversation reaches back: to the beginning of its session, whatever the pauses."""

    def most(self, kind: SceneKind) -> int:
        """The most messages of a conversation."""
        match kind:
            case SceneKind.VOICE:
                return self.voice_messages
            case SceneKind.CHANNEL:
                return self.channel_messages
            case SceneKind.THREAD:
                return self.thread_messages
            case SceneKind.DM | SceneKind.CONSOLE:
                return self.dm_messages

    def idle_s(self, kind: SceneKind) -> float:
        """The pause after which a new conversation begins."""
        match kind:
            case SceneKind.VOICE:
                return float("inf")
            case SceneKind.CHANNEL:
                return self.channel_idle_min * 60
            case SceneKind.THREAD:
                return self.thread_idle_min * 60
            case SceneKind.DM | SceneKind.CONSOLE:
                return self.dm_idle_min * 60


class RecallSettings(SettingsGroup):
    """What of earlier times, and of the knowledge folders, stands before a reply."""

    deadline_ms: int = Field(default=60, ge=0, le=2000)
    """How long a reply may wait for it. What comes later serves the next reply."""
    reading_ms: int = Field(default=200, ge=0, le=10_000)
    """In voice, what is found is read by the model while the question is still being spoken: at a time as much as it
    reads in so long (ms), if it says how fast it reads. What is left at the question's end serves the next reply."""
    messages: int = Field(default=4, ge=0, le=20)
    """The most things said earlier."""
    passages: int = Field(default=3, ge=0, le=20)
    """The most passages from the knowledge folders."""
    floor: float = Field(default=0.3, ge=0, le=1)
    """How near (cosine) in meaning something must be that shares no telling word with the question."""
    vectors: Literal["chroma", "off"] = "chroma"
    """Search by meaning as well as by words: costs 120 MB of memory. Off: by words alone."""
    vector_messages: int = Field(default=20_000, ge=100)
    """Of how many of the newest messages the meaning is kept at hand (4 KB each); older ones are found by words."""
    chroma_url: str = ""
    """A Chroma server, such as http://localhost:8000; empty: it runs in this process, in the data folder."""


class KnowledgeSettings(SettingsGroup):
    """Documents the characters know (txt, md, pdf, html): each folder in the documents folder is a category."""

    enabled: Annotated[bool, Env("RAG_ENABLED")] = True
    """Look documents up before a reply. Without a documents folder there is nothing to look up."""
    folder: Annotated[Path | None, Env("RAG_DOCUMENTS_PATH")] = None
    """The documents folder; empty for `knowledge` in the data folder."""
    rescan_s: float = Field(default=30.0, gt=0)
    """How often the folder is looked through for changes."""
    file_mb: float = Field(default=20.0, gt=0)
    """Larger files are left out."""
    files: int = Field(default=10_000, ge=1)
    """Of more, those that come last by name are left out."""


class MemorySettings(SettingsGroup):
    """What the characters remember. It is kept in the data folder."""

    enabled: bool = True
    """Remember conversations."""
    history: HistorySettings = HistorySettings()
    recall: RecallSettings = RecallSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    profiles: ProfileSettings = ProfileSettings()
    summaries: SummarySettings = SummarySettings()
    privacy: PrivacySettings = PrivacySettings()
