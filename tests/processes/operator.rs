// SPDX-License-Identifier: MIT OR Apache-2.0
//! The person who settles what nobody else can: looks into the books of terminals and gateways and
//! says to the host what stands there.
//!
//! It never says what the books do not.

use crate::host::soon;
use crate::keeper::Place;
use crate::reconcile::Settled;
use crate::shop::{booked, waits_for_a_person};
use crate::till::{PAUSE, Stages, Till};
use payhal_client::protocol::payment::{ResolveParams, ResolvedOutcome};
use payhal_client::protocol::transaction::{ListParams, TransactionView};
use payhal_client::{CallError, Client};
use std::path::{Path, PathBuf};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A person at work.
#[derive(Debug)]
pub(crate) struct Operator {
    leaving: watch::Sender<bool>,
    task: JoinHandle<Vec<Settled>>,
}

impl Operator {
    /// Begins to look after what waits for a person.
    pub(crate) fn begin(place: Place, folder: &Path) -> Self {
        let (leaving, left) = watch::channel(false);
        let folder = folder.to_owned();
        Self {
            leaving,
            task: tokio::spawn(work(place, folder, left)),
        }
    }

    /// What was settled until now; nothing more is.
    pub(crate) async fn leave(self) -> Vec<Settled> {
        self.leaving.send_replace(true);
        let settled = soon("the operator's last word", self.task).await;
        settled.expect("an operator works to the end")
    }
}

async fn work(place: Place, folder: PathBuf, left: watch::Receiver<bool>) -> Vec<Settled> {
    let mut person = Till::new("operator", place, true, Stages::default());
    let mut settled: Vec<Settled> = Vec::new();
    while !*left.borrow() {
        let client = person.client().await;
        match round(&client, &folder, &mut settled).await {
            Ok(()) | Err(CallError::Rpc(_)) => {}
            Err(_) => person.hang_up(),
        }
        sleep(PAUSE).await;
    }
    settled
}

/// Settles everything that waits.
async fn round(
    client: &Client,
    folder: &Path,
    settled: &mut Vec<Settled>,
) -> Result<(), CallError> {
    let open = ListParams {
        open: Some(true),
        limit: Some(100),
        ..ListParams::default()
    };
    let listed = client.request(&open).await?.transactions;
    for view in listed.iter().filter(|view| waits_for_a_person(view)) {
        let said = settle(client, folder, view).await?;
        settled.retain(|earlier| earlier.transaction != said.transaction);
        settled.push(said);
    }
    Ok(())
}

async fn settle(
    client: &Client,
    folder: &Path,
    view: &TransactionView,
) -> Result<Settled, CallError> {
    let transaction = view.transaction_id.as_str();
    let lines = booked(folder);
    let stands = lines
        .iter()
        .any(|line| line.transaction == transaction && line.was_approved());
    let (outcome, word) = if stands {
        (ResolvedOutcome::Approved, "approved")
    } else {
        (ResolvedOutcome::Failed, "failed")
    };
    let params = ResolveParams {
        transaction_id: view.transaction_id.clone(),
        outcome,
        evidence: "the ledger of the test".to_owned(),
        operator: "operator".to_owned(),
    };
    client.request(&params).await?;
    Ok(Settled {
        transaction: transaction.to_owned(),
        outcome: word,
    })
}
