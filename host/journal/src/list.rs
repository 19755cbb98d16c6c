// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages of transactions, newest first: one query for each, over the indexes that fit what is
//! looked for. It must never read all there is for a page that an index can give.

use crate::error::{Doing, JournalError};
use crate::limits::PAGE_ROWS_MAX;
use crate::rows::{self, SUMMARY};
use crate::view::{Became, Filter, Page, Sought, Summary};
use payhal_engine::answer::Outcome;
use payhal_engine::forwarding::ForwardingState;
use rusqlite::Connection;
use rusqlite::types::Value;
use uuid::Uuid;

/// One page of lines, newest first.
pub(crate) fn list(connection: &Connection, filter: &Filter) -> Result<Page, JournalError> {
    let limit = match filter.limit {
        0 => PAGE_ROWS_MAX,
        limit => limit.min(PAGE_ROWS_MAX),
    };
    let (query, values) = query(filter, limit);
    let mut statement = connection.prepare_cached(&query).doing("read")?;
    let found = statement
        .query_map(rusqlite::params_from_iter(values), rows::summary)
        .doing("read")?;
    let mut rows: Vec<Summary> = found.collect::<rusqlite::Result<_>>().doing("read")?;
    let limit = usize::try_from(limit).expect("a small number");
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(Summary::cursor);
    Ok(Page { rows, next })
}

/// The query of a page and one line more, with its values.
fn query(filter: &Filter, limit: u32) -> (String, Vec<Value>) {
    let mut terms = Terms::default();
    add_conditions(&mut terms, filter);
    let ways = match (filter.amount, filter.outcome) {
        (Some(amount), became) => {
            if let Some(became) = became {
                let any = of_outcome(&mut terms, became)
                    .into_iter()
                    .map(|way| way.term);
                let any = any.collect::<Vec<_>>().join(" OR ");
                terms.condition.push_str(&format!(" AND ({any})"));
            }
            of_amount(&mut terms, amount)
        }
        (None, Some(became)) => of_outcome(&mut terms, became),
        (None, None) => Vec::new(),
    };
    let limit = terms.value(i64::from(limit) + 1);
    let Terms { condition, values } = terms;
    // Few are open: found by their own index and sorted, not picked out of all in order of time.
    let few = filter.open == Some(true) || filter.forwarding.is_some();
    let order = |few| {
        let plus = if few { "+" } else { "" };
        format!("ORDER BY {plus}started_at DESC, first DESC LIMIT {limit}")
    };
    let query = match ways.as_slice() {
        [] => format!("{SUMMARY} WHERE {condition} {}", order(few)),
        [Way { term, few: rare }] => {
            format!(
                "{SUMMARY} WHERE {condition} AND {term} {}",
                order(few || *rare)
            )
        }
        // Each way has an index, all together have none: a page of each, and of those the newest.
        ways => {
            let each: Vec<_> = ways
                .iter()
                .map(|Way { term, few: rare }| {
                    let order = order(few || *rare);
                    format!(
                        "SELECT first FROM (SELECT first FROM \"transaction\" \
                         WHERE {condition} AND {term} {order})"
                    )
                })
                .collect();
            let each = each.join(" UNION ALL ");
            format!("{SUMMARY} WHERE first IN ({each}) {}", order(true))
        }
    };
    (query, values)
}

/// One of several ways in which a transaction is what is looked for, spelled as its index has it.
struct Way {
    term: String,
    /// Its index has few, and not in order of time.
    few: bool,
}

impl Way {
    fn in_order(term: String) -> Self {
        Self { term, few: false }
    }

    fn few(term: String) -> Self {
        Self { term, few: true }
    }
}

/// Conditions joined by AND, with their values numbered from 1.
struct Terms {
    condition: String,
    values: Vec<Value>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            condition: String::from("1"),
            values: Vec::new(),
        }
    }
}

impl Terms {
    /// A value, as the query names it.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// One condition more; each `?` in it stands for the next of its values.
    fn add(&mut self, text: &str, of: Vec<Value>) {
        self.condition.push_str(" AND ");
        let mut pieces = text.split('?');
        self.condition.push_str(pieces.next().unwrap_or_default());
        for (piece, value) in pieces.zip(of) {
            let name = self.value(value);
            self.condition.push_str(&name);
            self.condition.push_str(piece);
        }
    }
}

fn add_conditions(terms: &mut Terms, filter: &Filter) {
    if let Some(since) = filter.since_micros {
        terms.add("started_at >= ?", vec![since.into()]);
    }
    if let Some(until) = filter.until_micros {
        terms.add("started_at < ?", vec![until.into()]);
    }
    if let Some(register) = &filter.register {
        terms.add("register = ?", vec![register.0.to_string().into()]);
    }
    if let Some(token) = filter.token {
        terms.add("token_id = ?", vec![token.0.as_bytes().to_vec().into()]);
    }
    for id in &filter.without {
        terms.add("transaction_id <> ?", vec![id.0.as_bytes().to_vec().into()]);
    }
    match filter.open {
        // Spelled as the index has it.
        Some(true) => terms.add("open = 1", vec![]),
        Some(false) => terms.add("open = 0", vec![]),
        None => {}
    }
    if let Some(state) = filter.forwarding {
        let name = rows::forwarding_name(state).to_owned();
        // Spelled as the index has it.
        terms.add(
            "forwarding IS NOT NULL AND forwarding = ?",
            vec![name.into()],
        );
    }
    if let Some(digits) = &filter.last_four {
        // Spelled as the index has it.
        terms.add(
            "last_four IS NOT NULL AND last_four = ?",
            vec![digits.to_string().into()],
        );
    }
    if let Some(cursor) = filter.cursor {
        let at = cursor.started_at_micros;
        terms.add(
            "(started_at, first) < (?, ?)",
            vec![at.into(), rows::column(cursor.first).into()],
        );
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        let id = text
            .parse::<Uuid>()
            .map_or(Value::Null, |id| id.as_bytes().to_vec().into());
        let whole = || Value::from(text.to_owned());
        terms.add(
            "(instr(lower(reference), lower(?)) OR key = ? OR approval_code = ? \
             OR last_four = ? OR transaction_id = ?)",
            vec![whole(), whole(), whole(), whole(), id],
        );
    }
}

/// The ways in which an amount is a transaction's.
fn of_amount(terms: &mut Terms, amount: Sought) -> Vec<Way> {
    let minor = terms.value(amount.minor);
    let code = amount.currency.map(|it| it.code().to_owned());
    let code = code.map(|code| terms.value(code));
    let of = |currency: &str| {
        (code.as_ref()).map_or_else(String::new, |code| format!(" AND {currency} = {code}"))
    };
    let ways = [
        format!("(amount_minor = {minor}{})", of("currency")),
        format!(
            "(approved_minor <> amount_minor AND approved_minor = {minor}{})",
            of("currency")
        ),
        format!(
            "(dcc_minor IS NOT NULL AND dcc_minor = {minor}{})",
            of("json_extract(dcc, '$.amount.currency')")
        ),
    ];
    ways.map(Way::in_order).into()
}

/// The ways in which something became of a transaction. What was accepted offline was answered as
/// approved, and is as its gateway took it.
fn of_outcome(terms: &mut Terms, became: Became) -> Vec<Way> {
    let mut forwarded = |state| {
        let name = terms.value(rows::forwarding_name(state).to_owned());
        format!("(forwarding IS NOT NULL AND forwarding = {name})")
    };
    let outcome = match became {
        Became::AcceptedOffline => {
            let states = [ForwardingState::Waiting, ForwardingState::NeedsOperator];
            return states.map(forwarded).map(Way::few).into();
        }
        Became::Ended(outcome) => outcome,
    };
    let later = match outcome {
        Outcome::Approved => {
            let taken = forwarded(ForwardingState::Approved);
            let term = format!("(outcome = 'approved' AND (forwarding IS NULL OR {taken}))");
            return vec![Way::in_order(term)];
        }
        Outcome::Unknown => return vec![Way::few("(open = 1 AND outcome IS NULL)".to_owned())],
        Outcome::Declined => Some(forwarded(ForwardingState::Declined)),
        Outcome::Cancelled => Some(forwarded(ForwardingState::Withdrawn)),
        Outcome::Failed => None,
    };
    let name = terms.value(rows::outcome_name(outcome).to_owned());
    let ended = format!("(outcome <> 'approved' AND outcome = {name})");
    let later = later.map(Way::few);
    std::iter::once(Way::in_order(ended)).chain(later).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(filter: &Filter) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut connection = Connection::open(&path).unwrap();
        crate::schema::migrate(&mut connection, &path).unwrap();
        let (query, values) = query(filter, 20);
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .unwrap();
        let steps = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
            .unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        steps.join("\n")
    }

    #[test]
    fn what_is_looked_for_has_an_index() {
        let amount = Filter {
            amount: Some(Sought {
                minor: 1_250,
                currency: None,
            }),
            outcome: Some(Became::Ended(Outcome::Approved)),
            ..Filter::default()
        };
        let last_four = Filter {
            last_four: Some("1111".into()),
            ..Filter::default()
        };
        let outcome = |became| Filter {
            outcome: Some(became),
            ..Filter::default()
        };
        for (filter, indexes) in [
            (
                amount,
                vec![
                    "transaction_amount (amount_minor=?",
                    "transaction_approved (approved_minor=?",
                    "transaction_dcc (dcc_minor=?",
                ],
            ),
            (last_four, vec!["transaction_last_four (last_four=?"]),
            (
                outcome(Became::Ended(Outcome::Declined)),
                vec!["transaction_outcome (outcome=?", "transaction_forwarding"],
            ),
            (
                outcome(Became::Ended(Outcome::Failed)),
                vec!["transaction_outcome (outcome=?"],
            ),
            (
                outcome(Became::Ended(Outcome::Unknown)),
                vec!["transaction_open"],
            ),
            (
                outcome(Became::AcceptedOffline),
                vec!["transaction_forwarding"],
            ),
        ] {
            let plan = plan(&filter);
            for index in indexes {
                assert!(plan.contains(index), "{filter:?}: no {index} in\n{plan}");
            }
        }
    }
}
