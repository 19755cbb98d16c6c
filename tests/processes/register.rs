// SPDX-License-Identifier: MIT OR Apache-2.0
//! A register, and the person beside the reader: the product's own client, with what cases repeat.

use crate::host::soon;
use payhal_client::protocol::device::{
    DeviceListParams, DeviceListResult, DeviceState, DeviceSummary, SimulateParams,
};
use payhal_client::protocol::error::ErrorOutcome;
use payhal_client::protocol::events::{PaymentResolved, SubscribeParams, Topic};
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState};
use payhal_client::protocol::payment::{Approved, SaleParams};
use payhal_client::protocol::progress::{Progress, Stage};
use payhal_client::protocol::transaction::{GetParams, TransactionView};
use payhal_client::protocol::{Amount, ErrorData, ErrorName, MoneyMoved, Retry};
use payhal_client::{CallError, Client, Config, Endpoint, Notification, Payment, Update};
use serde_json::Value;
use tokio::sync::broadcast;

/// One connection of a register.
#[derive(Clone, Debug)]
pub(crate) struct Register(pub(crate) Client);

/// This amount of euro cents.
pub(crate) fn eur(minor: i64) -> Amount {
    Amount::new(minor, "EUR")
}

/// The approval that a payment must end with.
pub(crate) async fn approved(payment: Payment) -> Approved {
    Sale::new(payment).end().await.approved()
}

/// The refusal before anything was recorded that a payment must end with.
pub(crate) async fn not_allowed(payment: Payment) -> ErrorData {
    let told = Sale::new(payment).end().await;
    let told = told.refused(ErrorName::NotAllowed, ErrorOutcome::Failed);
    told.says(MoneyMoved::No, Retry::Never)
}

/// A sale over this amount of euro cents on this reader.
pub(crate) fn sale(key: &str, minor: i64, reader: &str) -> SaleParams {
    let mut params = SaleParams::new(key, eur(minor));
    params.device = Some(reader.into());
    params
}

impl Register {
    /// Connects as this register.
    pub(crate) async fn connect(endpoint: Endpoint, id: &str) -> Self {
        let config = Config::new("payhal-tests", "1").register(id);
        let client = soon("a connection", Client::connect_with(endpoint, config)).await;
        Self(client.unwrap())
    }

    /// Connects as this register, which can show these kinds of questions.
    pub(crate) async fn connect_showing(endpoint: Endpoint, id: &str, kinds: &[&str]) -> Self {
        let mut config = Config::new("payhal-tests", "1").register(id);
        config.hello.prompts = kinds.iter().map(|&kind| kind.to_owned()).collect();
        let client = soon("a connection", Client::connect_with(endpoint, config)).await;
        Self(client.unwrap())
    }

    /// Does at a simulated device or gateway what these params say.
    pub(crate) async fn act(&self, device: &str, action: &str, rest: &[(&str, Value)]) -> Value {
        match self.try_act(device, action, rest).await {
            Ok(said) => said,
            Err(error) => panic!("{action} at {device}: {:?}", error.rpc()),
        }
    }

    /// The same at a device that may not live to answer.
    pub(crate) async fn try_act(
        &self,
        device: &str,
        action: &str,
        rest: &[(&str, Value)],
    ) -> Result<Value, CallError> {
        let mut params = SimulateParams::new(action);
        params.device = Some(device.into());
        for (name, value) in rest {
            params = params.with(name, value.clone());
        }
        let said = soon(action, self.0.request(&params)).await?;
        Ok(Value::Object(said.0))
    }

    /// Waits until every fault planned at a gateway has been met.
    pub(crate) async fn until_faults_met(&self, gateway: &str) {
        soon("the last planned fault", async {
            while self.act(gateway, "faults", &[]).await["faults"] != serde_json::json!([]) {}
        })
        .await;
    }

    /// Shows a card: `tap`, `insert` or `swipe`.
    pub(crate) async fn show(&self, reader: &str, how: &str, card: &str) {
        self.act(reader, how, &[("card", card.into())]).await;
    }

    /// Plans a fault at a simulated device or gateway.
    pub(crate) async fn fault(&self, device: &str, fault: &str, at: &str, delay_ms: u64) {
        let rest = [
            ("fault", fault.into()),
            ("at", at.into()),
            ("delay_ms", delay_ms.into()),
        ];
        self.act(device, "fault", &rest).await;
    }

    /// Begins a sale and waits until the reader asks for a card.
    pub(crate) async fn begin(&self, params: &SaleParams) -> Sale {
        let mut sale = Sale::new(self.0.sale(params));
        sale.until(Stage::WaitingForCard).await;
        sale
    }

    /// A sale with a card that is shown as soon as the reader asks for it.
    pub(crate) async fn sell(&self, params: &SaleParams, how: &str, card: &str) -> Played {
        let sale = self.begin(params).await;
        let reader = params.device.as_ref().unwrap().as_str();
        self.show(reader, how, card).await;
        sale.end().await
    }

    /// A sale that needs nobody: the reader has its card, or the answer comes without one.
    pub(crate) async fn sell_alone(&self, params: &SaleParams) -> Played {
        Sale::new(self.0.sale(params)).end().await
    }

    /// Every device.
    pub(crate) async fn devices(&self) -> Vec<DeviceSummary> {
        let listed = soon("device.list", self.0.request(&DeviceListParams {})).await;
        let DeviceListResult { devices } = listed.unwrap();
        devices
    }

    /// One device.
    pub(crate) async fn device(&self, id: &str) -> DeviceSummary {
        let mut devices = self.devices().await.into_iter();
        devices.find(|device| device.id.as_str() == id).unwrap()
    }

    /// One transaction.
    pub(crate) async fn get(&self, transaction_id: &str) -> TransactionView {
        let params = GetParams {
            transaction_id: Some(transaction_id.into()),
            idempotency_key: None,
        };
        soon("payment.get", self.0.request(&params)).await.unwrap()
    }

    /// Waits until nothing is on its way back any more, and gives the transaction as it is then.
    pub(crate) async fn until_back(&self, transaction_id: &str) -> TransactionView {
        let mut news = self.watch().await;
        soon("the end of a reversal", async {
            loop {
                let shown = self.get(transaction_id).await;
                if shown.money_moved != MoneyMoved::Reversing {
                    return shown;
                }
                news.next().await;
            }
        })
        .await
    }

    /// Everything that happens from now on.
    pub(crate) async fn watch(&self) -> Watch {
        let watch = Watch(self.0.notifications());
        self.0.subscribe(&SubscribeParams::default()).await.unwrap();
        watch
    }

    /// Waits until a device is in this state, and gives it as it is then.
    pub(crate) async fn until_state(&self, id: &str, state: DeviceState) -> DeviceSummary {
        let mut news = self.watch().await;
        soon(&format!("{id} in state {state:?}"), async {
            loop {
                let device = self.device(id).await;
                if device.state == state {
                    return device;
                }
                news.next().await;
            }
        })
        .await
    }

    /// Waits until everything is ready, or up and owing the word on a payment.
    pub(crate) async fn until_all_ready(&self) {
        use DeviceState::{Quarantined, Ready as Up};
        let mut news = self.watch().await;
        soon("readiness", async {
            loop {
                let gateways = self
                    .0
                    .request(&GatewayListParams {})
                    .await
                    .unwrap()
                    .gateways;
                let devices = self.devices().await;
                if gateways
                    .iter()
                    .all(|gateway| gateway.state == GatewayState::Ready)
                    && devices
                        .iter()
                        .all(|device| matches!(device.state, Up | Quarantined))
                {
                    return;
                }
                news.next().await;
            }
        })
        .await;
    }
}

/// What the host says without being asked.
#[derive(Debug)]
pub(crate) struct Watch(broadcast::Receiver<Notification>);

impl Watch {
    /// The next event, whatever it is.
    pub(crate) async fn next(&mut self) -> Notification {
        soon("an event", self.0.recv()).await.unwrap()
    }

    /// The next event of this topic.
    pub(crate) async fn next_of(&mut self, topic: Topic) -> Notification {
        soon(topic.as_str(), async {
            loop {
                let event = self.next().await;
                if *event.method == *topic.as_str() {
                    return event;
                }
            }
        })
        .await
    }

    /// Waits until a transaction is resolved, and gives it as it is then.
    pub(crate) async fn resolved(&mut self, transaction_id: &str) -> TransactionView {
        loop {
            let event: PaymentResolved =
                self.next_of(Topic::PaymentResolved).await.parse().unwrap();
            if event.transaction.transaction_id.as_str() == transaction_id {
                return event.transaction;
            }
        }
    }
}

/// A running sale with the progress seen so far.
#[derive(Debug)]
pub(crate) struct Sale {
    payment: Payment,
    progress: Vec<Progress>,
}

impl Sale {
    /// Takes over a payment.
    pub(crate) fn new(payment: Payment) -> Self {
        Self {
            payment,
            progress: Vec::new(),
        }
    }

    /// Waits for a stage; panics when the answer comes first.
    pub(crate) async fn until(&mut self, stage: Stage) {
        soon(&format!("stage {stage:?}"), async {
            while let Some(update) = self.payment.next().await {
                if let Update::Progress(progress) = update {
                    let there = progress.stage == stage;
                    self.progress.push(progress);
                    if there {
                        return;
                    }
                }
            }
            panic!(
                "the answer came before stage {stage:?}; seen: {:?}",
                self.progress
            );
        })
        .await;
    }

    /// The host's name for it, once there was progress.
    pub(crate) fn transaction_id(&self) -> String {
        self.progress.first().unwrap().transaction_id.to_string()
    }

    /// Asks the host to stop it.
    pub(crate) async fn cancel(&self) -> payhal_client::protocol::payment::CancelState {
        soon("the answer to a cancel", self.payment.cancel())
            .await
            .unwrap()
            .state
    }

    /// Waits for the one answer.
    pub(crate) async fn end(mut self) -> Played {
        soon("the answer to a payment", async {
            while let Some(update) = self.payment.next().await {
                if let Update::Progress(progress) = update {
                    self.progress.push(progress);
                }
            }
            let answer = self.payment.answer().await;
            Played {
                progress: self.progress,
                answer,
            }
        })
        .await
    }
}

/// A payment that has its answer.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) progress: Vec<Progress>,
    pub(crate) answer: Result<Approved, CallError>,
}

impl Played {
    /// The approval it must be.
    #[track_caller]
    pub(crate) fn approved(self) -> Approved {
        match self.answer {
            Ok(approved) => approved,
            Err(error) => panic!("not approved: {error}: {:?}", error.rpc()),
        }
    }

    /// The error it must be, with what the table of errors promises for it.
    #[track_caller]
    pub(crate) fn refused(self, name: ErrorName, outcome: ErrorOutcome) -> Refused {
        match self.answer {
            Ok(approved) => panic!("{name} was expected, not {approved:?}"),
            Err(CallError::Rpc(error)) => {
                let details = *error
                    .data
                    .clone()
                    .expect("an error of the host has details");
                assert_eq!(details.name, name, "{details:?}");
                assert_eq!(error.code, name.code());
                assert_eq!(details.outcome, outcome, "{details:?}");
                assert!(
                    details.doc.ends_with(&name.as_str().to_ascii_lowercase()),
                    "{details:?}"
                );
                Refused(details)
            }
            Err(error) => panic!("{name} was expected, not {error}"),
        }
    }

    /// Asserts that `seq` strictly increases.
    #[track_caller]
    pub(crate) fn assert_in_order(&self) {
        let numbers: Vec<u64> = self.progress.iter().map(|progress| progress.seq).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{numbers:?}"
        );
    }

    /// The stages that were seen.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        self.progress
            .iter()
            .map(|progress| progress.stage)
            .collect()
    }
}

/// The details of an error, with the assertions that most cases make.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) ErrorData);

impl Refused {
    /// Asserts what became of the money and what the register may do next.
    #[track_caller]
    pub(crate) fn says(self, money: MoneyMoved, retry: Retry) -> ErrorData {
        assert_eq!(
            (self.0.money_moved, self.0.retry),
            (money, retry),
            "{:?}",
            self.0
        );
        self.0
    }

    /// The transaction it names.
    #[track_caller]
    pub(crate) fn transaction(&self) -> String {
        self.0
            .transaction_id
            .as_ref()
            .expect("an accepted transaction has a name")
            .to_string()
    }
}
