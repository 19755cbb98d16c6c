// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every example of the register API's page is one: its requests decode, its answers are the
//! method's, its errors are those of the table.

use payhal_protocol::access::{
    ApproveParams, BeginParams, CodeParams, CompleteParams, EndParams, PairingListParams,
    RefuseParams, RevealParams, RotateParams,
};
use payhal_protocol::audit::AuditListParams;
use payhal_protocol::batch::{CloseParams, TotalsParams};
use payhal_protocol::device::{DeviceListParams, IdentifyParams, SimulateParams};
use payhal_protocol::diagnose::DiagnoseParams;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::events::{PairingChanged, RegisterChanged, SubscribeParams};
use payhal_protocol::explain::PluginExplainParams;
use payhal_protocol::gateway::GatewayListParams;
use payhal_protocol::gateway_settings::GatewaySettingsParams;
use payhal_protocol::instances::{
    InstanceDraftParams, InstanceListParams, InstanceLogParams, InstanceRemoveParams,
    InstanceSetParams, InstanceShowParams,
};
use payhal_protocol::leases::{
    CARD_PRESENTED, CARD_REMOVED, CardPresented, CardRemoved, LEASE_ENDED, LeaseEnded,
    ReleaseParams, ReserveParams, UnwatchParams, WatchParams,
};
use payhal_protocol::method::{Call, METHODS};
use payhal_protocol::params::decode;
use payhal_protocol::payment::{
    AdjustParams, AuthorizeParams, BalanceParams, CancelParams, CaptureParams, CashAdvanceParams,
    QuoteParams, RefundParams, ResolveParams, SaleParams, SignParams, SignatureParams, UndoParams,
    VerifyParams, VoidParams,
};
use payhal_protocol::plugins::{
    PluginDisableParams, PluginEnableParams, PluginInstallParams, PluginKeysParams,
    PluginListParams, PluginRemoveParams, PluginRollBackParams, PluginTrustParams,
    PluginUntrustParams,
};
use payhal_protocol::progress::{Progress, Prompt, RespondParams};
use payhal_protocol::record::RecordParams;
use payhal_protocol::registers::{
    RegisterListParams, RegisterUpdateParams, RotateDueParams, UnpairParams,
};
use payhal_protocol::session::{HelloParams, PingParams, ProveParams, SessionEnded};
use payhal_protocol::token::{
    DeleteTokenParams, ListTokensParams, RegisterTokenParams, TokenHistoryParams, UpdateTokenParams,
};
use payhal_protocol::transaction::{GetParams, ListParams, ReceiptParams};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/pos-api.md");

/// A method's params and its answer, if it is one.
type Check = (&'static str, fn(&Value), fn(&Value));

fn of<C: Call>() -> Check {
    let params = |params: &Value| {
        let raw = RawValue::from_string(params.to_string()).expect("JSON is JSON");
        if let Err(error) = decode::<C>(Some(&raw)) {
            panic!("{}: {error:?}: {params}", C::METHOD.name());
        }
    };
    let answer = |answer: &Value| {
        if let Err(error) = serde_json::from_value::<C::Answer>(answer.clone()) {
            panic!("{}: {error}: {answer}", C::METHOD.name());
        }
    };
    (C::METHOD.name(), params, answer)
}

fn checks() -> Vec<Check> {
    [of_access(), of_parts(), of_money()].concat()
}

fn of_access() -> Vec<Check> {
    vec![
        of::<HelloParams>(),
        of::<PingParams>(),
        of::<ProveParams>(),
        of::<BeginParams>(),
        of::<RevealParams>(),
        of::<CompleteParams>(),
        of::<RotateParams>(),
        of::<PairingListParams>(),
        of::<ApproveParams>(),
        of::<RefuseParams>(),
        of::<RegisterListParams>(),
        of::<RegisterUpdateParams>(),
        of::<UnpairParams>(),
        of::<RotateDueParams>(),
        of::<CodeParams>(),
        of::<EndParams>(),
    ]
}

fn of_parts() -> Vec<Check> {
    vec![
        of::<DiagnoseParams>(),
        of::<AuditListParams>(),
        of::<PluginListParams>(),
        of::<PluginExplainParams>(),
        of::<PluginInstallParams>(),
        of::<PluginDisableParams>(),
        of::<PluginEnableParams>(),
        of::<PluginRollBackParams>(),
        of::<PluginRemoveParams>(),
        of::<PluginTrustParams>(),
        of::<PluginUntrustParams>(),
        of::<PluginKeysParams>(),
        of::<InstanceListParams>(),
        of::<InstanceShowParams>(),
        of::<InstanceDraftParams>(),
        of::<InstanceSetParams>(),
        of::<InstanceLogParams>(),
        of::<InstanceRemoveParams>(),
        of::<RecordParams>(),
        of::<payhal_protocol::update::UpdateParams>(),
        of::<DeviceListParams>(),
        of::<IdentifyParams>(),
        of::<payhal_protocol::errands::SettingsParams>(),
        of::<payhal_protocol::errands::ApduParams>(),
        of::<WatchParams>(),
        of::<UnwatchParams>(),
        of::<ReserveParams>(),
        of::<ReleaseParams>(),
        of::<SimulateParams>(),
        of::<GatewayListParams>(),
        of::<GatewaySettingsParams>(),
    ]
}

fn of_money() -> Vec<Check> {
    vec![
        of::<QuoteParams>(),
        of::<SaleParams>(),
        of::<AuthorizeParams>(),
        of::<AdjustParams>(),
        of::<CaptureParams>(),
        of::<RefundParams>(),
        of::<VoidParams>(),
        of::<UndoParams>(),
        of::<VerifyParams>(),
        of::<BalanceParams>(),
        of::<CashAdvanceParams>(),
        of::<ResolveParams>(),
        of::<SignParams>(),
        of::<SignatureParams>(),
        of::<RegisterTokenParams>(),
        of::<UpdateTokenParams>(),
        of::<DeleteTokenParams>(),
        of::<ListTokensParams>(),
        of::<TokenHistoryParams>(),
        of::<TotalsParams>(),
        of::<CloseParams>(),
        of::<CancelParams>(),
        of::<GetParams>(),
        of::<ListParams>(),
        of::<ReceiptParams>(),
        of::<RespondParams>(),
        of::<SubscribeParams>(),
    ]
}

fn check_error(error: &Value) {
    let object: ErrorObject = serde_json::from_value(error.clone()).expect("an error object");
    let details = object.data.as_deref().expect("its details");
    assert_eq!(object.code, details.name.code(), "{error}");
    let anchor = format!("#{}", details.name.as_str().to_ascii_lowercase());
    assert!(details.doc.ends_with(&anchor), "{error}");
}

#[test]
fn every_example_of_the_page_is_one() {
    let checks = checks();
    let mut answered = BTreeSet::new();
    let mut asked: Option<(&Check, Value)> = None;
    for line in PAGE.lines().filter(|line| line.starts_with("{\"jsonrpc\"")) {
        let message: Value = serde_json::from_str(line).unwrap();
        let params = &message["params"];
        match message["method"].as_str() {
            Some("payment.progress") => {
                serde_json::from_value::<Progress>(params.clone()).unwrap();
            }
            Some("payment.prompt") => {
                serde_json::from_value::<Prompt>(params.clone()).unwrap();
            }
            Some("session.ended") => {
                serde_json::from_value::<SessionEnded>(params.clone()).unwrap();
            }
            Some("pairing.changed") => {
                serde_json::from_value::<PairingChanged>(params.clone()).unwrap();
            }
            Some("register.changed") => {
                serde_json::from_value::<RegisterChanged>(params.clone()).unwrap();
            }
            Some(CARD_PRESENTED) => {
                serde_json::from_value::<CardPresented>(params.clone()).unwrap();
            }
            Some(CARD_REMOVED) => {
                serde_json::from_value::<CardRemoved>(params.clone()).unwrap();
            }
            Some(LEASE_ENDED) => {
                serde_json::from_value::<LeaseEnded>(params.clone()).unwrap();
            }
            Some(method) => {
                let check = checks.iter().find(|(name, ..)| *name == method).unwrap();
                check.1(params);
                asked = Some((check, message["id"].clone()));
            }
            None if message["error"].is_object() => check_error(&message["error"]),
            None => {
                let ((name, _, answer), id) = asked.as_ref().unwrap();
                assert_eq!(message["id"], *id, "{line}");
                answer(&message["result"]);
                answered.insert(*name);
            }
        }
    }
    let shown = METHODS.iter().map(|row| row.name);
    let shown: BTreeSet<_> = shown.filter(|name| *name != "rpc.discover").collect();
    assert_eq!(
        answered, shown,
        "each method has an example with its answer"
    );
}

#[test]
fn every_name_of_an_error_on_the_page_is_in_the_table() {
    // Words in capitals that are no errors: what is printed on receipts.
    let printed = ["APPROVED", "CANCELLED", "DECLINED", "DUPLICATE"];
    let words = PAGE.split('`').skip(1).step_by(2);
    let looks_like_one = |word: &&str| {
        word.len() > 4
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    for word in words.filter(looks_like_one) {
        let named = serde_json::from_value::<ErrorName>(Value::from(word));
        let known = named.is_ok_and(|name| name.as_str() == word);
        assert!(known || printed.contains(&word), "{word}");
    }
}
