// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what a gateway lists is told, counts in quotes as it counts in sales, and reaches the
//! customer on the reader.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::prompts::end;
use crate::register::{Register, eur, sale};
use payhal_client::Update;
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::gateway_settings::{GatewaySettingsParams, TipEntry};
use payhal_client::protocol::payment::{QuoteCard, QuoteParams, QuoteResult, QuoteTax, QuoteTip};
use payhal_client::protocol::progress::Stage;

const READER: &str = "reader-1";
const SURCHARGE: &[&str] = &["confirm_surcharge"];

/// Twenty percent tax, a tip of ten percent, and two schemes cost more: one in silence.
fn setup() -> Setup {
    let settings = "{ settings = { \
        merchant = { name = \"Ada\", country = \"FR\" }, \
        limits = [{ currency = \"EUR\", sale_minor_max = 500000 }], \
        taxes = [{ id = \"standard\", name = \"VAT\", rate_millionths = 200000 }], \
        tips = [{ kind = \"percentage\", id = \"10\", rate_millionths = 100000 }], \
        surcharges = [\
        { scheme = \"amex\", rate_millionths = 15000, disclose = true, bypass = true }, \
        { scheme = \"jcb\", currency = \"EUR\", fixed_minor = 30 }] } }";
    Setup::readers(1).gateway(settings)
}

fn price(scheme: Option<&str>) -> QuoteParams {
    QuoteParams {
        amount: eur(1_000),
        gateway: None,
        tax: None,
        tip: None,
        cashback: None,
        surcharge_for: scheme.map(|scheme| QuoteCard {
            scheme: scheme.to_owned(),
            begins: None,
        }),
        presentation_id: None,
    }
}

async fn quote(register: &Register, params: &QuoteParams) -> QuoteResult {
    soon("a quote", register.0.request(params))
        .await
        .expect("a quote")
}

#[tokio::test]
async fn a_register_asks_what_a_gateway_lists_and_what_a_sale_would_cost() {
    let host = Host::start(&setup()).await;
    let register = host.register("till-1").await;
    let asked = GatewaySettingsParams::default();
    let told = soon("the settings", register.0.request(&asked))
        .await
        .unwrap();
    assert_eq!(told.gateway.as_str(), GATEWAY);
    assert!(!told.live);
    assert_eq!(told.merchant.unwrap().name.as_deref(), Some("Ada"));
    assert_eq!(told.limits[0].sale_max, Some(eur(500_000)));
    assert_eq!(told.taxes[0].rate_millionths, 200_000);
    assert!(matches!(&told.tips[..], [TipEntry::Percentage { id, .. }] if id == "10"));
    assert_eq!(told.surcharges.len(), 2);
    assert!(told.features.iter().any(|feature| feature == "refund"));

    let all = QuoteParams {
        tax: Some(QuoteTax {
            id: Some("standard".into()),
            rate_millionths: None,
        }),
        tip: Some(QuoteTip {
            id: Some("10".into()),
            ..QuoteTip::default()
        }),
        cashback: Some(eur(2_000)),
        ..price(Some("amex"))
    };
    let told = quote(&register, &all).await;
    assert_eq!((told.tax, told.tip), (Some(eur(200)), Some(eur(100))));
    let surcharge = told.surcharge.unwrap();
    assert_eq!(surcharge.amount, eur(18));
    assert!(surcharge.bypass && surcharge.disclose);
    assert_eq!(told.total, eur(1_000 + 200 + 100 + 2_000 + 18));

    let unknown = QuoteParams {
        tax: Some(QuoteTax {
            id: Some("other".into()),
            rate_millionths: None,
        }),
        ..price(None)
    };
    let refused = soon("a refusal", register.0.request(&unknown)).await;
    let refused = refused.unwrap_err();
    let name = refused.rpc().and_then(|error| error.name());
    assert_eq!(name, Some(ErrorName::NotAllowed));
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_sale_costs_what_was_quoted_and_its_tip_is_chosen_from_the_list() {
    let host = Host::start(&setup()).await;
    let register = Register::connect_showing(host.ws(), "till-1", SURCHARGE).await;
    let quoted = quote(&register, &price(Some("jcb"))).await;
    assert!(!quoted.surcharge.as_ref().unwrap().disclose);

    let mut params = sale("k-1", 1_000, READER);
    params.amount_max = Some(eur(1_500));
    let mut payment = register.0.sale(&params);
    soon("a reader that waits for a card", async {
        while let Some(update) = payment.next().await {
            if matches!(update, Update::Progress(progress) if progress.stage == Stage::WaitingForCard)
            {
                return;
            }
        }
        panic!("the answer came before a card was asked for");
    })
    .await;
    register.act(READER, "tip", &[("choice", 1.into())]).await;
    register.show(READER, "tap", "jcb-approve").await;
    // Nobody is asked: a question would be left open.
    let approved = end(payment).await.approved();
    assert_eq!(approved.amounts.tip, Some(eur(100)));
    assert_eq!(approved.amounts.surcharge, Some(eur(30)));
    let quoted = quoted.total.minor + 100;
    assert_eq!(approved.amounts.approved, Some(eur(quoted)));
    host.ledger().assert(&[("sale", "approved", quoted)]);
}

#[tokio::test]
async fn a_surcharge_that_may_be_left_out_is() {
    let host = Host::start(&setup()).await;
    let register = Register::connect_showing(host.ws(), "till-1", SURCHARGE).await;
    let mut params = sale("k-1", 1_000, READER);
    params.amount_max = Some(eur(1_500));
    params.bypass_surcharge = true;
    let payment = register.0.sale(&params);
    register.show(READER, "tap", "amex-approve").await;
    let approved = end(payment).await.approved();
    assert_eq!(approved.amounts.surcharge, None);
    assert_eq!(approved.amounts.approved, Some(eur(1_000)));
}
