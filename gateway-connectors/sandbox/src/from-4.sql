-- Version 5 has a table more than version 4, and nothing else.

CREATE TABLE forwarded (
  transaction_id TEXT PRIMARY KEY,
  accepted_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 5;
