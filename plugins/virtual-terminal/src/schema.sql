-- The virtual terminal's ledger. Readable from outside; the README documents table `entry`.

CREATE TABLE entry (
  seq             INTEGER PRIMARY KEY,
  transaction_id  TEXT NOT NULL UNIQUE,
  reference       TEXT UNIQUE,
  kind            TEXT NOT NULL CHECK (kind IN
    ('sale', 'refund', 'authorize', 'capture', 'adjust', 'verify', 'balance', 'cash_advance',
     'unknown')),
  state           TEXT NOT NULL CHECK (state IN
    ('running', 'approved', 'declined', 'ended', 'reversed', 'barred', 'uncollected')),
  amount_minor    INTEGER NOT NULL,
  requested_minor INTEGER NOT NULL,
  currency        TEXT NOT NULL,
  response_code   TEXT NOT NULL,
  approval_code   TEXT,
  original        TEXT,
  stan            INTEGER NOT NULL,
  batch           INTEGER NOT NULL,
  card            TEXT,
  masked_pan      TEXT,
  offline         INTEGER NOT NULL,
  collection      TEXT CHECK (collection IN ('waiting', 'accepted', 'rejected')),
  inquiries_left  INTEGER NOT NULL,
  answer          TEXT NOT NULL,
  at_micros       INTEGER NOT NULL
) STRICT;

CREATE INDEX entry_original ON entry (original) WHERE original IS NOT NULL;
CREATE INDEX entry_batch ON entry (batch);

-- Batches that were closed, with the totals that were told. The open one is the highest number
-- and one.
CREATE TABLE closed_batch (
  number         INTEGER PRIMARY KEY,
  transaction_id TEXT NOT NULL UNIQUE,
  totals         TEXT NOT NULL
) STRICT;

PRAGMA user_version = 1;
