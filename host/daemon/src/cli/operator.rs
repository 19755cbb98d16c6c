// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operator's own door to a running host: its Unix socket, and nothing else.
//!
//! Whoever may open the socket is the operator. It must never fall back to an address that others
//! could have taken.

use super::args::PlaceArgs;
use super::connect::state_folder;
use super::exit::{Exit, Failure, START_ADVICE};
use payhal_client::{Client, Config, ConnectError, Endpoint};
use payhal_protocol::Amount;
use payhal_protocol::registers::Limits;
use payhal_protocol::session::Permission;

/// Connects to the host of this state folder.
pub(super) async fn connect(place: &PlaceArgs) -> Result<Client, Failure> {
    let socket = state_folder(place)?.join("payhal.sock");
    let config = Config::new("payhal-cli", env!("CARGO_PKG_VERSION")).register("operator");
    match Client::connect_with(Endpoint::Unix(socket.clone()), config).await {
        Ok(client) => Ok(client),
        Err(ConnectError::Unreachable(source)) => {
            let text = format!("no host answers at {}: {source}", socket.display());
            Err(Failure::new(Exit::NotRunning, text).advise(START_ADVICE))
        }
        Err(error) => Err(error.into()),
    }
}

/// Permissions as they are written, or that there is none.
pub(super) fn permissions(list: &[Permission]) -> String {
    if list.is_empty() {
        return "plain payments".to_owned();
    }
    let words: Vec<_> = list.iter().map(|one| one.as_str()).collect();
    words.join(", ")
}

/// Limits in words, one a line; empty where there is none.
pub(super) fn limits(limits: &Limits) -> Vec<String> {
    let lists = [
        ("sale", &limits.sale_max),
        ("refund", &limits.refund_max),
        ("refund without a sale", &limits.refund_unreferenced_max),
        ("voice approval", &limits.voice_approval_max),
        ("resolve", &limits.resolve_max),
    ];
    let set = lists
        .into_iter()
        .filter_map(|(name, list)| Some((name, list.as_ref()?)));
    set.map(|(name, list)| format!("{name} up to {}", amounts(list)))
        .collect()
}

fn amounts(list: &[Amount]) -> String {
    if list.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<_> = list.iter().map(crate::amount::show).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_register_may_is_said_in_words() {
        assert_eq!(permissions(&[]), "plain payments");
        let some = [Permission::Others, Permission::Resolve];
        assert_eq!(permissions(&some), "others, resolve");
        let set = Limits {
            sale_max: Some(vec![Amount::new(10_000, "EUR"), Amount::new(500, "JPY")]),
            refund_max: Some(Vec::new()),
            ..Limits::default()
        };
        assert_eq!(
            limits(&set),
            ["sale up to 100.00 EUR, 500 JPY", "refund up to nothing"]
        );
        assert!(limits(&Limits::default()).is_empty());
    }
}
