-- Version 4 has a table more than version 3, and nothing else.

CREATE TABLE part_key (
  key_id         TEXT NOT NULL,
  initial_key    TEXT NOT NULL,
  counter        INTEGER NOT NULL,
  transaction_id TEXT NOT NULL,
  PRIMARY KEY (key_id, initial_key, counter)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;
