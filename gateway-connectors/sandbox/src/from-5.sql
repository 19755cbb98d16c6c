-- Version 6 has a table more than version 5, and nothing else.

CREATE TABLE converted (
  transaction_id    TEXT PRIMARY KEY,
  amount_minor      INTEGER NOT NULL,
  currency          TEXT NOT NULL,
  rate              TEXT NOT NULL,
  markup_millionths INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 6;
