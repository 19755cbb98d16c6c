// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that is plain HTTP: the console, health, metrics, schemas; and the checks that
//! every request passes first.

use super::Shared;
use super::access::{Refusal, Wanted};
use super::arrival::Arrival;
use super::metrics::Gauges;
use super::{sign_in, websocket};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use payhal_protocol::WEBSOCKET_PATH;
use rust_embed::RustEmbed;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/console"]
struct Console;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../sdk/client-js"]
#[include = "payhal.js"]
#[include = "payhal-*.js"]
#[exclude = "payhal-node.js"]
#[exclude = "payhal-files.js"]
struct ClientJs;

/// No inline script, no inline style, nothing from elsewhere; the WebSocket is our own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:* \
    wss://127.0.0.1:* wss://localhost:*; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// All routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    // A code and its braces.
    let small = DefaultBodyLimit::max(1024);
    Router::new()
        .route(WEBSOCKET_PATH, get(websocket::upgrade))
        .route("/operator/session", post(sign_in::open).layer(small))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/openrpc.json", get(|| json(payhal_protocol::OPENRPC)))
        .route("/asyncapi.json", get(|| json(payhal_protocol::ASYNCAPI)))
        .route("/schema/{name}", get(schema))
        .route("/", get(|| async { file("index.html") }))
        .route("/{*path}", get(page))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), check))
        .with_state(shared)
}

/// The Host and Origin rules, before anything else looks at a request.
async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match checked(&shared, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal),
    }
}

fn checked(shared: &Shared, request: &Request) -> Result<(), Refusal> {
    let values = |name| {
        request
            .headers()
            .get_all(name)
            .into_iter()
            .map(HeaderValue::as_bytes)
    };
    let Some(arrival) = request.extensions().get::<Arrival>() else {
        return Err(Refusal::Host);
    };
    // RFC 9112, 3.2.2: such a target overrules the Host header, and only a proxy is sent one.
    if request.uri().authority().is_some() {
        return Err(Refusal::Host);
    }
    let wanted = match request.uri().path() {
        WEBSOCKET_PATH => Wanted::Socket,
        "/health" => Wanted::Health,
        _ => Wanted::Rest,
    };
    let (hosts, origins) = (values(header::HOST), values(header::ORIGIN));
    shared.access.check(&arrival.names, wanted, hosts, origins)
}

fn refused(refusal: Refusal) -> Response {
    let name = match refusal {
        Refusal::Host => "HOST_REFUSED",
        Refusal::Origin => "ORIGIN_REFUSED",
    };
    let body = serde_json::json!({ "error": name, "message": refusal.sentence() });
    (
        StatusCode::FORBIDDEN,
        typed("application/json"),
        body.to_string(),
    )
        .into_response()
}

fn typed(mime: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ]
}

async fn json(document: &'static str) -> impl IntoResponse {
    (typed("application/json"), document)
}

/// Any page may ask this: browsers need it to ask for permission, and it tells nothing else.
async fn health(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let body = serde_json::json!({
        "product": "payhal",
        "version": shared.identity.version,
        "protocol": [1],
        "access": if shared.presences.is_open() { "open" } else { "paired" },
    });
    let anyone = [(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    )];
    (anyone, typed("application/json"), body.to_string())
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    use crate::supervisor::State as InstanceState;
    let devices = shared.supervisor.devices();
    let gateways = shared.supervisor.gateways();
    let gauges = Gauges {
        connections: shared.connections.load(Ordering::Relaxed),
        waiting: shared.registers.count(),
        syncs: shared.journal.syncs(),
        devices_ready: devices
            .iter()
            .filter(|view| view.state == InstanceState::Ready)
            .count(),
        runner_ends: devices.iter().chain(&gateways).map(|view| view.ends).sum(),
        offline_waiting: offline_waiting(&shared).await,
        offline_lost: shared.events.losses(),
    };
    (
        typed("text/plain; version=0.0.4"),
        shared.metrics.render(gauges),
    )
}

/// What still waits, as far as the journal can be read.
async fn offline_waiting(shared: &Shared) -> usize {
    let found = shared.journal.offline().await.unwrap_or_default();
    usize::try_from(found.waiting).unwrap_or(usize::MAX)
}

async fn schema(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "payhal-v1.json" => json(payhal_protocol::JSON_SCHEMA).await.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn page(Path(path): Path<String>) -> Response {
    file(&path)
}

fn file(path: &str) -> Response {
    let found = Console::get(path).or_else(|| ClientJs::get(path));
    let Some(found) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mime = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let mut headers = HeaderMap::from_iter(typed(mime));
    let policies = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // No page of another origin shows even a picture of ours.
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    headers.extend(policies.map(|(name, value)| (name, HeaderValue::from_static(value))));
    (headers, found.data).into_response()
}
