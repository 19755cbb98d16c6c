// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole sale with nothing around it: the exchanges and the two durable commits of the product,
//! in its order, with its processes.

use super::commits::Commits;
use super::exchange::Async;
use super::socket::{self, Call};
use crate::Failure;
use futures_util::{SinkExt, StreamExt};
use payhal_messages::call::method;
use payhal_messages::card::{Entry, Recipient};
use payhal_messages::gateway::{
    Acceptor, Answer, Authorize, CardSource, Decision, Parameters, Prepare, Prepared, ReadCard,
    Wire,
};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, IssuerAnswer, PinPolicy, Present,
    Presentation,
};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

/// Calls the gateway answers at once, as the sandbox's manifest has it.
const GATEWAY_LANES: u32 = 16;

#[derive(Deserialize)]
struct Sale {
    idempotency_key: String,
    amount: Amount,
    device: String,
    reference: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Amount {
    minor: i64,
    currency: String,
}

/// First record: what is about to be asked.
#[derive(Serialize)]
struct Intent<'a> {
    key: &'a str,
    amounts: &'a Amounts,
    device: &'a str,
    wire: &'a Wire,
    presentation: &'a Presentation,
}

/// Second record and the answer: what came of it.
#[derive(Serialize)]
struct Ended<'a> {
    transaction_id: &'a str,
    idempotency_key: &'a str,
    outcome: &'static str,
    approved: Amount,
    approval_code: Option<&'a str>,
    rrn: Option<&'a str>,
    response_code: &'a str,
    presentation: &'a Presentation,
    device: &'a str,
}

/// Children, killed and reaped when dropped.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended is only reaped.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

struct Pipeline {
    readers: Vec<Arc<tokio::sync::Mutex<Async>>>,
    free: Semaphore,
    gateway: Mutex<Vec<Async>>,
    commits: Commits,
    recipient: Recipient,
    next: AtomicU32,
}

/// Serves until standard input ends.
pub(super) fn serve(readers: usize, seal: bool) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("payhal-bench-bare-")
        .tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut children = Children(Vec::new());
    runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..readers {
            let (socket, child) = start("reader", seal)?;
            children.0.push(child);
            sockets.push(Arc::new(tokio::sync::Mutex::new(Async::new(socket)?)));
        }
        let (control, child) = start("gateway", seal)?;
        children.0.push(child);
        let mut lanes = gateway_lanes(&control)?;
        let first = lanes.first_mut().ok_or("the gateway has no lane")?;
        let parameters: Parameters = first.ask(method::OPEN, &serde_json::json!({})).await?;
        let pipeline = Arc::new(Pipeline {
            readers: sockets,
            free: Semaphore::new(lanes.len()),
            gateway: Mutex::new(lanes),
            commits: Commits::open(&folder.path().join("bare.sqlite"))?,
            recipient: parameters.recipient,
            next: AtomicU32::new(1),
        });
        let served = socket::listen(Arc::new(move |stream| {
            let pipeline = Arc::clone(&pipeline);
            Box::pin(async move { pipeline.converse(stream).await })
        }));
        let served = served.await;
        drop(control);
        served
    })
}

fn start(part: &str, seal: bool) -> Result<(UnixStream, Child), Failure> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command: Command = super::part(&[part])?;
    if seal {
        command.arg("--seal");
    }
    let child = command
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()?;
    Ok((ours, child))
}

fn gateway_lanes(control: &UnixStream) -> Result<Vec<Async>, Failure> {
    let pairs: Result<Vec<_>, _> = (0..GATEWAY_LANES).map(|_| UnixStream::pair()).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs?.into_iter().unzip();
    let theirs: Vec<BorrowedFd<'_>> = theirs.iter().map(AsFd::as_fd).collect();
    payhal_ipc::send_frame(control, &GATEWAY_LANES, &theirs)?;
    ours.into_iter().map(Async::new).collect()
}

impl Pipeline {
    async fn converse(&self, stream: TcpStream) -> Result<(), Failure> {
        let mut socket = socket::accept(stream).await?;
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            let call: Call<'_> = serde_json::from_str(&text)?;
            if call.method != "payment.sale" {
                socket
                    .send(Message::Text(socket::empty(call.id)?.into()))
                    .await?;
                continue;
            }
            let params = call.params.ok_or("a sale has params")?;
            let sale: Sale = serde_json::from_str(params.get())?;
            let mut reader = self.reader(&sale.device)?.lock_owned().await;
            let (answer, show) = self.sell(&sale, call.id, &mut reader).await?;
            socket.send(Message::Text(answer.into())).await?;
            // The reader shows the result while the register goes on.
            tokio::spawn(async move {
                let _: CompletionRead = reader.ask(method::COMPLETE, &show).await?;
                Ok::<_, Failure>(())
            });
        }
        Ok(())
    }

    fn reader(&self, device: &str) -> Result<Arc<tokio::sync::Mutex<Async>>, Failure> {
        let number: usize = device
            .strip_prefix("reader-")
            .ok_or("no such reader")?
            .parse()?;
        self.readers
            .get(number)
            .cloned()
            .ok_or_else(|| "no such reader".into())
    }

    async fn sell(
        &self,
        sale: &Sale,
        id: &serde_json::value::RawValue,
        reader: &mut Async,
    ) -> Result<(String, Complete), Failure> {
        let stan = self.next.fetch_add(1, Ordering::Relaxed);
        let transaction_id = format!("0197b1c0-7d3a-7aaa-8bbb-{stan:012}");
        let amounts = Amounts {
            currency: sale.amount.currency.clone(),
            total_minor: sale.amount.minor,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        };
        let present = Present {
            estimated: false,
            total_minor_max: None,
            again: false,
            tip_choices: Vec::new(),
            transaction_id: transaction_id.clone(),
            purpose: Purpose::Sale,
            amounts: amounts.clone(),
            entries: vec![
                Entry::Chip,
                Entry::Contactless,
                Entry::Stripe,
                Entry::Manual,
            ],
            timeout_ms: 60_000,
        };
        let presentation: Presentation = reader.ask(method::PRESENT, &present).await?;
        let authorize = AuthorizeCard {
            seal_number: false,
            dcc: None,
            transaction_id: transaction_id.clone(),
            presentation_id: presentation.presentation_id.clone(),
            device: sale.device.clone(),
            purpose: Purpose::Sale,
            amounts: amounts.clone(),
            recipient: self.recipient.clone(),
            online_pin: PinPolicy::ByCard,
        };
        let read: CardRead = reader.ask(method::AUTHORIZE_CARD, &authorize).await?;
        let (wire, answer) = self
            .authorize(sale, transaction_id, stan, &amounts, &presentation, read)
            .await?;
        let ended = Ended {
            transaction_id: &wire.transaction_id,
            idempotency_key: &sale.idempotency_key,
            outcome: "approved",
            approved: sale.amount.clone(),
            approval_code: answer.approval_code.as_deref(),
            rrn: answer.rrn.as_deref(),
            response_code: &answer.response_code,
            presentation: &presentation,
            device: &sale.device,
        };
        self.commits.commit(serde_json::to_vec(&ended)?).await?;
        let text = socket::answer(id, &ended)?;
        let show = Complete {
            transaction_id: wire.transaction_id,
            presentation_id: presentation.presentation_id,
            answer: IssuerAnswer::Approved {
                response_code: answer.response_code,
                issuer: answer.issuer,
            },
            offline: false,
        };
        Ok((text, show))
    }

    /// Prepares, commits the intent, asks.
    async fn authorize(
        &self,
        sale: &Sale,
        transaction_id: String,
        stan: u32,
        amounts: &Amounts,
        presentation: &Presentation,
        read: CardRead,
    ) -> Result<(Wire, Answer), Failure> {
        let mut wire = Wire {
            transaction_id,
            stan,
            at_micros: 1_767_225_600_000_000,
            acceptor: Acceptor {
                merchant: "merchant".to_owned(),
                terminal: "terminal".to_owned(),
            },
            reference: String::new(),
        };
        let prepare = Prepare {
            wire: wire.clone(),
            purpose: Purpose::Sale,
            amounts: amounts.clone(),
        };
        wire.reference = self
            .ask_gateway::<Prepared>(method::PREPARE, &prepare)
            .await?
            .reference;
        let device = sale.device.as_str();
        let intent = Intent {
            key: &sale.idempotency_key,
            amounts,
            device,
            wire: &wire,
            presentation,
        };
        self.commits.commit(serde_json::to_vec(&intent)?).await?;
        let authorize = Authorize {
            wire: wire.clone(),
            purpose: Purpose::Sale,
            amounts: amounts.clone(),
            card: CardSource::Read(ReadCard {
                device: sale.device.clone(),
                read_id: read.read_id,
                entry: read.entry,
                sealed: read.sealed,
                tags: read.tags,
            }),
            merchant_reference: sale.reference.clone(),
            installments: None,
            voice_code: None,
            keep_card: false,
            dcc: None,
        };
        let answer: Answer = self.ask_gateway(method::AUTHORIZE, &authorize).await?;
        if answer.decision != Decision::Approved {
            return Err("a bare gateway approves".into());
        }
        Ok((wire, answer))
    }

    async fn ask_gateway<R>(&self, method: &str, params: &impl Serialize) -> Result<R, Failure>
    where
        R: for<'a> Deserialize<'a>,
    {
        let _permit = self.free.acquire().await?;
        let taken = self
            .gateway
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut lane = taken.ok_or("a permit stands for a free lane")?;
        let reply = lane.ask(method, params).await;
        self.gateway
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lane);
        reply
    }
}
