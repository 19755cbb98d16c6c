-- The sandbox gateway's ledger, version 6. Readable from outside; the README documents it.

-- One row for each transaction id, whatever arrives for it and however often.
CREATE TABLE entry (
  seq                INTEGER PRIMARY KEY,
  transaction_id     TEXT NOT NULL UNIQUE,
  reference          TEXT UNIQUE,
  origin             TEXT NOT NULL CHECK (origin IN ('host', 'elsewhere')),
  kind               TEXT NOT NULL CHECK (kind IN
    ('sale', 'refund', 'authorize', 'verify', 'balance', 'cash_advance', 'capture', 'adjust',
     'void', 'unknown')),
  state              TEXT NOT NULL CHECK (state IN
    ('approved', 'declined', 'rejected', 'referred', 'reversed', 'voided', 'barred')),
  amount_minor       INTEGER NOT NULL,
  requested_minor    INTEGER NOT NULL,
  tip_minor          INTEGER,
  surcharge_minor    INTEGER,
  cashback_minor     INTEGER,
  currency           TEXT NOT NULL,
  installments       INTEGER,
  response_code      TEXT NOT NULL,
  response_text      TEXT NOT NULL,
  approval_code      TEXT,
  voice_code         TEXT,
  rrn                TEXT,
  issuer             TEXT NOT NULL,
  signature_required INTEGER NOT NULL,
  token              TEXT,
  balance_minor      INTEGER,
  original           TEXT,
  merchant           TEXT NOT NULL,
  terminal           TEXT NOT NULL,
  stan               INTEGER NOT NULL,
  batch              INTEGER NOT NULL,
  read_id            TEXT,
  masked_pan         TEXT,
  merchant_reference TEXT,
  at_micros          INTEGER NOT NULL,
  repeats            INTEGER NOT NULL
) STRICT;

CREATE INDEX entry_original ON entry (original) WHERE original IS NOT NULL;
CREATE INDEX entry_batch ON entry (merchant, terminal, batch);
CREATE INDEX entry_rrn ON entry (rrn) WHERE rrn IS NOT NULL;

-- Reads that were opened, each with the transaction it was spent on.
CREATE TABLE read (
  transaction_id TEXT PRIMARY KEY,
  replay         BLOB NOT NULL UNIQUE,
  read_id        TEXT NOT NULL,
  device         TEXT NOT NULL,
  scheme         TEXT NOT NULL,
  key_id         TEXT NOT NULL,
  initial_key    TEXT,
  counter        INTEGER,
  sender         TEXT,
  pin            TEXT CHECK (pin IN ('right', 'wrong', 'blocked', 'unreadable')),
  cryptogram     TEXT CHECK (cryptogram IN ('right', 'wrong')),
  card           TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX read_counter ON read (key_id, initial_key, counter) WHERE initial_key IS NOT NULL;

-- Keys that one read took besides the one that names it: a pinpad has one for each part.
CREATE TABLE part_key (
  key_id         TEXT NOT NULL,
  initial_key    TEXT NOT NULL,
  counter        INTEGER NOT NULL,
  transaction_id TEXT NOT NULL,
  PRIMARY KEY (key_id, initial_key, counter)
) STRICT, WITHOUT ROWID;

-- Entries that came after their chip had approved them offline, with that time.
CREATE TABLE forwarded (
  transaction_id TEXT PRIMARY KEY,
  accepted_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What entries came to in their card's own currency, where its holder chose that.
CREATE TABLE converted (
  transaction_id    TEXT PRIMARY KEY,
  amount_minor      INTEGER NOT NULL,
  currency          TEXT NOT NULL,
  rate              TEXT NOT NULL,
  markup_millionths INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wrong PINs of a test card, one after the other.
CREATE TABLE pin_tries (
  card  TEXT PRIMARY KEY,
  wrong INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Batches that were cut over. The open one is the highest closed number and one.
CREATE TABLE closed_batch (
  merchant       TEXT NOT NULL,
  terminal       TEXT NOT NULL,
  number         INTEGER NOT NULL,
  transaction_id TEXT UNIQUE,
  totals         TEXT NOT NULL,
  PRIMARY KEY (merchant, terminal, number)
) STRICT, WITHOUT ROWID;

-- Advices and order notifications, the last of each kind for a transaction.
CREATE TABLE report (
  transaction_id TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('advice', 'notify_order')),
  body           TEXT NOT NULL,
  amount_minor   INTEGER,
  currency       TEXT,
  times          INTEGER NOT NULL,
  PRIMARY KEY (transaction_id, kind)
) STRICT, WITHOUT ROWID;

-- Cards behind payment tokens, by the name of the test card or not at all.
CREATE TABLE token (
  token      TEXT PRIMARY KEY,
  merchant   TEXT NOT NULL,
  card       TEXT,
  masked_pan TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Strict only: exchanges whose reply nobody is known to have heard.
CREATE TABLE owed (
  transaction_id TEXT PRIMARY KEY,
  merchant       TEXT NOT NULL,
  terminal       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Strict only: what an acceptor sent although it was not its turn.
CREATE TABLE violation (
  seq            INTEGER PRIMARY KEY,
  kind           TEXT NOT NULL CHECK (kind IN ('in_flight', 'reversal_owed')),
  transaction_id TEXT NOT NULL,
  other          TEXT NOT NULL,
  merchant       TEXT NOT NULL,
  terminal       TEXT NOT NULL
) STRICT;

PRAGMA user_version = 6;
