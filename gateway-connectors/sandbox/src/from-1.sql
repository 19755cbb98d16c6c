-- Brings a ledger of version 1 aside, before the tables of version 3 are made.

DROP INDEX entry_original;
DROP INDEX entry_batch;
ALTER TABLE entry RENAME TO entry_1;
ALTER TABLE closed_batch RENAME TO closed_batch_1;
ALTER TABLE report RENAME TO report_1;
