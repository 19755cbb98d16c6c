// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is at the other end, and who this register is: greeting, proofs, pairing, rotation.
//!
//! Owns the first words of each connection. It must never prove this register to a host that has
//! not proven itself, nor pass a payment to one.

use payhal_protocol::access::{
    BeginParams, BeginResult, CompleteParams, CompleteResult, PairingRegister, RevealParams,
    RevealResult, RotateParams, RotateResult,
};
use payhal_protocol::pairing::{Proven, Rotation, Secret, Share, Transcript, number, same};
use payhal_protocol::rpc::{self, FromHost, Id};
use payhal_protocol::session::{
    AccessState, Ended, HelloParams, HelloResult, ProveParams, ProveResult,
};
use payhal_protocol::{Method, RegisterId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::agreement::{KeyPair, nonce};
use crate::config::{Config, Endpoint};
use crate::error::{ConnectError, WhyUnpaired};
use crate::limits::{ATTEMPT_MAX, PAIRING_MAX};
use crate::pairing::{Pairing, PairingStore};
use crate::transport::{Lost, Transport};

/// The id of every call before the connection is open for others, whose ids begin after it.
pub(crate) const FIRST_ID: i64 = 0;

/// Says hello. Where there is a pairing, the host proves it first and this register second.
pub(crate) async fn greet(
    transport: &mut Transport,
    config: &Config,
) -> Result<HelloResult, ConnectError> {
    let store = config.store.as_deref().filter(|_| transport.is_remote());
    let pairing = match store {
        Some(store) => store.load().map_err(ConnectError::Store)?,
        None => None,
    };
    let (Some(pairing), Some(store)) = (pairing, store) else {
        return stranger(transport, &config.hello, store).await;
    };
    let mut hello = prove(transport, config, &pairing, &pairing.secret).await?;
    let mut proven = &pairing.secret;
    if let (AccessState::Unpaired, Some(previous)) = (hello.state, &pairing.previous) {
        hello = prove(transport, config, &pairing, previous).await?;
        proven = previous;
    }
    if hello.state == AccessState::Unpaired {
        // One that says nothing of the pairing's end has forgotten it, or is not that host.
        return Err(ConnectError::Unpaired(why(&hello, WhyUnpaired::Forgotten)));
    }
    let mut kept = Pairing {
        secret: proven.clone(),
        previous: None,
        ..pairing.clone()
    };
    if pairing.previous.is_some() {
        // Proven both ways: the other secret is over.
        store.save(&kept).map_err(ConnectError::Store)?;
    }
    if hello.rotate {
        rotate(transport, &mut kept, store).await?;
    }
    Ok(hello)
}

fn why(hello: &HelloResult, else_because: WhyUnpaired) -> WhyUnpaired {
    match hello.why {
        Some(Ended::Replaced) => WhyUnpaired::Replaced,
        Some(Ended::Unpaired | Ended::OperatorEnded) => WhyUnpaired::Unpaired,
        None => else_because,
    }
}

/// Without a pairing. A client that keeps none is told by the host, call by call, what it may do;
/// one that would keep it is told here that there is none.
async fn stranger(
    transport: &mut Transport,
    hello: &HelloParams,
    store: Option<&dyn PairingStore>,
) -> Result<HelloResult, ConnectError> {
    let answer: HelloResult = ask(transport, Method::Hello, hello).await?;
    match (store, answer.state) {
        (Some(_), AccessState::Unpaired) => {
            Err(ConnectError::Unpaired(why(&answer, WhyUnpaired::Never)))
        }
        (Some(_), AccessState::Paired) => Err(ConnectError::Impostor(
            "a host of another pairing".to_owned(),
        )),
        _ => Ok(answer),
    }
}

async fn prove(
    transport: &mut Transport,
    config: &Config,
    pairing: &Pairing,
    secret: &Secret,
) -> Result<HelloResult, ConnectError> {
    let hello = HelloParams {
        // The register of the pairing, whatever the caller named: proofs are over it.
        register_id: Some(pairing.register_id.clone()),
        key_id: Some(secret.key_id()),
        nonce: Some(nonce()?),
        ..config.hello.clone()
    };
    let answer: HelloResult = ask(transport, Method::Hello, &hello).await?;
    if answer.state == AccessState::Unpaired {
        return Ok(answer);
    }
    // Also `open`: who forgets to ask for a proof gets no payment of a paired register.
    let impostor = || ConnectError::Impostor(pairing.host_name.clone());
    if answer.state != AccessState::Paired || answer.host.id != pairing.host_id {
        return Err(impostor());
    }
    let proven = Proven {
        host_id: &pairing.host_id,
        register_id: pairing.register_id.as_str(),
        nonce_register: hello.nonce.as_deref().unwrap_or_default(),
        nonce_host: answer.nonce.as_deref().ok_or_else(impostor)?,
        origin: None,
        authority: transport.authority(),
        channel: &transport.channel(),
    };
    let proof = answer.proof.as_deref().ok_or_else(impostor)?;
    if !same(proof, &secret.host_proof(&proven)) {
        return Err(impostor());
    }
    let params = ProveParams {
        proof: secret.register_proof(&proven),
    };
    let granted: ProveResult = ask(transport, Method::Prove, &params).await?;
    Ok(HelloResult {
        register_id: granted.register_id,
        permissions: granted.permissions,
        limits: granted.limits,
        ..answer
    })
}

/// Agrees on a new secret. The old one is kept until the new one was proven, on the next
/// connection. A host that cannot do it now leaves everything as it is.
async fn rotate(
    transport: &mut Transport,
    kept: &mut Pairing,
    store: &dyn PairingStore,
) -> Result<(), ConnectError> {
    let own = KeyPair::new()?;
    let params = RotateParams {
        public_key: own.share.public_key.clone(),
        nonce: own.share.nonce.clone(),
    };
    let answer: RotateResult = match ask(transport, Method::PairingRotate, &params).await {
        Ok(answer) => answer,
        Err(ConnectError::Refused(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let host = Share {
        public_key: answer.public_key,
        nonce: answer.nonce,
    };
    let rotation = Rotation {
        host_id: &kept.host_id,
        register_id: kept.register_id.as_str(),
        register: &own.share,
        host: &host,
    };
    let Some(x) = own.x(&host.public_key) else {
        return Ok(());
    };
    let next = kept.secret.rotated(&x, &rotation);
    if next.key_id() != answer.key_id {
        return Ok(());
    }
    kept.previous = Some(std::mem::replace(&mut kept.secret, next));
    store.save(kept).map_err(ConnectError::Store)
}

/// Pairs this register with the host at `endpoint`.
///
/// `on_number` gets the six digits to show; the operator compares them and enters them at the
/// host. Answers when that is done, the pairing is in the store and both sides have proven it.
///
/// # Errors
/// The host cannot be reached, the operator refuses, nobody answers within two minutes, or the
/// store cannot keep it. `config` must name a register and have a store.
pub async fn pair(
    endpoint: &Endpoint,
    config: &Config,
    name: &str,
    on_number: impl FnOnce(&str),
) -> Result<Pairing, ConnectError> {
    let (Some(id), Some(store)) = (config.hello.register_id.clone(), config.store.as_deref())
    else {
        return Err(ConnectError::NothingToPair);
    };
    let mut transport = timeout(ATTEMPT_MAX, Transport::open(endpoint))
        .await
        .unwrap_or(Err(ConnectError::Timeout))?;
    let agreed = timeout(
        PAIRING_MAX,
        agree(&mut transport, config, id, name, on_number),
    )
    .await
    .unwrap_or(Err(ConnectError::Timeout))?;
    store.save(&agreed).map_err(ConnectError::Store)?;
    let proven = timeout(ATTEMPT_MAX, greet(&mut transport, config)).await;
    proven.unwrap_or(Err(ConnectError::Timeout))?;
    transport.close().await;
    Ok(agreed)
}

async fn agree(
    transport: &mut Transport,
    config: &Config,
    register_id: RegisterId,
    name: &str,
    on_number: impl FnOnce(&str),
) -> Result<Pairing, ConnectError> {
    let _: HelloResult = ask(transport, Method::Hello, &config.hello).await?;
    let own = KeyPair::new()?;
    let begin = BeginParams {
        register: PairingRegister {
            id: register_id.clone(),
            name: name.to_owned(),
        },
        commitment: own.share.commitment(),
    };
    let begun: BeginResult = ask(transport, Method::PairingBegin, &begin).await?;
    let reveal = RevealParams {
        pairing_id: begun.pairing_id.clone(),
        public_key: own.share.public_key.clone(),
        nonce: own.share.nonce.clone(),
    };
    let revealed: RevealResult = ask(transport, Method::PairingReveal, &reveal).await?;
    if revealed.certificate.as_deref() != transport.certificate() {
        return Err(ConnectError::Impostor(
            "the host: somebody stands in between".to_owned(),
        ));
    }
    let host = Share {
        public_key: begun.public_key.clone(),
        nonce: begun.nonce.clone(),
    };
    let digest = Transcript {
        host_id: &begun.host.id,
        pairing_id: begun.pairing_id.as_str(),
        register_id: register_id.as_str(),
        register_name: name,
        origin: None,
        authority: transport.authority(),
        channel: &transport.channel(),
        register: &own.share,
        host: &host,
    }
    .digest();
    let digits = number(&digest);
    let (first, last) = digits.split_at(digits.len() / 2);
    on_number(&format!("{first} {last}"));
    let complete = CompleteParams {
        pairing_id: begun.pairing_id,
    };
    let completed: CompleteResult = ask(transport, Method::PairingComplete, &complete).await?;
    let impostor = || ConnectError::Impostor(begun.host.name.clone());
    let secret = Secret::agreed(&*own.x(&host.public_key).ok_or_else(impostor)?, &digest);
    if secret.key_id() != completed.key_id {
        return Err(impostor());
    }
    Ok(Pairing {
        host_id: begun.host.id,
        host_name: begun.host.name,
        register_id: completed.register_id,
        secret,
        previous: None,
    })
}

/// A call before the connection is open for others.
async fn ask<P: Serialize, R: DeserializeOwned>(
    transport: &mut Transport,
    method: Method,
    params: &P,
) -> Result<R, ConnectError> {
    let lost = |Lost| ConnectError::Greeting;
    let text = rpc::call_text(&Id::from(FIRST_ID), method.name(), params);
    transport.feed(&text).await.map_err(lost)?;
    transport.flush().await.map_err(lost)?;
    loop {
        let text = transport.receive().await.map_err(lost)?;
        match rpc::read_from_host(&text) {
            Some(FromHost::Answer {
                outcome: Ok(result),
                ..
            }) => {
                return serde_json::from_str(result.get()).map_err(|_| ConnectError::Greeting);
            }
            Some(FromHost::Answer {
                outcome: Err(error),
                ..
            }) => {
                return Err(ConnectError::Refused(error));
            }
            Some(FromHost::Notification { .. }) => {}
            _ => return Err(ConnectError::Greeting),
        }
    }
}
