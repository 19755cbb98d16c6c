// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says that a thread panicked, without what it panicked about.
//!
//! A message that is written in the program as it stands is shown. One that was put together as the
//! program ran may hold whatever the program had in its hands, and becomes its length.

use std::fmt::Write;
use std::panic::PanicHookInfo;

/// One line, and a backtrace below it where the environment asks for one: names of functions and
/// lines of source, no arguments.
pub fn panic_text(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload();
    let message = match (
        message.downcast_ref::<&'static str>(),
        message.downcast_ref::<String>(),
    ) {
        (Some(literal), _) => (*literal).to_owned(),
        (_, Some(text)) => format!("[{} bytes]", text.len()),
        _ => "[no text]".to_owned(),
    };
    let thread = std::thread::current();
    let mut text = format!(
        "thread {} panicked",
        thread.name().unwrap_or("without a name")
    );
    // Writing to a string does not fail.
    let _ = match panic.location() {
        Some(place) => write!(text, " at {place}: {message}"),
        None => write!(text, ": {message}"),
    };
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        let _ = write!(text, "\n{trace}");
    }
    text
}

/// From now on every panic of this library or program is told so, on standard error.
pub fn tell_panics_without_payload() {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write;
        // With standard error closed there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{}", panic_text(panic));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Output};

    const NUMBER: &str = "4111111111111111";
    const PIN: &str = "739105";

    /// The case of this name panics in a process of its own, where the hook is set.
    fn alone(case: &str) -> Option<Output> {
        if std::env::var_os("PAYHAL_PANIC").is_some() {
            tell_panics_without_payload();
            return None;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                &format!("panic_text::tests::{case}"),
                "--nocapture",
            ])
            .env("PAYHAL_PANIC", "1")
            .env("RUST_BACKTRACE", "1");
        Some(command.output().unwrap())
    }

    #[test]
    fn what_was_put_together_is_not_told() {
        let Some(output) = alone("what_was_put_together_is_not_told") else {
            panic!("cannot read the card {NUMBER} with {PIN}");
        };
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success());
        assert!(said.contains("panic_text.rs"), "{said}");
        assert!(said.contains("[49 bytes]"), "{said}");
        assert!(said.contains("panic_text::tests"), "no backtrace: {said}");
        assert!(!said.contains(NUMBER) && !said.contains(PIN), "{said}");
    }

    #[test]
    fn what_stands_in_the_program_is_told() {
        let Some(output) = alone("what_stands_in_the_program_is_told") else {
            panic!("the reader has no slot");
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(": the reader has no slot"), "{said}");
    }
}
