-- Brings a ledger of version 2 aside, before the tables of version 3 are made.

DROP INDEX entry_original;
DROP INDEX entry_batch;
DROP INDEX entry_rrn;
ALTER TABLE entry RENAME TO entry_2;
ALTER TABLE closed_batch RENAME TO closed_batch_2;
ALTER TABLE report RENAME TO report_2;
ALTER TABLE token RENAME TO token_2;
ALTER TABLE owed RENAME TO owed_2;
ALTER TABLE violation RENAME TO violation_2;
