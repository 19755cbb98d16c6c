-- Takes the rows of version 2 over. How its reads were sealed was never kept.

INSERT INTO entry SELECT * FROM entry_2;
INSERT INTO closed_batch SELECT * FROM closed_batch_2;
INSERT INTO report SELECT * FROM report_2;
INSERT INTO token SELECT * FROM token_2;
INSERT INTO owed SELECT * FROM owed_2;
INSERT INTO violation SELECT * FROM violation_2;
DROP TABLE entry_2;
DROP TABLE closed_batch_2;
DROP TABLE report_2;
DROP TABLE token_2;
DROP TABLE owed_2;
DROP TABLE violation_2;
