"""The tables of the memory file, as a list of migrations: the file's version is how many of them it has seen.

A migration that has been released is never changed; what is new is appended. Each runs whole or not at all.
"""

MIGRATIONS: tuple[str, ...] = (
    # 1: what was said, and small states of anything else
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        place TEXT NOT NULL,
        guild TEXT NOT NULL,
        persona TEXT NOT NULL,
        person TEXT NOT NULL,      -- whose exchange it is: who spoke, or who was answered
        speaker TEXT NOT NULL,
        name TEXT NOT NULL,
        by_character INTEGER NOT NULL,
        text TEXT NOT NULL,
        at_s REAL NOT NULL,
        scope TEXT NOT NULL        -- open, restricted (its place only) or private (its person only)
    );
    CREATE INDEX messages_by_place ON messages (place, kind, id);
    CREATE INDEX messages_by_person ON messages (person);
    CREATE INDEX messages_by_time ON messages (at_s);
    CREATE TABLE state (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    """,
    # 2: words of the messages, for BM25
    """
    CREATE VIRTUAL TABLE message_words USING fts5 (
        text, content='messages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
    );
    INSERT INTO message_words (message_words) VALUES ('rebuild');
    CREATE TRIGGER message_words_add AFTER INSERT ON messages BEGIN
        INSERT INTO message_words (rowid, text) VALUES (new.id, new.text);
    END;
    CREATE TRIGGER message_words_remove AFTER DELETE ON messages BEGIN
        INSERT INTO message_words (message_words, rowid, text) VALUES ('delete', old.id, old.text);
    END;
    CREATE TRIGGER message_words_change AFTER UPDATE OF text ON messages BEGIN
        INSERT INTO message_words (message_words, rowid, text) VALUES ('delete', old.id, old.text);
        INSERT INTO message_words (rowid, text) VALUES (new.id, new.text);
    END;
    """,
    # 3: documents and their passages
    """
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        category TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        digest TEXT NOT NULL,
        failure TEXT NOT NULL,
        meant INTEGER NOT NULL DEFAULT 0     -- whether the meanings of its passages are indexed
    );
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX passages_by_document ON passages (document);
    CREATE VIRTUAL TABLE passage_words USING fts5 (
        text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER passage_words_add AFTER INSERT ON passages BEGIN
        INSERT INTO passage_words (rowid, text) VALUES (new.id, new.text);
    END;
    CREATE TRIGGER passage_words_remove AFTER DELETE ON passages BEGIN
        INSERT INTO passage_words (passage_words, rowid, text) VALUES ('delete', old.id, old.text);
    END;
    """,
    # 4: what is known of people, and summaries
    """
    CREATE TABLE facts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        person TEXT NOT NULL,
        persona TEXT NOT NULL,     -- who knows it; empty for every character
        guild TEXT NOT NULL,
        reach TEXT NOT NULL,       -- guild, or person (alone with them only)
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        text TEXT NOT NULL,
        source TEXT NOT NULL,
        at_s REAL NOT NULL
    );
    CREATE INDEX facts_by_person ON facts (person);
    CREATE TABLE summaries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        level TEXT NOT NULL,       -- session, day or person
        persona TEXT NOT NULL,
        guild TEXT NOT NULL,
        place TEXT NOT NULL,
        kind TEXT NOT NULL,
        scope TEXT NOT NULL,       -- as of messages
        text TEXT NOT NULL,
        from_s REAL NOT NULL,
        to_s REAL NOT NULL,
        messages INTEGER NOT NULL,
        people TEXT NOT NULL,      -- JSON: name by id
        person TEXT NOT NULL,      -- of the level person: whose
        in_day INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX summaries_by_place ON summaries (place, kind, to_s);
    CREATE INDEX summaries_by_person ON summaries (person);
    CREATE VIRTUAL TABLE summary_words USING fts5 (
        text, content='summaries', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER summary_words_add AFTER INSERT ON summaries BEGIN
        INSERT INTO summary_words (rowid, text) VALUES (new.id, new.text);
    END;
    CREATE TRIGGER summary_words_remove AFTER DELETE ON summaries BEGIN
        INSERT INTO summary_words (summary_words, rowid, text) VALUES ('delete', old.id, old.text);
    END;
    """,
    # 5: whom an answer to several people is about, too; the meanings of summaries
    """
    ALTER TABLE messages ADD COLUMN also TEXT NOT NULL DEFAULT '';     -- JSON: ids
    ALTER TABLE summaries ADD COLUMN shelf TEXT NOT NULL DEFAULT '';   -- where its meaning is; empty for nowhere yet
    CREATE TABLE summaries_gone (
        id INTEGER PRIMARY KEY,
        shelf TEXT NOT NULL        -- where its meaning still is
    );
    CREATE TRIGGER summary_gone AFTER DELETE ON summaries WHEN old.shelf != '' BEGIN
        INSERT OR REPLACE INTO summaries_gone (id, shelf) VALUES (old.id, old.shelf);
    END;
    """,
)

WORD_INDEXES = ("message_words", "passage_words", "summary_words")
"""Full-text tables: never copied out of a damaged file, and merged when something is to leave no trace."""
