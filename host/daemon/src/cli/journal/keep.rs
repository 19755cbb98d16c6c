// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal journal backup`, `export`, `prune`, `adopt`: keeping the journal over the years.

use super::path;
use crate::cli::args::{AdoptArgs, BackupArgs, ExportArgs, ExportFormat, PruneArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{say, say_json, tell};
use payhal_journal::{Format, Journal, Options, Pruned, Retention, Span};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

/// One file with all of it, read back.
pub(in crate::cli) fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let journal = path(&args.journal)?;
    let report = payhal_journal::backup(&journal, &args.file)?;
    // The doctor looks at its age. A folder that cannot be written has other troubles.
    let target = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
    if let Err(error) = crate::doctor::backed_up(&journal, &target, crate::clock::wall_micros()) {
        tell(&format!(
            "the backup is sound, but was not noted for the doctor: {error}"
        ));
    }
    if args.journal.json {
        say_json(&json!({
            "file": args.file.display().to_string(),
            "records": report.records,
            "transactions": report.transactions,
            "open": report.open,
            "pruned": report.pruned,
            "audits": report.audit.entries,
        }));
    } else {
        say(&format!(
            "{}: {} records of {} transactions, {} open, {} audit entries, read back and sound",
            args.file.display(),
            report.records,
            report.transactions,
            report.open,
            report.audit.entries
        ));
    }
    Ok(Exit::Ok)
}

/// Transactions for other programs.
pub(in crate::cli) fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let time = |text: &Option<String>| text.as_deref().map(micros).transpose();
    let span = Span {
        since_micros: time(&args.since)?,
        until_micros: time(&args.until)?,
    };
    let format = match args.format {
        ExportFormat::Jsonl => Format::JsonLines,
        ExportFormat::Csv => Format::Csv,
    };
    let journal = path(&args.journal)?;
    let write = |out: &mut dyn Write| match args.audit {
        true => payhal_journal::export_audit(&journal, format, span, out),
        false => payhal_journal::export(&journal, format, span, out),
    };
    let count = match &args.out {
        Some(file) => {
            let out = new_file(file)?;
            let count = write(&mut std::io::BufWriter::new(&out))?;
            out.sync_all().map_err(|error| unwritten(file, &error))?;
            count
        }
        None => write(&mut std::io::stdout().lock())?,
    };
    if args.out.is_some() {
        let what = if args.audit {
            "audit entries"
        } else {
            "transactions"
        };
        tell(&format!("{count} {what} written"));
    }
    Ok(Exit::Ok)
}

/// For this user only: it says who bought what.
fn new_file(path: &Path) -> Result<std::fs::File, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("failed to write {}: {error}", path.display());
    Failure::new(Exit::Failed, text)
}

fn micros(text: &str) -> Result<i64, Failure> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        Failure::new(
            Exit::Usage,
            format!("`{text}` is no time; write it as 2026-11-21T12:00:00Z"),
        )
    })?;
    Ok(at.as_microsecond())
}

/// Drops what is old and at rest. The host must be stopped; while it runs it prunes by itself where
/// its configuration says so.
pub(in crate::cli) fn prune(args: &PruneArgs) -> Result<Exit, Failure> {
    let retention = Retention {
        days: args.older_than,
        keys_days: args.keys_older_than,
    };
    let file = path(&args.journal)?;
    if !file.exists() {
        return Err(payhal_journal::JournalError::Missing { path: file }.into());
    }
    let (journal, _) = Journal::open(&file, &Options::default(), |_| {})?;
    let (reply, replied) = mpsc::channel();
    journal.prune(retention, move |pruned| {
        // Whoever asked waits below.
        reply.send(pruned).ok();
    })?;
    let gone = || Failure::new(Exit::Journal, "the journal stopped while it was pruned");
    let Pruned {
        transactions,
        records,
        answers,
        audits,
    } = replied.recv().map_err(|_| gone())??;
    if args.journal.json {
        say_json(&json!({
            "transactions": transactions,
            "records": records,
            "answers": answers,
            "audits": audits,
        }));
    } else {
        say(&format!(
            "{transactions} transactions with {records} records were dropped, {answers} old answers and {audits} audit entries"
        ));
    }
    Ok(Exit::Ok)
}

/// The journal was moved here on purpose.
pub(in crate::cli) fn adopt(args: &AdoptArgs) -> Result<Exit, Failure> {
    if !args.only_copy {
        return Err(Failure::new(
            Exit::Usage,
            "two hosts with one journal charge twice for one key",
        )
        .advise("Say `--only-copy` if no other host uses this journal or a copy of it."));
    }
    let epoch = payhal_journal::adopt(path(&args.journal)?)?;
    say(&format!("taken over; its epoch {} goes on", epoch.number));
    Ok(Exit::Ok)
}
