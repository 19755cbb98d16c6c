// SPDX-License-Identifier: MIT OR Apache-2.0
//! The methods of this version: one table for dispatch, documentation and schemas.
//!
//! Owns which method takes what, answers what, and whether it moves money. It must never list a
//! method the host does not serve.

use schemars::{Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::access::{
    ApproveParams, ApproveResult, BeginParams, BeginResult, CodeParams, CodeResult, CompleteParams,
    CompleteResult, EndParams, EndResult, PairingListParams, PairingListResult, RefuseParams,
    RefuseResult, RevealParams, RevealResult, RotateParams, RotateResult,
};
use crate::audit::{AuditListParams, AuditListResult};
use crate::batch::{BatchTotals, CloseParams, TotalsParams};
use crate::device::{
    DeviceListParams, DeviceListResult, IdentifyParams, IdentifyResult, SimulateParams,
    SimulateResult,
};
use crate::diagnose::{DiagnoseParams, DiagnoseResult};
use crate::errands::{ApduParams, ApduResult, DeviceSettings, SettingsParams};
use crate::events::{SubscribeParams, SubscribeResult};
use crate::explain::{PluginExplainParams, PluginExplainResult};
use crate::gateway::{GatewayListParams, GatewayListResult};
use crate::gateway_settings::{GatewaySettings, GatewaySettingsParams};
use crate::instances::{
    InstanceDraftParams, InstanceDraftResult, InstanceListParams, InstanceListResult,
    InstanceLogParams, InstanceLogResult, InstanceRemoveParams, InstanceRemoveResult,
    InstanceSetParams, InstanceSetResult, InstanceShowParams, InstanceShowResult,
};
use crate::leases::{
    LeaseOver, LeaseResult, ReleaseParams, ReserveParams, UnwatchParams, WatchParams,
};
use crate::params::Validate;
use crate::payment::{
    AdjustParams, Approved, AuthorizeParams, BalanceParams, CancelParams, CancelResult,
    CaptureParams, CashAdvanceParams, QuoteParams, QuoteResult, RefundParams, ResolveParams,
    ResolveResult, SaleParams, SignParams, SignResult, SignatureParams, SignatureResult,
    UndoParams, VerifyParams, VoidParams,
};
use crate::plugins::{
    PluginChangeResult, PluginDisableParams, PluginEnableParams, PluginInstallParams,
    PluginKeysParams, PluginKeysResult, PluginListParams, PluginListResult, PluginRemoveParams,
    PluginRollBackParams, PluginTrustParams, PluginTrustResult, PluginUntrustParams,
    PluginUntrustResult,
};
use crate::progress::{RespondParams, RespondResult};
use crate::record::{RecordParams, RecordResult};
use crate::registers::{
    RegisterListParams, RegisterListResult, RegisterUpdateParams, RegisterUpdateResult,
    RotateDueParams, RotateDueResult, UnpairParams, UnpairResult,
};
use crate::session::{
    DiscoverParams, HelloParams, HelloResult, PingParams, PingResult, ProveParams, ProveResult,
};
use crate::token::{
    DeleteTokenParams, ListTokensParams, ListTokensResult, RegisterTokenParams, TokenHistoryParams,
    TokenHistoryResult, UpdateTokenParams,
};
use crate::transaction::{
    GetParams, ListParams, ListResult, Receipt, ReceiptParams, TransactionView,
};
use crate::update::{UpdateParams, UpdateResult};

/// Params that know their method and its answer.
pub trait Call: Serialize + DeserializeOwned + Validate {
    /// The method.
    const METHOD: Method;
    /// What it answers.
    type Answer: Serialize + DeserializeOwned;
}

/// One row of the method table.
#[derive(Clone, Copy, Debug)]
pub struct MethodRow {
    /// The method.
    pub method: Method,
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it carries a key: it moves money, or runs on a device like one that does. No batch
    /// may hold it.
    pub moves_money: bool,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Schema of its params.
    pub params: fn(&mut SchemaGenerator) -> Schema,
    /// Schema of its result.
    pub result: fn(&mut SchemaGenerator) -> Schema,
}

macro_rules! methods {
    ($($variant:ident $name:literal ($params:ty) -> $answer:ty, $money:literal, $summary:literal;)*) => {
        /// A method of this version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`: ", $summary)] $variant,)*
        }

        /// Every method of this version.
        pub const METHODS: &[MethodRow] = &[
            $(MethodRow {
                method: Method::$variant,
                name: $name,
                moves_money: $money,
                summary: $summary,
                params: |generator| generator.subschema_for::<$params>(),
                result: |generator| generator.subschema_for::<$answer>(),
            },)*
        ];

        $(impl Call for $params {
            const METHOD: Method = Method::$variant;
            type Answer = $answer;
        })*
    };
}

methods! {
    Discover "rpc.discover" (DiscoverParams) -> Value, false,
        "Gives this API as an OpenRPC document.";
    Hello "session.hello" (HelloParams) -> HelloResult, false,
        "Opens the session: versions, register, prompts it can show.";
    Prove "session.prove" (ProveParams) -> ProveResult, false,
        "Proves the pairing on this connection.";
    Ping "session.ping" (PingParams) -> PingResult, false,
        "Answers at once; a heart beat.";
    PairingBegin "pairing.begin" (BeginParams) -> BeginResult, false,
        "Asks to be paired.";
    PairingReveal "pairing.reveal" (RevealParams) -> RevealResult, false,
        "Shows the share of the register; now both sides know the six digits.";
    PairingComplete "pairing.complete" (CompleteParams) -> CompleteResult, false,
        "Waits until the operator has compared the digits.";
    PairingRotate "pairing.rotate" (RotateParams) -> RotateResult, false,
        "Replaces the secret of the pairing by a new one.";
    PairingList "pairing.list" (PairingListParams) -> PairingListResult, false,
        "Lists the open pairings. For the operator.";
    PairingApprove "pairing.approve" (ApproveParams) -> ApproveResult, false,
        "Lets a register in whose digits are equal. For the operator.";
    PairingRefuse "pairing.refuse" (RefuseParams) -> RefuseResult, false,
        "Ends an open pairing. For the operator.";
    RegisterList "register.list" (RegisterListParams) -> RegisterListResult, false,
        "Lists the registers and what each may do. For the operator.";
    RegisterUpdate "register.update" (RegisterUpdateParams) -> RegisterUpdateResult, false,
        "Changes what a register may do, at once. For the operator.";
    RegisterUnpair "register.unpair" (UnpairParams) -> UnpairResult, false,
        "Ends a pairing, and the register's connections. For the operator.";
    RegisterRotate "register.rotate" (RotateDueParams) -> RotateDueResult, false,
        "Asks a register to replace its secret at its next hello. For the operator.";
    OperatorCode "operator.code" (CodeParams) -> CodeResult, false,
        "Gives a code that opens the console once. For the operator.";
    OperatorEnd "operator.end" (EndParams) -> EndResult, false,
        "Ends this session of the console. For the operator.";
    Diagnose "host.diagnose" (DiagnoseParams) -> DiagnoseResult, false,
        "Looks at the host, and says what is well and what is not. For the operator.";
    AuditList "audit.list" (AuditListParams) -> AuditListResult, false,
        "Lists what was done to the host and by whom, newest first. For the operator.";
    PluginList "plugin.list" (PluginListParams) -> PluginListResult, false,
        "Lists the installed plugins and how their instances fare. For the operator.";
    PluginExplain "plugin.explain" (PluginExplainParams) -> PluginExplainResult, false,
        "Tells what a plugin may touch, and why. For the operator.";
    DeviceRecord "device.record" (RecordParams) -> RecordResult, false,
        "Records what passes between a device and its plugin, without card data. For the operator.";
    DeviceUpdate "device.update" (UpdateParams) -> UpdateResult, false,
        "Gives a device new firmware or configuration, and tells how that fares. For the operator.";
    PluginInstall "plugin.install" (PluginInstallParams) -> PluginChangeResult, false,
        "Installs a plugin folder, or a newer version of one, while the host runs. For the operator.";
    PluginDisable "plugin.disable" (PluginDisableParams) -> PluginChangeResult, false,
        "Switches a plugin off: its devices and gateways rest. For the operator.";
    PluginEnable "plugin.enable" (PluginEnableParams) -> PluginChangeResult, false,
        "Switches a plugin on again. For the operator.";
    PluginRollBack "plugin.roll_back" (PluginRollBackParams) -> PluginChangeResult, false,
        "Goes back to the version before. For the operator.";
    PluginRemove "plugin.remove" (PluginRemoveParams) -> PluginChangeResult, false,
        "Removes an installed plugin that nothing uses. For the operator.";
    PluginTrust "plugin.trust" (PluginTrustParams) -> PluginTrustResult, false,
        "Lets the signatures of a key count. For the operator.";
    PluginUntrust "plugin.untrust" (PluginUntrustParams) -> PluginUntrustResult, false,
        "Lets them count no longer. For the operator.";
    PluginKeys "plugin.keys" (PluginKeysParams) -> PluginKeysResult, false,
        "Lists the keys whose signatures count. For the operator.";
    InstanceList "instance.list" (InstanceListParams) -> InstanceListResult, false,
        "Lists the configured devices and gateways, and where each is configured. For the operator.";
    InstanceShow "instance.show" (InstanceShowParams) -> InstanceShowResult, false,
        "Gives the configuration of a device or gateway, without secrets. For the operator.";
    InstanceDraft "instance.draft" (InstanceDraftParams) -> InstanceDraftResult, false,
        "Gives what a new device or gateway of a plugin is configured with. For the operator.";
    InstanceSet "instance.set" (InstanceSetParams) -> InstanceSetResult, false,
        "Adds a device or gateway, or changes one; its plugin must take it. For the operator.";
    InstanceLog "instance.log" (InstanceLogParams) -> InstanceLogResult, false,
        "Says what of a plugin's words gets into the host's log, until the host starts anew. For the operator.";
    InstanceRemove "instance.remove" (InstanceRemoveParams) -> InstanceRemoveResult, false,
        "Removes a device or gateway. For the operator.";
    DeviceList "device.list" (DeviceListParams) -> DeviceListResult, false,
        "Lists the devices and their states.";
    DeviceIdentify "device.identify" (IdentifyParams) -> IdentifyResult, false,
        "Makes a device beep, flash or show a text, to find it.";
    DeviceWatch "device.watch" (WatchParams) -> LeaseResult, false,
        "Lets a reader watch for cards for this register alone, until the lease or the connection ends.";
    DeviceUnwatch "device.unwatch" (UnwatchParams) -> LeaseOver, false,
        "Ends that.";
    DeviceReserve "device.reserve" (ReserveParams) -> LeaseResult, false,
        "Keeps a reader for this register alone, until the lease or the connection ends.";
    DeviceRelease "device.release" (ReleaseParams) -> LeaseOver, false,
        "Ends that.";
    DeviceSimulate "device.simulate" (SimulateParams) -> SimulateResult, false,
        "Does at a simulated device what a person would do.";
    DeviceSettings "device.settings" (SettingsParams) -> DeviceSettings, false,
        "Tells how a device is set up, as it says itself.";
    DeviceApdu "device.apdu" (ApduParams) -> ApduResult, false,
        "Talks with a card that does not pay, as a loyalty card.";
    GatewayList "gateway.list" (GatewayListParams) -> GatewayListResult, false,
        "Lists the gateways and their states.";
    GatewaySettings "gateway.settings" (GatewaySettingsParams) -> GatewaySettings, false,
        "Gives what a gateway reports of its merchant, limits, taxes, tips and surcharges.";
    Quote "payment.quote" (QuoteParams) -> QuoteResult, false,
        "Works out what a sale would cost, with tax, tip, surcharge and cash. No money moves.";
    Sale "payment.sale" (SaleParams) -> Approved, true,
        "Charges a card.";
    Authorize "payment.authorize" (AuthorizeParams) -> Approved, true,
        "Holds an amount on a card, to be captured later.";
    Adjust "payment.adjust" (AdjustParams) -> Approved, true,
        "Changes what is held, before it is captured.";
    Capture "payment.capture" (CaptureParams) -> Approved, true,
        "Takes what is held, all of it or a part, once or several times.";
    Refund "payment.refund" (RefundParams) -> Approved, true,
        "Gives money back, all of a sale or a part.";
    Void "payment.void" (VoidParams) -> Approved, true,
        "Takes a transaction back before the day's totals.";
    Undo "payment.undo" (UndoParams) -> Approved, true,
        "Voids or refunds, whichever the rules allow, and says which rule it was.";
    Verify "payment.verify" (VerifyParams) -> Approved, true,
        "Checks a card without an amount, and keeps it as a payment token where that is possible.";
    Balance "payment.balance" (BalanceParams) -> Approved, true,
        "Asks what is left on a card.";
    CashAdvance "payment.cash_advance" (CashAdvanceParams) -> Approved, true,
        "Pays out cash.";
    TokenRegister "token.register" (RegisterTokenParams) -> Approved, true,
        "Keeps a card as a payment token under the register's own reference.";
    TokenUpdate "token.update" (UpdateTokenParams) -> Approved, true,
        "Gives a kept payment token another reference, another card or other words.";
    TokenDelete "token.delete" (DeleteTokenParams) -> Approved, true,
        "Keeps a payment token no more; its gateway is told to forget it.";
    TokenList "token.list" (ListTokensParams) -> ListTokensResult, false,
        "Lists the kept payment tokens, newest first.";
    TokenHistory "token.history" (TokenHistoryParams) -> TokenHistoryResult, false,
        "Gives a payment token and everything that was done with it, newest first.";
    Resolve "payment.resolve" (ResolveParams) -> ResolveResult, false,
        "Settles by a person's word what nobody else can find out.";
    Sign "payment.sign" (SignParams) -> SignResult, false,
        "Keeps the customer's signature with an approved payment, once.";
    Signature "payment.signature" (SignatureParams) -> SignatureResult, false,
        "Gives the signature that is kept with a payment.";
    BatchTotals "batch.totals" (TotalsParams) -> BatchTotals, false,
        "Gives the totals of the batch as gateway or terminal counts them.";
    BatchClose "batch.close" (CloseParams) -> Approved, true,
        "Compares totals and closes the batch.";
    Cancel "payment.cancel" (CancelParams) -> CancelResult, false,
        "Stops what is still running.";
    Get "payment.get" (GetParams) -> TransactionView, false,
        "Gives one transaction with its timeline.";
    List "payment.list" (ListParams) -> ListResult, false,
        "Lists transactions, newest first.";
    Receipt "payment.receipt" (ReceiptParams) -> Receipt, false,
        "Gives a receipt as text, fields or HTML.";
    Respond "payment.respond" (RespondParams) -> RespondResult, false,
        "Answers a prompt.";
    Subscribe "events.subscribe" (SubscribeParams) -> SubscribeResult, false,
        "Subscribes to events, and replays what was missed.";
}

impl Method {
    /// The method with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        METHODS
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.method)
    }

    /// The method's row in the table.
    #[must_use]
    pub fn row(self) -> &'static MethodRow {
        &METHODS[self as usize]
    }

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether it moves money.
    #[must_use]
    pub fn moves_money(self) -> bool {
        self.row().moves_money
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name() {
        for row in METHODS {
            assert_eq!(Method::from_name(row.name), Some(row.method));
            assert_eq!(row.method.name(), row.name);
        }
        assert_eq!(Method::from_name("payment.steal"), None);
    }
}
