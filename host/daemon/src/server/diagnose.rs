// SPDX-License-Identifier: MIT OR Apache-2.0
//! The diagnosis of a running host: what can be seen from outside, and what only it knows.

use super::convert::rfc3339;
use super::session::Session;
use crate::access::Mode;
use crate::doctor::{self, Inside};
use payhal_protocol::diagnose::{DiagnoseParams, DiagnoseResult};
use payhal_protocol::error::{ErrorName, ErrorObject};
use std::sync::Arc;
use tokio::sync::Mutex;

/// It reads files and flushes the disk: one at a time is enough.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

pub(super) async fn diagnose(
    session: Arc<Session>,
    DiagnoseParams {}: DiagnoseParams,
) -> Result<DiagnoseResult, ErrorObject> {
    let _alone = ONE_AT_A_TIME.lock().await;
    let supervisor = &session.shared.supervisor;
    let mut views = supervisor.devices();
    views.extend(supervisor.gateways());
    let quarantined = session.quarantined().await;
    let inside = Inside {
        views,
        quarantined: quarantined.iter().map(|id| id.0.to_string()).collect(),
        open: session.gate().mode() == Mode::Open,
    };
    let scene = session.shared.scene.clone().now();
    let at = rfc3339(scene.now_micros);
    let looked = tokio::task::spawn_blocking(move || {
        let mut all = doctor::outside(&scene, true);
        all.extend(doctor::inside(&scene, &inside));
        all
    });
    // Defects are not to end the host: whoever looks is told that it could not be done.
    let findings = looked
        .await
        .map_err(|_| ErrorObject::named(ErrorName::InternalError))?;
    Ok(DiagnoseResult { at, findings })
}
