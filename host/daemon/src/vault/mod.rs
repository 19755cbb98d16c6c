// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where sealed card numbers wait that a reversal may need, and sealed reads that are forwarded
//! later: durable before the record of their transaction that tells of them, destroyed when nobody
//! can need them any more.
//!
//! Each comes here sealed by its reader to the gateway, and this host cannot open it. It is
//! encrypted once more, under a key of its own, because a ciphertext that was in a file may be in
//! every copy of it: snapshots, backups of the machine, blocks that the disk moved. Destroying the
//! key, which is in none of the journal's backups, ends the record in all of them. So the host's
//! memory holds one only on its way in and on its way out.
//!
//! One thread does everything, in the order in which it was asked. It must never say that one
//! is kept before it is on disk, and never decide which one is still needed: the engine says so,
//! and the journal at start.

mod store;

use payhal_engine::ids::{Kept, TransactionId};
use payhal_failpoint::failpoint;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use store::{Load, Store};
use tokio::sync::oneshot;

pub(crate) use store::count;

/// What is kept, and for which transaction.
pub(crate) type Whose = (TransactionId, Kept);

/// Why a record could not be brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unloaded {
    /// It is gone for good.
    Lost(String),
    /// Not now.
    Failed(String),
}

enum Order {
    Keep(Whose, Vec<u8>),
    Destroy(Whose),
    Load(Whose, oneshot::Sender<Result<Vec<u8>, Load>>),
    Only(BTreeSet<Whose>),
    End,
}

/// The vault, shared by whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    orders: Sender<Order>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Vault {
    /// Opens the vault in this folder, or makes it. `tell` says of each record that it is kept, or
    /// why it is not; it must not block.
    pub(crate) fn open(
        folder: &Path,
        tell: impl Fn(Whose, Option<Arc<str>>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let store = Store::open(folder)?;
        let (orders, asked) = channel();
        let thread = std::thread::Builder::new()
            .name("vault".to_owned())
            .spawn(move || serve(store, &asked, &tell))?;
        Ok(Self {
            orders,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Destroys what belongs to no transaction that is still open.
    pub(crate) fn keep_only(&self, open: BTreeSet<Whose>) {
        self.order(Order::Only(open));
    }

    /// Keeps one; `tell` follows.
    pub(crate) fn keep(&self, kept: Whose, sealed: Vec<u8>) {
        self.order(Order::Keep(kept, sealed));
    }

    /// Destroys one, whether or not it is there.
    pub(crate) fn destroy(&self, kept: Whose) {
        self.order(Order::Destroy(kept));
    }

    /// Brings one; it stays.
    pub(crate) async fn load(&self, kept: Whose) -> Result<Vec<u8>, Unloaded> {
        let (reply, loaded) = oneshot::channel();
        self.order(Order::Load(kept, reply));
        match loaded.await {
            Ok(Ok(sealed)) => Ok(sealed),
            Ok(Err(Load::Lost(what))) => Err(Unloaded::Lost(what.to_owned())),
            Ok(Err(Load::Failed(error))) => Err(Unloaded::Failed(error.to_string())),
            Err(_) => Err(Unloaded::Failed("the host is stopping".to_owned())),
        }
    }

    /// Does what was asked for, and ends.
    pub(crate) fn close(&self) {
        self.order(Order::End);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A thread that panicked has told nobody that anything is kept.
            thread.join().ok();
        }
    }

    fn order(&self, order: Order) {
        // It ends only when the host does: whoever waits hears nothing more.
        self.orders.send(order).ok();
    }
}

fn serve(mut store: Store, asked: &Receiver<Order>, tell: &dyn Fn(Whose, Option<Arc<str>>)) {
    while let Ok(order) = asked.recv() {
        match order {
            Order::Keep(kept, sealed) => {
                failpoint!("vault.keep.before");
                let refused = store.keep(kept, &sealed).err();
                failpoint!("vault.keep.after");
                if let Some(error) = &refused {
                    tracing::error!("what is sealed cannot be kept: {error}");
                }
                tell(kept, refused.map(|error| error.to_string().into()));
            }
            Order::Destroy(kept) => {
                failpoint!("vault.destroy.before");
                destroy(&mut store, kept);
                failpoint!("vault.destroy.after");
            }
            Order::Load(kept, reply) => {
                // Whoever asked may be gone.
                reply.send(store.load(kept)).ok();
            }
            Order::Only(open) => {
                for kept in store.others(&open) {
                    destroy(&mut store, kept);
                }
            }
            Order::End => return,
        }
    }
}

/// What cannot be destroyed now is tried again at the next start.
fn destroy(store: &mut Store, kept: Whose) {
    if let Err(error) = store.destroy(kept) {
        tracing::error!(transaction = %kept.0, "what is sealed cannot be destroyed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> Whose {
        (TransactionId(Uuid::from_u128(number)), Kept::Number)
    }

    #[tokio::test]
    async fn what_is_asked_is_done_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (told, tells) = channel();
        let vault = Vault::open(folder.path(), move |id, refused| {
            told.send((id, refused)).unwrap();
        })
        .unwrap();
        vault.keep(id(1), b"one".to_vec());
        vault.keep(id(2), b"two".to_vec());
        assert_eq!(vault.load(id(1)).await.unwrap(), b"one");
        vault.keep_only([id(2)].into());
        assert!(matches!(vault.load(id(1)).await, Err(Unloaded::Lost(_))));
        assert_eq!(vault.load(id(2)).await.unwrap(), b"two");
        vault.destroy(id(2));
        vault.close();
        assert_eq!(count(folder.path(), Kept::Number).unwrap(), 0);
        assert_eq!(
            tells.iter().collect::<Vec<_>>(),
            [(id(1), None), (id(2), None)]
        );
        // Nobody answers any more.
        assert!(matches!(vault.load(id(2)).await, Err(Unloaded::Failed(_))));
    }
}
