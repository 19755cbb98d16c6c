// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads that were opened: each is spent with one transaction, and never again with another.
//!
//! Kept is how a read was sealed and what its checks gave. Its ciphertext is not, nor anything that
//! lay inside: of the card, a keyed hash of its number, to compare a reversal's with.

use crate::books::{Books, Result};
use crate::limits::PIN_TRIES_MAX;
use crate::opening::Manner;
use crate::rules::{self, Code};
use payhal_card_data::{ReplayToken, TestCard};
use rusqlite::params;
use serde_json::{Value, json};

/// A row of table `read`.
#[derive(Debug)]
pub(crate) struct SpentRead<'a> {
    pub(crate) transaction_id: &'a str,
    pub(crate) replay: &'a ReplayToken,
    pub(crate) read_id: &'a str,
    pub(crate) manner: &'a Manner,
    pub(crate) pin: Option<&'static str>,
    pub(crate) cryptogram: Option<&'static str>,
    pub(crate) card: &'a str,
}

/// Why this read must not be used, if it must not: somebody spent it before. A `late` one may come
/// after younger ones of its reader, but not twice.
pub(crate) fn spent_before(
    books: &Books,
    replay: &ReplayToken,
    manner: &Manner,
    late: bool,
) -> Result<Option<Code>> {
    let seen: bool = books.value(
        "SELECT EXISTS (SELECT 1 FROM read WHERE replay = ?1)",
        [replay.bytes()],
    )?;
    if seen {
        return Ok(Some(rules::READ_SPENT));
    }
    for (initial, counter) in &manner.serials {
        if late {
            match is_spent(books, &manner.key_id, initial, *counter)? {
                true => return Ok(Some(rules::KEY_SPENT)),
                false => continue,
            }
        }
        // Of all devices: who copies a reader's key cannot use it under another name.
        let highest: Option<u32> = books.value(
            "SELECT max(counter) FROM (\
             SELECT max(counter) AS counter FROM read WHERE key_id = ?1 AND initial_key = ?2 \
             UNION ALL \
             SELECT max(counter) FROM part_key WHERE key_id = ?1 AND initial_key = ?2)",
            [&manner.key_id, initial],
        )?;
        match highest {
            Some(highest) if *counter == highest => return Ok(Some(rules::KEY_SPENT)),
            Some(highest) if *counter < highest => return Ok(Some(rules::KEY_OLDER)),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether exactly this key of a reader was used.
fn is_spent(books: &Books, key_id: &str, initial: &str, counter: u32) -> Result<bool> {
    books.value(
        "SELECT EXISTS (\
         SELECT 1 FROM read WHERE key_id = ?1 AND initial_key = ?2 AND counter = ?3 \
         UNION ALL \
         SELECT 1 FROM part_key WHERE key_id = ?1 AND initial_key = ?2 AND counter = ?3)",
        params![key_id, initial, counter],
    )
}

/// Spends a read with its transaction.
pub(crate) fn spend(books: &mut Books, read: &SpentRead<'_>) -> Result<()> {
    let manner = read.manner;
    let mut serials = manner.serials.iter();
    let (initial, counter) = serials.next().map_or((None, None), |(key, counter)| {
        (Some(key.as_str()), Some(*counter))
    });
    for (initial, counter) in serials {
        books.run(
            "INSERT INTO part_key (key_id, initial_key, counter, transaction_id) \
             VALUES (?1, ?2, ?3, ?4)",
            params![manner.key_id, initial, counter, read.transaction_id],
        )?;
    }
    books.run(
        "INSERT INTO read (transaction_id, replay, read_id, device, scheme, key_id, initial_key, \
         counter, sender, pin, cryptogram, card) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            read.transaction_id,
            read.replay.bytes(),
            read.read_id,
            manner.device,
            manner.scheme,
            manner.key_id,
            initial,
            counter,
            manner.sender,
            read.pin,
            read.cryptogram,
            read.card,
        ],
    )
}

/// Read id and hash of the card that a transaction was made with, if it was with a presented one.
pub(crate) fn of_transaction(
    books: &Books,
    transaction_id: &str,
) -> Result<Option<(String, String)>> {
    books.row(
        "SELECT read_id, card FROM read WHERE transaction_id = ?1",
        [transaction_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// How a transaction's read was sealed and checked, for people.
pub(crate) fn shown(books: &Books, transaction_id: &str) -> Result<Option<Value>> {
    books.row(
        "SELECT device, scheme, key_id, initial_key, counter, sender, pin, cryptogram FROM read \
         WHERE transaction_id = ?1",
        [transaction_id],
        |row| {
            let mut shown = json!({
                "device": row.get::<_, String>(0)?,
                "scheme": row.get::<_, String>(1)?,
                "key_id": row.get::<_, String>(2)?,
            });
            let rare = [
                ("initial_key", json!(row.get::<_, Option<String>>(3)?)),
                ("counter", json!(row.get::<_, Option<u32>>(4)?)),
                ("sender", json!(row.get::<_, Option<String>>(5)?)),
                ("pin", json!(row.get::<_, Option<String>>(6)?)),
                ("cryptogram", json!(row.get::<_, Option<String>>(7)?)),
            ];
            for (name, value) in rare.into_iter().filter(|(_, value)| !value.is_null()) {
                shown[name] = value;
            }
            Ok(shown)
        },
    )
}

/// Whether so many wrong PINs came that none is looked at any more.
pub(crate) fn pin_is_blocked(books: &Books, card: &TestCard) -> Result<bool> {
    let wrong = books.row(
        "SELECT wrong FROM pin_tries WHERE card = ?1",
        [card.name],
        |row| row.get::<_, u32>(0),
    )?;
    Ok(wrong.unwrap_or(0) >= PIN_TRIES_MAX)
}

/// Counts a wrong PIN; a right one begins anew.
pub(crate) fn count_pin(books: &mut Books, card: &TestCard, is_right: bool) -> Result<()> {
    if is_right {
        return books.run("DELETE FROM pin_tries WHERE card = ?1", [card.name]);
    }
    books.run(
        "INSERT INTO pin_tries (card, wrong) VALUES (?1, 1) \
         ON CONFLICT (card) DO UPDATE SET wrong = wrong + 1",
        [card.name],
    )
}

/// Forgets every wrong PIN.
pub(crate) fn forget_pins(books: &mut Books) -> Result<()> {
    books.run("DELETE FROM pin_tries", [])
}
