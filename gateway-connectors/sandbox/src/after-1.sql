-- Takes the rows of version 1 over. Its totals were never kept: batches closed then tell none.

INSERT INTO entry (seq, transaction_id, reference, origin, kind, state, amount_minor,
    requested_minor, currency, response_code, response_text, approval_code, rrn, issuer,
    signature_required, original, merchant, terminal, stan, batch, read_id, masked_pan,
    merchant_reference, at_micros, repeats)
  SELECT seq, transaction_id, reference, 'host', kind, state, amount_minor,
    requested_minor, currency, response_code, response_text, approval_code, rrn, issuer,
    signature_required, original, merchant, terminal, stan, batch, read_id, masked_pan,
    merchant_reference, at_micros, 0 FROM entry_1;
INSERT INTO closed_batch (merchant, terminal, number, totals)
  SELECT merchant, terminal, number, '[]' FROM closed_batch_1;
INSERT INTO report (transaction_id, kind, body, times)
  SELECT transaction_id, kind, body, 1 FROM report_1;
DROP TABLE entry_1;
DROP TABLE closed_batch_1;
DROP TABLE report_1;
