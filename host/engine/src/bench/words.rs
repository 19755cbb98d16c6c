// SPDX-License-Identifier: MIT OR Apache-2.0
//! What effects are called in the table of states.

use super::*;

/// Effects as the table writes them: what happens at once, then what waits for the record.
/// Steps on the way, notifications and alarms are left out.
pub(crate) fn told(effects: &[Effect], durable_before: Position) -> String {
    let mut at_once = Vec::new();
    let mut after = Vec::new();
    for effect in effects {
        let Some(words) = words(&effect.action) else {
            continue;
        };
        if effect.after > durable_before {
            &mut after
        } else {
            &mut at_once
        }
        .push(words);
    }
    match (at_once.is_empty(), after.is_empty()) {
        (true, true) => "nothing".into(),
        (_, true) => at_once.join(", "),
        (_, false) => format!("{}; once durable: {}", at_once.join(", "), after.join(", ")),
    }
}

fn words(action: &Action) -> Option<String> {
    Some(match action {
        Action::Append { record, lazy, .. } => {
            format!(
                "record {}{}",
                fact_words(&record.fact),
                if *lazy { " (lazy)" } else { "" }
            )
        }
        Action::CallDevice {
            device, command, ..
        } => format!("{}: {}", kind_words(device), command_words(command)),
        Action::CancelDevice { device, .. } => format!("{}: stop", kind_words(device)),
        Action::DeliverDevice { answer, .. } => format!("reader: {answer:?}"),
        Action::CallGateway { command, .. } => format!("gateway: {}", asked_words(command)),
        Action::Keep { part, .. } => format!("keep {}", part_words(*part)),
        Action::Destroy { part, .. } => format!("destroy {}", part_words(*part)),
        Action::Answer { answer, .. } => format!("answer {}", answer_words(answer)),
        Action::Recall { .. }
        | Action::Progress { .. }
        | Action::Prompt { .. }
        | Action::Tell { .. }
        | Action::Notify(_)
        | Action::SetTimer { .. }
        | Action::ClearTimer { .. } => return None,
    })
}

fn part_words(part: Kept) -> &'static str {
    match part {
        Kept::Number => "the number",
        Kept::Read => "the read",
    }
}

fn fact_words(fact: &Fact) -> String {
    match fact {
        Fact::Intent(_) => "intent".into(),
        Fact::Unsent { .. } => "unsent".into(),
        Fact::Answered(_) => "answered".into(),
        Fact::Ended(ending) => {
            let answer = match &ending.answer {
                FinalAnswer::Approved(approved) if approved.partial => "partly approved".into(),
                FinalAnswer::Approved(_) => "approved".into(),
                FinalAnswer::Refused(refused) => reason_words(&refused.reason),
            };
            match ending.reversal {
                Some(reason) => format!("ended {answer}, to be reversed ({reason:?})"),
                None if ending.stored.is_some() => format!("ended {answer}, to be forwarded"),
                None => format!("ended {answer}"),
            }
        }
        Fact::Reversed => "reversed".into(),
        Fact::NeedsOperator { .. } => "needs operator".into(),
        Fact::Reported { .. } => "reported".into(),
        Fact::Collected { .. } => "collected".into(),
        Fact::Signed { .. } => "signed".into(),
        Fact::Resolved(_) => "resolved".into(),
        Fact::Forwarding { .. } => "forwarding".into(),
        Fact::Forwarded { answer } => format!("forwarded {:?}", answer.decision),
        Fact::Withdrawn { .. } => "withdrawn".into(),
    }
}

fn reason_words(reason: &Reason) -> String {
    let name = format!("{reason:?}");
    name.split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Approved { replayed: true, .. } => "Approved again".into(),
        Answer::Approved { .. } => "Approved".into(),
        Answer::Refused { refused, replayed } => {
            let again = if *replayed { " again" } else { "" };
            let reversing = if refused.reversing { ", reversing" } else { "" };
            format!("{}{reversing}{again}", reason_words(&refused.reason))
        }
        Answer::Cancel(state) => format!("cancel: {state:?}"),
        Answer::Live(snapshots) => format!("{} live", snapshots.len()),
        Answer::Quarantined(terminals) => format!("{} quarantined", terminals.len()),
        Answer::Identified => "Identified".into(),
        Answer::ErrandDone(_) => "ErrandDone".into(),
        Answer::Responded => "Responded".into(),
        Answer::Totals(_) => "Totals".into(),
        Answer::Resolved => "Resolved".into(),
        Answer::Signed { .. } => "Signed".into(),
        Answer::SetAside => "SetAside".into(),
        Answer::Quoted(_) => "Quoted".into(),
        Answer::LeaseEnded => "LeaseEnded".into(),
        Answer::GivenBack => "GivenBack".into(),
        Answer::Rooms(rooms) => format!("{} rules", rooms.len()),
        Answer::Lent(leases) => format!("{} lent", leases.len()),
    }
}

fn kind_words(device: &DeviceId) -> &'static str {
    match TERMINALS.contains(&&*device.0) {
        true => "terminal",
        false => "reader",
    }
}

fn command_words(command: &DeviceCommand) -> &'static str {
    match command {
        DeviceCommand::Present { .. } => "present",
        DeviceCommand::AuthorizeCard { .. } => "authorize card",
        DeviceCommand::Complete {
            answer: IssuerAnswer::Approved { .. },
            ..
        } => "complete (approved)",
        DeviceCommand::Complete {
            answer: IssuerAnswer::Declined { .. },
            ..
        } => "complete (declined)",
        DeviceCommand::Complete { offline: true, .. } => "complete (offline)",
        DeviceCommand::Complete {
            answer: IssuerAnswer::NoAnswer,
            ..
        } => "complete (no answer)",
        DeviceCommand::ConfirmCurrency { .. } => "confirm currency",
        DeviceCommand::Show { .. } => "show",
        DeviceCommand::Errand { .. } => "errand",
        DeviceCommand::Pay { .. } => "pay",
        DeviceCommand::Inquire { .. } => "inquire",
        DeviceCommand::Reverse { .. } => "reverse",
        DeviceCommand::Reconcile { .. } => "reconcile",
    }
}

fn asked_words(command: &GatewayCommand) -> &'static str {
    match command {
        GatewayCommand::OfferCurrency { .. } => "offer currency",
        GatewayCommand::Prepare { .. } => "prepare",
        GatewayCommand::Authorize { .. } => "authorize",
        GatewayCommand::Modify { .. } => "modify",
        GatewayCommand::Inquire { .. } => "inquire",
        GatewayCommand::Reverse { .. } => "reverse",
        GatewayCommand::VoiceApproval { .. } => "voice approval",
        GatewayCommand::Reconcile { .. } => "reconcile",
        GatewayCommand::Report { .. } => "report",
        GatewayCommand::Forward { .. } => "forward",
        GatewayCommand::ForgetToken { .. } => "forget token",
    }
}
