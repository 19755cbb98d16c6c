// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions of a running payment: put to whoever sits at the terminal, or answered by what the
//! command line said.
//!
//! It must never answer yes by itself, and never keep a payment waiting where nobody can answer.

use super::amount;
use super::screen::tell;
use payhal_protocol::progress::{Prompt, PromptKind, RespondParams};
use std::io::{BufRead, IsTerminal};
use tokio::sync::mpsc;

/// What can be put to a person.
const AT_TERMINAL: [PromptKind; 8] = [
    PromptKind::ConfirmPartial,
    PromptKind::ConfirmSignature,
    PromptKind::ConfirmSurcharge,
    PromptKind::ConfirmCurrency,
    PromptKind::SetAmount,
    PromptKind::ChooseApplication,
    PromptKind::VoiceApproval,
    PromptKind::EnterText,
];

/// Who answers.
#[derive(Debug)]
pub(super) struct Desk {
    accept_partial: bool,
    /// Whether a person is there.
    attended: bool,
    /// Lines that are typed, from the first question on.
    lines: Option<mpsc::UnboundedReceiver<String>>,
    /// The question that waits for a person.
    open: Option<Prompt>,
}

impl Desk {
    /// With `--json` a program reads along, and nobody is asked.
    pub(super) fn new(accept_partial: bool, json: bool) -> Self {
        Self {
            accept_partial,
            attended: !json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            lines: None,
            open: None,
        }
    }

    /// The kinds to declare: of all others the host takes the default at once.
    pub(super) fn kinds(&self) -> Vec<String> {
        let by_flag = [PromptKind::ConfirmPartial];
        let kinds: &[PromptKind] = match (self.attended, self.accept_partial) {
            (true, _) => &AT_TERMINAL,
            (false, true) => &by_flag,
            (false, false) => &[],
        };
        kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
    }

    /// A question came. Answered at once where the command line did, else put to the person.
    pub(super) fn ask(&mut self, prompt: Prompt) -> Option<RespondParams> {
        if prompt.kind == PromptKind::ConfirmPartial && self.accept_partial {
            return Some(yes_or_no(&prompt, true));
        }
        if self.attended {
            tell(&question(&prompt));
            self.lines.get_or_insert_with(typed);
            self.open = Some(prompt);
        }
        None
    }

    /// The next answer of the person. Never ends while nothing is asked.
    pub(super) async fn answer(&mut self) -> RespondParams {
        loop {
            let (Some(prompt), Some(lines)) = (&self.open, &mut self.lines) else {
                return std::future::pending().await;
            };
            let Some(line) = lines.recv().await else {
                // Nothing can be typed any more: the host takes the default.
                self.open = None;
                continue;
            };
            match understood(prompt, line.trim()) {
                Some(answer) => {
                    self.open = None;
                    return answer;
                }
                None => tell(&question(prompt)),
            }
        }
    }
}

/// What is typed, line by line. The thread ends with the process: nothing waits for it.
fn typed() -> mpsc::UnboundedReceiver<String> {
    let (send, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The question and how it is answered.
fn question(prompt: &Prompt) -> String {
    let amount = prompt.amount.as_ref().map(amount::show);
    let untold = amount.filter(|amount| !prompt.text.contains(amount));
    let amount = untold.map_or_else(String::new, |amount| format!(" ({amount})"));
    let mut lines = vec![format!("{}{amount}", prompt.text)];
    let numbered = prompt.options.iter().enumerate();
    lines.extend(numbered.map(|(place, option)| format!("  {}  {}", place + 1, option.label)));
    lines.push(match prompt.kind {
        PromptKind::ChooseApplication => "Its number, then Enter:".to_owned(),
        PromptKind::VoiceApproval => {
            "The code, or nothing if there is none, then Enter:".to_owned()
        }
        PromptKind::SetAmount => "The amount, or nothing if there is none, then Enter:".to_owned(),
        PromptKind::EnterText => "Then Enter:".to_owned(),
        _ => "y or n, then Enter:".to_owned(),
    });
    lines.join("\n")
}

/// What a line says to a question, if it says anything.
fn understood(prompt: &Prompt, line: &str) -> Option<RespondParams> {
    match prompt.kind {
        PromptKind::ChooseApplication => {
            let place: usize = line.parse().ok()?;
            let option = prompt.options.get(place.checked_sub(1)?)?;
            Some(RespondParams {
                choice: Some(option.id.clone()),
                ..nothing(prompt)
            })
        }
        PromptKind::VoiceApproval | PromptKind::SetAmount if line.is_empty() => {
            Some(yes_or_no(prompt, false))
        }
        PromptKind::SetAmount => {
            let currency = &prompt.amount.as_ref()?.currency;
            let amount = amount::parse(line, currency).ok()?;
            Some(RespondParams::amount(prompt.prompt_id.clone(), amount))
        }
        PromptKind::VoiceApproval | PromptKind::EnterText => Some(RespondParams {
            text: Some(line.to_owned()),
            ..nothing(prompt)
        }),
        _ => match line.to_ascii_lowercase().as_str() {
            "y" | "yes" => Some(yes_or_no(prompt, true)),
            "n" | "no" => Some(yes_or_no(prompt, false)),
            _ => None,
        },
    }
}

fn yes_or_no(prompt: &Prompt, accepted: bool) -> RespondParams {
    RespondParams {
        accepted: Some(accepted),
        ..nothing(prompt)
    }
}

fn nothing(prompt: &Prompt) -> RespondParams {
    RespondParams::to(prompt.prompt_id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(kind: &str) -> Prompt {
        let text = format!(
            r#"{{"prompt_id":"p","transaction_id":"t","idempotency_key":"k","kind":"{kind}",
                "text":"Well?","options":[{{"id":"a","label":"CREDIT"}},{{"id":"b","label":"DEBIT"}}],
                "amount":{{"minor":625,"currency":"EUR"}},
                "expires_at":"2026-11-21T12:00:00Z","default":"reverse"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn desk(accept_partial: bool, attended: bool) -> Desk {
        Desk {
            accept_partial,
            attended,
            lines: None,
            open: None,
        }
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        let asked = prompt("confirm_partial");
        let accepted = |line: &str| understood(&asked, line).map(|answer| answer.accepted);
        assert_eq!(accepted("y"), Some(Some(true)));
        assert_eq!(accepted("NO"), Some(Some(false)));
        for line in ["", "1", "yy", "maybe"] {
            assert_eq!(accepted(line), None, "{line}");
        }
    }

    #[test]
    fn an_application_goes_by_its_number() {
        let asked = prompt("choose_application");
        let choice = |line: &str| understood(&asked, line).and_then(|answer| answer.choice);
        assert_eq!(choice("2").as_deref(), Some("b"));
        for line in ["0", "3", "", "DEBIT", "-1"] {
            assert_eq!(choice(line), None, "{line}");
        }
    }

    #[test]
    fn no_code_is_a_no() {
        let asked = prompt("voice_approval");
        assert_eq!(understood(&asked, "").unwrap().accepted, Some(false));
        let answer = understood(&asked, "A1B2C3").unwrap();
        assert_eq!(
            (answer.accepted, answer.text.as_deref()),
            (None, Some("A1B2C3"))
        );
    }

    #[test]
    fn an_amount_is_of_the_currency_of_the_estimate() {
        let asked = prompt("set_amount");
        let amount = |line: &str| understood(&asked, line).and_then(|answer| answer.amount);
        assert_eq!(
            amount("23.40"),
            Some(payhal_protocol::Amount::new(2340, "EUR"))
        );
        for line in ["y", "-1", "23.405"] {
            assert_eq!(understood(&asked, line), None, "{line}");
        }
        assert_eq!(understood(&asked, "").unwrap().accepted, Some(false));
    }

    #[test]
    fn a_question_shows_the_amount_and_what_can_be_chosen() {
        let shown = question(&prompt("choose_application"));
        assert!(
            shown.contains("Well? (6.25 EUR)\n  1  CREDIT\n  2  DEBIT\n"),
            "{shown}"
        );
        let mut told = prompt("confirm_partial");
        told.text = "Approved: 6.25 EUR of 12.50 EUR. Is that enough?".to_owned();
        let shown = question(&told);
        assert_eq!(shown.matches("6.25").count(), 1, "{shown}");
    }

    #[test]
    fn where_nobody_sits_only_what_a_flag_answers_is_declared() {
        assert!(desk(false, false).kinds().is_empty());
        assert_eq!(desk(true, false).kinds(), ["confirm_partial"]);
        assert_eq!(desk(false, true).kinds().len(), AT_TERMINAL.len());
        assert_eq!(desk(false, false).ask(prompt("confirm_partial")), None);
        let answer = desk(true, false).ask(prompt("confirm_partial")).unwrap();
        assert_eq!(answer.accepted, Some(true));
        assert_eq!(desk(true, false).ask(prompt("confirm_signature")), None);
    }
}
