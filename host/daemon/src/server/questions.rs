// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions as requests of the host: for clients that said they answer requests, each
//! `payment.prompt` goes out once more as `pos.` and its kind, and the client's result counts as
//! its `payment.respond`. Whichever comes first counts.

use super::limits::QUESTIONS_MAX;
use super::session::{Session, Taken};
use super::{calls, card_numbers};
use payhal_protocol::params::decode;
use payhal_protocol::progress::{PROMPT, Prompt, RespondParams};
use payhal_protocol::rpc::{self, Id};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;

/// The requests of one connection that wait for the client.
#[derive(Debug, Default)]
pub(super) struct Questions {
    answers_requests: bool,
    last: i64,
    /// Request id and prompt id, oldest first.
    open: VecDeque<(Id, String)>,
}

impl Questions {
    /// What the client said in its hello.
    pub(super) fn answered(&mut self, answers_requests: bool) {
        self.answers_requests = answers_requests;
    }

    /// The messages that put a question.
    pub(super) fn put(&mut self, prompt: &Prompt) -> Vec<String> {
        let mut messages = vec![rpc::notification_text(PROMPT, prompt)];
        if self.answers_requests {
            self.last += 1;
            let id = Id::from(self.last);
            let method = format!("pos.{}", prompt.kind.as_str());
            messages.push(rpc::call_text(&id, &method, prompt));
            if self.open.len() == QUESTIONS_MAX {
                // The oldest has had its default long ago.
                self.open.pop_front();
            }
            self.open.push_back((id, prompt.prompt_id.to_string()));
        }
        messages
    }

    fn take(&mut self, id: &Id) -> Option<String> {
        let place = self.open.iter().position(|(open, _)| open == id)?;
        self.open.remove(place).map(|(_, prompt)| prompt)
    }
}

/// The client's answer to a request of ours. An error of its own is no answer: the question keeps
/// its default.
pub(super) fn answered(session: &Arc<Session>, id: &Id, result: Option<&RawValue>) -> Taken {
    let Some(prompt) = session.questions().take(id) else {
        return Taken::Silent;
    };
    // A card number typed where a question was is no answer either.
    let result = result.filter(|result| card_numbers::refuse(Some(result)).is_ok());
    let Some(params) = result.and_then(|result| response(prompt, result)) else {
        return Taken::Silent;
    };
    let session = Arc::clone(session);
    Taken::Running(vec![Box::pin(async move {
        // The client asked nothing, so nothing is answered; the payment tells what came of it.
        calls::respond(session, params).await.ok();
    })])
}

/// A result as the params of `payment.respond`.
fn response(prompt: String, result: &RawValue) -> Option<RespondParams> {
    let mut fields: Map<String, Value> = serde_json::from_str(result.get()).ok()?;
    fields.insert("prompt_id".to_owned(), Value::String(prompt));
    let params = serde_json::value::to_raw_value(&fields).ok()?;
    decode(Some(&params)).ok()
}
