-- The sandbox gateway's ledger. Readable from outside; the README documents table `entry`.

CREATE TABLE entry (
  seq                INTEGER PRIMARY KEY,
  transaction_id     TEXT NOT NULL UNIQUE,
  reference          TEXT UNIQUE,
  kind               TEXT NOT NULL CHECK (kind IN
    ('sale', 'refund', 'authorize', 'verify', 'capture', 'void', 'unknown')),
  state              TEXT NOT NULL CHECK (state IN
    ('approved', 'declined', 'rejected', 'reversed', 'voided', 'barred')),
  amount_minor       INTEGER NOT NULL,
  requested_minor    INTEGER NOT NULL,
  currency           TEXT NOT NULL,
  response_code      TEXT NOT NULL,
  response_text      TEXT NOT NULL,
  approval_code      TEXT,
  rrn                TEXT,
  issuer             TEXT NOT NULL,
  signature_required INTEGER NOT NULL,
  original           TEXT,
  merchant           TEXT NOT NULL,
  terminal           TEXT NOT NULL,
  stan               INTEGER NOT NULL,
  batch              INTEGER NOT NULL,
  read_id            TEXT UNIQUE,
  masked_pan         TEXT,
  merchant_reference TEXT,
  at_micros          INTEGER NOT NULL
) STRICT;

CREATE INDEX entry_original ON entry (original) WHERE original IS NOT NULL;
CREATE INDEX entry_batch ON entry (merchant, terminal, batch);

-- Batches that were cut over. The open one is the highest closed number and one.
CREATE TABLE closed_batch (
  merchant TEXT NOT NULL,
  terminal TEXT NOT NULL,
  number   INTEGER NOT NULL,
  PRIMARY KEY (merchant, terminal, number)
) STRICT, WITHOUT ROWID;

-- Advices and order notifications, the last of each kind for a transaction.
CREATE TABLE report (
  transaction_id TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('advice', 'notify_order')),
  body           TEXT NOT NULL,
  PRIMARY KEY (transaction_id, kind)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
