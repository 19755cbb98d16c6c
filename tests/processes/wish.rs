// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register wants done under one key, and how it behaves meanwhile.
//!
//! Knows every call that moves money. It sends nothing by itself.

use crate::register::sale;
use payhal_client::protocol::Amount;
use payhal_client::protocol::batch::CloseParams;
use payhal_client::protocol::payment::{
    AdjustParams, AuthorizeParams, BalanceParams, CaptureParams, CardToken, CashAdvanceParams,
    Free, RefundParams, SaleParams, UndoParams, VerifyParams, VoidParams,
};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::token::{DeleteTokenParams, RegisterTokenParams};
use payhal_client::{Client, Payment};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// A card that was never shown because its reader died ends nothing by itself.
const CARD_WAIT_MS: u64 = 5_000;

/// What a card is presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sale,
    /// A sale whose amount follows the card.
    Later,
    Authorize,
    CashAdvance,
    Verify,
    Balance,
    /// To be kept, and nothing else.
    Keep,
}

/// What is done with a card that the register keeps, with nobody there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Sale,
    Refund,
    Delete,
}

/// What is done to a transaction of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Capture,
    Adjust,
    Refund,
    Void,
    Undo,
}

/// What a register wants done.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A card on a device.
    Card {
        purpose: Purpose,
        minor: i64,
        device: String,
        /// The host's choice where none is named.
        gateway: Option<&'static str>,
        /// How which card is shown; nothing where the device has one by itself.
        shown: Option<(&'static str, &'static str)>,
    },
    /// A transaction changed. A void and an undo are for all of it.
    Change {
        change: Change,
        of: String,
        minor: i64,
    },
    /// Something with a kept card.
    Kept {
        kept: Kept,
        reference: String,
        minor: i64,
    },
    /// The batch of a terminal or a gateway closed.
    Close {
        device: Option<&'static str>,
        gateway: Option<&'static str>,
    },
}

impl What {
    /// A plain sale on a reader, with this card held to it or put into it.
    pub(crate) fn sale(minor: i64, reader: &str, how: &'static str, card: &'static str) -> Self {
        Self::Card {
            purpose: Purpose::Sale,
            minor,
            device: reader.to_owned(),
            gateway: None,
            shown: Some((how, card)),
        }
    }

    /// Something with a kept card. Its deletion is of no amount.
    pub(crate) fn kept(kept: Kept, reference: &str, minor: i64) -> Self {
        Self::Kept {
            kept,
            reference: reference.to_owned(),
            minor,
        }
    }

    /// A change of this transaction.
    pub(crate) fn change(change: Change, of: &str, minor: i64) -> Self {
        Self::Change {
            change,
            of: of.to_owned(),
            minor,
        }
    }
}

/// One wish under one key, and how its register behaves.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) key: String,
    pub(crate) what: What,
    /// The cashier cancels at this stage.
    pub(crate) cancel_at: Option<Stage>,
    /// The customer waits for this before showing the card.
    pub(crate) card_after: Option<Arc<Notify>>,
    /// The first connection is dropped after so long, and the same key asked on another.
    pub(crate) impatient_after: Option<Duration>,
    /// What the cashier says when only a part was approved.
    pub(crate) takes_a_part: bool,
    /// A sale or a hold says who buys: the gateway is to be told.
    pub(crate) ordered: bool,
    /// A sale may be accepted while its gateway is away.
    pub(crate) offline: bool,
    /// The card of a sale lies on a reader that watches, before anything is asked for.
    pub(crate) watched: bool,
    /// What the customer says to an offer of the card's own currency, where there may be one.
    pub(crate) own_currency: Option<bool>,
    /// The register keeps the card under this reference.
    pub(crate) keep_as: Option<String>,
}

impl Wish {
    pub(crate) fn new(key: impl Into<String>, what: What) -> Self {
        Self {
            key: key.into(),
            what,
            cancel_at: None,
            card_after: None,
            impatient_after: None,
            takes_a_part: false,
            ordered: false,
            offline: false,
            watched: false,
            own_currency: None,
            keep_as: None,
        }
    }

    /// Sends the call, with the card that was presented before it.
    pub(crate) fn begin(&self, client: &Client, presentation: Option<&str>) -> Payment {
        let key = self.key.as_str();
        match &self.what {
            What::Card {
                purpose,
                minor,
                device,
                gateway,
                ..
            } => {
                let place = (device.as_str(), *gateway, presentation);
                self.present(client, *purpose, *minor, place)
            }
            What::Kept {
                kept,
                reference,
                minor,
            } => self.with_kept(client, *kept, reference, *minor),
            What::Change { change, of, minor } => {
                let amount = Amount::new(*minor, "EUR");
                let of = of.as_str();
                match change {
                    Change::Capture => client.capture(&CaptureParams::of(key, of, amount)),
                    Change::Adjust => client.adjust(&AdjustParams::of(key, of, amount)),
                    Change::Refund => client.refund(&RefundParams::of(key, of, amount)),
                    Change::Void => client.void(&VoidParams::of(key, of)),
                    Change::Undo => client.undo(&UndoParams::of(key, of)),
                }
            }
            What::Close { device, gateway } => {
                let mut params = CloseParams::new(key);
                params.device = device.map(Into::into);
                params.gateway = gateway.map(Into::into);
                client.close_batch(&params)
            }
        }
    }

    fn present(
        &self,
        client: &Client,
        purpose: Purpose,
        minor: i64,
        (device, gateway, presentation): (&str, Option<&str>, Option<&str>),
    ) -> Payment {
        let key = self.key.as_str();
        let amount = Amount::new(minor, "EUR");
        macro_rules! call {
            ($method:ident, $params:expr $(, $customer:expr)?) => {{
                let mut params = $params;
                params.device = Some(device.into());
                params.gateway = gateway.map(Into::into);
                params.timeout_ms = Some(CARD_WAIT_MS);
                $(params.customer = $customer;)?
                client.$method(&params)
            }};
        }
        match purpose {
            Purpose::Sale => {
                let mut sale = sale(key, minor, device);
                sale.allow_offline = self.offline;
                call!(sale, self.on_terms(sale, presentation), self.customer())
            }
            Purpose::Later => {
                let estimated = SaleParams::estimated(key, Amount::new(minor + 300, "EUR"));
                let estimated = self.on_terms(estimated, presentation);
                call!(sale, estimated, self.customer())
            }
            Purpose::Authorize => {
                call!(
                    authorize,
                    AuthorizeParams::new(key, amount),
                    self.customer()
                )
            }
            Purpose::CashAdvance => call!(cash_advance, CashAdvanceParams::new(key, amount)),
            Purpose::Verify => call!(verify, VerifyParams::new(key)),
            Purpose::Balance => call!(balance, BalanceParams::new(key)),
            Purpose::Keep => {
                let reference = self.keep_as.as_deref().unwrap_or(key);
                call!(register_token, RegisterTokenParams::new(key, reference))
            }
        }
    }

    fn on_terms(&self, mut sale: SaleParams, presentation: Option<&str>) -> SaleParams {
        sale.keep_as.clone_from(&self.keep_as);
        sale.presentation_id = presentation.map(str::to_owned);
        sale
    }

    fn with_kept(&self, client: &Client, kept: Kept, reference: &str, minor: i64) -> Payment {
        let key = self.key.as_str();
        let amount = Amount::new(minor, "EUR");
        let card = Some(CardToken::referred(reference));
        match kept {
            Kept::Sale => client.sale(&SaleParams {
                card,
                customer: self.customer(),
                ..SaleParams::new(key, amount)
            }),
            Kept::Refund => client.refund(&RefundParams {
                card,
                ..RefundParams::new(key, amount)
            }),
            Kept::Delete => client.delete_token(&DeleteTokenParams::of(key, reference)),
        }
    }

    /// Who buys, where that is said.
    fn customer(&self) -> Free {
        let customer = self
            .ordered
            .then(|| json!({ "number": self.key }).to_string());
        customer.map_or_else(Free::default, |text| Free::from_text(text).unwrap())
    }
}
