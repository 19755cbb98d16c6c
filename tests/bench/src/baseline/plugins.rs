// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bare reader and a bare gateway: they parse what they are asked and answer it, with messages as
//! long as the product's. With `seal` they encrypt and decrypt the card as real ones must.

use super::exchange::{Blocking, Request};
use crate::Failure;
use payhal_card_data as card;
use payhal_ipc::ControlReader;
use payhal_messages::call::method;
use payhal_messages::card::{CardFace, Cvm, Entry, Recipient, Sealed};
use payhal_messages::gateway::{
    Answer, Authorize, CardSource, Decision, Parameters, Prepare, Prepared,
};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, Present, Presentation,
};
use serde_json::from_str;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};

const KEY_ID: &str = "abcdefghijklmnopabcdefghijklmnop";

/// Length of what a reader seals, with its tag.
const CIPHERTEXT_BYTES: usize = 272;

/// The reader's own key.
static DEVICE: LazyLock<card::PrivateKey> = LazyLock::new(card::PrivateKey::generate);

fn standard_input() -> Result<UnixStream, Failure> {
    Ok(UnixStream::from(
        std::io::stdin().as_fd().try_clone_to_owned()?,
    ))
}

/// Answers as a reader until its socket ends.
pub(super) fn serve_reader(seal: bool) -> Result<(), Failure> {
    let mut socket = Blocking::new(standard_input()?);
    while let Some(message) = socket.receive()? {
        let Request { method, params } = serde_json::from_slice(message)?;
        match method {
            method::IDENTIFY => {
                socket.send(&Identity {
                    sealing: None,
                    incomplete: None,
                    model: "Bare reader".to_owned(),
                    serial_number: Some("V000001".to_owned()),
                    firmware: Some("1".to_owned()),
                })?;
            }
            method::PRESENT => {
                let request: Present = from_str(params.get())?;
                socket.send(&present(request))?;
            }
            method::AUTHORIZE_CARD => {
                let request: AuthorizeCard = from_str(params.get())?;
                socket.send(&authorize_card(&request, seal)?)?;
            }
            method::COMPLETE => {
                let _request: Complete = from_str(params.get())?;
                socket.send(&CompletionRead {
                    accepted: true,
                    tags: BTreeMap::new(),
                })?;
            }
            other => return Err(format!("a bare reader does not know {other}").into()),
        }
    }
    Ok(())
}

fn present(request: Present) -> Presentation {
    Presentation {
        tip_minor: None,
        presentation_id: request.transaction_id,
        entry: Entry::Contactless,
        card: CardFace {
            masked_pan: "411111******1111".to_owned(),
            scheme: "visa".to_owned(),
            application: Some("VISA CREDIT".to_owned()),
            aid: Some("A0000000031010".to_owned()),
            country: None,
            expiry: None,
        },
    }
}

fn authorize_card(request: &AuthorizeCard, seal: bool) -> Result<CardRead, Failure> {
    let read_id = request.presentation_id.clone();
    let (encapsulated_key, ciphertext) = if seal {
        let associated = card::Associated {
            version: card::SEAL_VERSION,
            read_id: &read_id,
            transaction_id: &request.transaction_id,
            device: &request.device,
            gateway: &request.recipient.gateway,
            key_id: &request.recipient.key_id,
        };
        card::seal_from(
            &DEVICE,
            &request.recipient.public_key,
            &associated,
            &inner()?,
            None,
        )?
    } else {
        (vec![4; 65], vec![7; CIPHERTEXT_BYTES])
    };
    let tags = [
        "82", "84", "95", "9C", "9F02", "9F26", "9F27", "9F34", "9F36",
    ];
    Ok(CardRead {
        number: None,
        read_id,
        sealed: Sealed {
            ksn: Vec::new(),
            sender_key: DEVICE.public_bytes(),
            scheme: card::AUTH_SCHEME.to_owned(),
            key_id: request.recipient.key_id.clone(),
            encapsulated_key,
            ciphertext,
        },
        entry: Entry::Contactless,
        cvm: Cvm::None,
        completion_owed: false,
        tags: tags
            .map(|tag| (tag.to_owned(), "A0000000".to_owned()))
            .into(),
    })
}

fn inner() -> Result<card::Inner, Failure> {
    let pan = card::Pan::new(b"4111111111111111")?;
    let expiry = card::Expiry::new(2049, 12).ok_or("the expiry is none")?;
    Ok(card::Inner {
        purpose: card::Purpose::Sale,
        amounts: card::Amounts {
            currency: *b"EUR",
            total_minor: 1250,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        },
        secrets: card::CardSecrets {
            track1: None,
            track2: Some(card::Track2::made_of(&pan, expiry, b"201")?),
            entry: card::EntryMode::Contactless,
            pan,
            expiry,
        },
    })
}

/// Answers as a gateway: one thread for each socket that comes with the first message.
pub(super) fn serve_gateway(seal: bool) -> Result<(), Failure> {
    let mut control = ControlReader::new(standard_input()?);
    let lanes: u32 = control.receive()?.ok_or("the pipeline ended")?;
    let key = Arc::new(card::PrivateKey::generate());
    for lane in control.descriptors(usize::try_from(lanes)?)? {
        let key = Arc::clone(&key);
        std::thread::spawn(move || {
            // What breaks here is noticed by the pipeline that waits for an answer.
            serve_lane(Blocking::new(UnixStream::from(lane)), &key, seal).ok();
        });
    }
    // Ends with the pipeline.
    control.receive::<u32>()?;
    Ok(())
}

fn serve_lane(mut socket: Blocking, key: &card::PrivateKey, seal: bool) -> Result<(), Failure> {
    while let Some(message) = socket.receive()? {
        let Request { method, params } = serde_json::from_slice(message)?;
        match method {
            method::OPEN => socket.send(&parameters(key))?,
            method::PREPARE => {
                let request: Prepare = from_str(params.get())?;
                socket.send(&Prepared {
                    reference: request.wire.transaction_id,
                })?;
            }
            method::AUTHORIZE => {
                let request: Authorize = from_str(params.get())?;
                socket.send(&authorize(&request, seal.then_some(key))?)?;
            }
            other => return Err(format!("a bare gateway does not know {other}").into()),
        }
    }
    Ok(())
}

fn parameters(key: &card::PrivateKey) -> Parameters {
    Parameters {
        opens: Vec::new(),
        name: "Bare gateway".to_owned(),
        currencies: vec!["EUR".to_owned()],
        recipient: Recipient {
            certificates: Vec::new(),
            gateway: "bank".to_owned(),
            key_id: KEY_ID.to_owned(),
            public_key: key.public_bytes(),
        },
        live: false,
        reader_parameters: None,
        settings: None,
    }
}

fn authorize(request: &Authorize, key: Option<&card::PrivateKey>) -> Result<Answer, Failure> {
    if let (Some(key), CardSource::Read(read)) = (key, &request.card) {
        let associated = card::Associated {
            version: card::SEAL_VERSION,
            read_id: &read.read_id,
            transaction_id: &request.wire.transaction_id,
            device: &read.device,
            gateway: "bank",
            key_id: &read.sealed.key_id,
        };
        let Sealed {
            sender_key,
            encapsulated_key,
            ciphertext,
            ..
        } = &read.sealed;
        let sender = card::PublicKey::from_bytes(sender_key)?;
        drop(card::open_from(
            &sender,
            key,
            &associated,
            encapsulated_key,
            ciphertext,
        )?);
    }
    Ok(Answer {
        decision: Decision::Approved,
        response_code: "00".to_owned(),
        response_text: Some("Approved".to_owned()),
        approved_minor: Some(request.amounts.total_minor),
        approval_code: Some("A00001".to_owned()),
        rrn: Some("000000000001".to_owned()),
        issuer: BTreeMap::from([("91".to_owned(), "00112233445566778899".to_owned())]),
        signature_required: false,
        token: None,
        balance_minor: None,
        dcc: None,
    })
}
