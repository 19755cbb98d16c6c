// SPDX-License-Identifier: MIT OR Apache-2.0
//! `POST /operator/session`: the console trades its code for a session.
//!
//! It answers the console's own origin only, and keeps nothing that it gives out.

use super::Shared;
use super::arrival::{Arrival, Channel};
use crate::access::{OPERATOR, Opened};
use crate::audit::{Action, Actor, Audit};
use crate::clock::Moment;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use payhal_protocol::access::OperatorSessionRequest;
use payhal_protocol::params::Validate;
use serde_json::json;
use std::sync::Arc;

/// The cookie's name.
const COOKIE: &str = "payhal_operator";
/// Cookies of this name that are looked at: another port of this address may have set one too.
const COOKIES_MAX: usize = 4;

/// The values of our cookie that a request carries.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
        .take(COOKIES_MAX)
        .collect()
}

/// `POST /operator/session`.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    let own = origin.is_some_and(|origin| arrival.names.origins.iter().any(|own| own == origin));
    if !own {
        let text = "only the console itself may open a session";
        return refused(StatusCode::FORBIDDEN, "ORIGIN_REFUSED", text);
    }
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|mime| mime.split(';').next().is_some_and(is_json_type));
    let request: Option<OperatorSessionRequest> = serde_json::from_slice(&body).ok();
    let request = request.filter(|request| is_json && request.validate().is_ok());
    let Some(request) = request else {
        let text = "the body must be JSON: {\"code\": \"…\"}";
        return refused(StatusCode::BAD_REQUEST, "INVALID_PARAMS", text);
    };
    let opened = match shared
        .presences
        .gate
        .open_console(&request.code, Moment::now())
    {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            let text = "this code was used, or is too old: `payhal console` gives another one";
            return refused(StatusCode::FORBIDDEN, "CODE_INVALID", text);
        }
        Err(wait_ms) => {
            let text = format!(
                "too many wrong codes; try again in {} seconds",
                wait_ms.div_ceil(1_000)
            );
            return refused(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", &text);
        }
    };
    let text = "the console was opened with a code of the operator's";
    let audit = Audit::new(&Actor::Console, Action::OperatorSession, None, text);
    if let Err(why) = shared.journal.audit(audit).await {
        shared.presences.gate.end_console(opened.number);
        return refused(StatusCode::SERVICE_UNAVAILABLE, "JOURNAL_UNAVAILABLE", &why);
    }
    if let Some(former) = opened.ended {
        shared.presences.end_console(former);
    }
    given(&shared, &arrival.channel, &opened)
}

fn is_json_type(mime: &str) -> bool {
    mime.trim().eq_ignore_ascii_case("application/json")
}

fn given(shared: &Shared, channel: &Channel, opened: &Opened) -> Response {
    let secure = match channel {
        Channel::Plain => "",
        Channel::Tls { .. } => "; Secure",
    };
    let cookie = format!(
        "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/{secure}",
        opened.cookie
    );
    let body = json!({
        "register_id": OPERATOR,
        "secret": opened.secret.to_base64().as_str(),
        "host_id": shared.identity.id,
    });
    let mut headers = HeaderMap::new();
    let cookie = HeaderValue::from_str(&cookie).expect("a cookie of ours is plain text");
    headers.insert(header::SET_COOKIE, cookie);
    headers.extend([
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    (headers, body.to_string()).into_response()
}

fn refused(status: StatusCode, name: &str, text: &str) -> Response {
    let body = json!({ "error": name, "message": text });
    let mime = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    (status, mime, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let line = "a=1; payhal_operator=first; payhal_operator_x=no";
        headers.append(header::COOKIE, HeaderValue::from_static(line));
        let more = "payhal_operator=second;b=2";
        headers.append(header::COOKIE, HeaderValue::from_static(more));
        assert_eq!(cookies(&headers), ["first", "second"]);
        assert!(cookies(&HeaderMap::new()).is_empty());
    }
}
