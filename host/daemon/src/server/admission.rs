// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a register gets in: hello, proof, and what comes before the first one, the pairing.
//!
//! It tells a stranger nothing that only a register of this host should know.

use super::convert;
use super::session::Session;
use crate::access::{Decision, Greeting, OPERATOR, Refusal, Standing, Unproven, Waiting};
use crate::audit::Action;
use crate::clock::Moment;
use payhal_engine::ids::RegisterId;
use payhal_protocol::access::{
    BeginParams, BeginResult, CompleteParams, CompleteResult, PairingState, RevealParams,
    RevealResult, RotateParams, RotateResult,
};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::limits::PAIRING_MS_MAX;
use payhal_protocol::method::Method;
use payhal_protocol::session::{
    AccessState, HelloParams, HelloResult, HostIdentity, ProveParams, ProveResult,
};
use std::sync::Arc;
use std::time::Duration;

/// Who may call a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Circle {
    /// Anybody who may connect.
    Strangers,
    /// A register that proved its pairing.
    Registers,
    /// The operator.
    Operator,
}

fn circle(method: Method) -> Circle {
    match method {
        Method::Discover
        | Method::Hello
        | Method::Prove
        | Method::Ping
        | Method::PairingBegin
        | Method::PairingReveal
        | Method::PairingComplete => Circle::Strangers,
        Method::PairingList
        | Method::PairingApprove
        | Method::PairingRefuse
        | Method::RegisterList
        | Method::RegisterUpdate
        | Method::RegisterUnpair
        | Method::RegisterRotate
        | Method::OperatorCode
        | Method::OperatorEnd
        | Method::DeviceSimulate
        | Method::Diagnose
        | Method::AuditList
        | Method::PluginList
        | Method::PluginExplain
        | Method::DeviceRecord
        | Method::DeviceUpdate
        | Method::PluginInstall
        | Method::PluginDisable
        | Method::PluginEnable
        | Method::PluginRollBack
        | Method::PluginRemove
        | Method::PluginTrust
        | Method::PluginUntrust
        | Method::PluginKeys
        | Method::InstanceList
        | Method::InstanceShow
        | Method::InstanceDraft
        | Method::InstanceSet
        | Method::InstanceLog
        | Method::InstanceRemove => Circle::Operator,
        _ => Circle::Registers,
    }
}

/// Refuses what this connection may not call at all.
pub(super) fn check(standing: &Standing, method: Method) -> Result<(), ErrorObject> {
    match (circle(method), standing) {
        (Circle::Strangers, _)
        | (_, Standing::Open)
        | (Circle::Registers | Circle::Operator, Standing::Socket | Standing::Console(_))
        | (Circle::Registers, Standing::Paired { .. }) => Ok(()),
        (_, Standing::Stranger) => Err(ErrorObject::named(ErrorName::PairingRequired)
            .with_message("This register is not paired with the payment host yet")
            .with_detail(
                "say hello and prove the pairing (session.hello, session.prove), or pair first \
                 (pairing.begin, and the operator says yes in the console or with `payhal pair`)",
            )),
        (Circle::Operator, Standing::Paired { .. }) => {
            Err(ErrorObject::named(ErrorName::PermissionDenied)
                .with_message("Only the operator of the payment host may do that")
                .with_detail(format!(
                    "{} is for the console and for the host's own command line",
                    method.name()
                )))
        }
    }
}

/// `session.hello`.
pub(super) fn hello(
    session: &Arc<Session>,
    params: &HelloParams,
) -> Result<HelloResult, ErrorObject> {
    if !params.protocol.contains(&1) {
        return Err(ErrorObject::named(ErrorName::ProtocolUnsupported)
            .with_detail("this host speaks version 1"));
    }
    let standing = session.standing();
    let again = matches!(standing, Standing::Paired { .. } | Standing::Console(_));
    let named = params.register_id.as_ref();
    if again && named.is_some_and(|id| id.as_str() != session.register().to_string()) {
        return Err(not_allowed(
            "this connection was proven for another register; open another one",
        ));
    }
    session.questions().answered(params.answers_requests);
    session.set_prompts(convert::prompt_kinds(params));
    match standing {
        Standing::Open | Standing::Socket => {
            if let Some(register) = named {
                session.set_register(RegisterId::from(register.as_str()));
            }
            let state = match standing {
                Standing::Open => AccessState::Open,
                _ => AccessState::Operator,
            };
            Ok(greeting(session, state, &session.register().to_string()))
        }
        Standing::Paired { .. } | Standing::Console(_) | Standing::Stranger => {
            Ok(greet(session, params, again))
        }
    }
}

/// What every answer to a hello holds.
fn greeting(session: &Session, state: AccessState, register: &str) -> HelloResult {
    let grant = session.grant();
    let visitor = session.presence().visitor();
    let certificate = visitor.and_then(|visitor| visitor.channel.certificate());
    // A page that nobody let in learns nothing that would tell this machine from another.
    let unknown_page = state == AccessState::Unpaired && is_page(session);
    let certificate = certificate.filter(|_| !unknown_page);
    HelloResult {
        host: identity(session, !unknown_page),
        protocol: 1,
        state,
        register_id: register.into(),
        permissions: grant.permissions(),
        limits: Some(grant.limits().clone()).filter(|limits| !limits.is_none()),
        nonce: None,
        proof: None,
        certificate: certificate.map(str::to_owned),
        rotate: false,
        why: None,
    }
}

fn is_page(session: &Session) -> bool {
    let visitor = session.presence().visitor();
    visitor.is_some_and(|visitor| visitor.origin.is_some() && !visitor.own_origin)
}

/// The host as this connection knows it; its name is for registers and native applications.
fn identity(session: &Session, named: bool) -> HostIdentity {
    let own = &session.shared.identity;
    let visitor = session.presence().visitor();
    let id = visitor.map_or(&own.id, |visitor| &visitor.host_id);
    let name = if named { own.name.as_str() } else { "payhal" };
    HostIdentity {
        id: id.clone(),
        name: name.to_owned(),
        version: own.version.clone(),
    }
}

/// Who names a key that is known is awaited to prove it; the host proves itself first.
fn greet(session: &Session, params: &HelloParams, again: bool) -> HelloResult {
    let presence = session.presence();
    let named = params.register_id.as_ref().map(|id| id.as_str());
    let register = named.unwrap_or("unpaired");
    let claim = match (&params.key_id, &params.nonce) {
        (Some(key_id), Some(nonce)) => presence.claim(register, key_id, nonce),
        _ => None,
    };
    let greeted = claim.map(|claim| session.gate().greet(claim, Moment::now()));
    match greeted {
        Some(Greeting::Known {
            challenge,
            proof,
            rotate,
        }) => {
            let nonce = challenge.nonce.clone();
            if !again {
                presence.await_proof(Some(challenge));
            }
            HelloResult {
                nonce: Some(nonce),
                proof: Some(proof),
                rotate,
                ..greeting(session, AccessState::Paired, register)
            }
        }
        None if again => greeting(
            session,
            AccessState::Paired,
            &session.register().to_string(),
        ),
        unknown => {
            presence.await_proof(None);
            let why = match unknown {
                Some(Greeting::Unknown(why)) => why,
                _ => None,
            };
            HelloResult {
                why,
                ..greeting(session, AccessState::Unpaired, register)
            }
        }
    }
}

/// `session.prove`.
pub(super) fn prove(
    session: &Arc<Session>,
    params: &ProveParams,
) -> Result<ProveResult, ErrorObject> {
    let presence = session.presence();
    let challenge = presence
        .spend_challenge()
        .ok_or_else(|| not_allowed("nothing is to be proven: say hello first"))?;
    let proven = session
        .gate()
        .prove(&challenge, &params.proof, Moment::now());
    let standing = match proven {
        Ok(standing) => standing,
        Err(Unproven::Wait { retry_after_ms }) => {
            return Err(ErrorObject::named(ErrorName::RateLimited)
                .with_detail("too many wrong proofs of this register or origin")
                .with_retry_after(retry_after_ms));
        }
        Err(Unproven::Wrong) => {
            tracing::warn!("a proof of a pairing was wrong");
            presence.was_wrong();
            return Err(ErrorObject::named(ErrorName::ProofInvalid)
                .with_detail("the nonces are spent: say hello anew, with a new nonce"));
        }
    };
    session.set_register(RegisterId::from(challenge.register_id()));
    presence.proven(standing, challenge.key_id());
    let grant = session.grant();
    Ok(ProveResult {
        register_id: challenge.register_id().into(),
        permissions: grant.permissions(),
        limits: Some(grant.limits().clone()).filter(|limits| !limits.is_none()),
    })
}

/// `pairing.begin`.
pub(super) fn begin(
    session: &Arc<Session>,
    params: BeginParams,
) -> Result<BeginResult, ErrorObject> {
    let presences = session.presences();
    presences.sweep();
    let asker = session.presence().asker();
    let asker = asker.filter(|_| !session.standing().is_operator());
    let asker = asker.ok_or_else(|| not_allowed("the operator needs no pairing"))?;
    let id = params.register.id.0;
    if id == OPERATOR {
        let sentence = "A register cannot be called `operator`";
        return Err(not_allowed(sentence).with_message(sentence));
    }
    let register = (id, params.register.name);
    let (ended, begun) = presences
        .gate
        .begin(asker, register, params.commitment, Moment::now());
    for id in ended {
        presences.pairing_changed(&id, PairingState::Ended);
    }
    let begun = begun.map_err(refused)?;
    presences.pairing_changed(&begun.id, PairingState::Open);
    let watched = Arc::clone(presences);
    tokio::spawn(async move {
        // A little late rather than a little early.
        tokio::time::sleep(Duration::from_millis(PAIRING_MS_MAX + 10)).await;
        watched.sweep();
    });
    Ok(BeginResult {
        pairing_id: begun.id.into(),
        public_key: begun.share.public_key,
        nonce: begun.share.nonce,
        expires_at: convert::rfc3339(begun.expires.wall_micros),
        host: identity(session, !is_page(session)),
    })
}

/// `pairing.reveal`.
pub(super) fn reveal(
    session: &Arc<Session>,
    params: &RevealParams,
) -> Result<RevealResult, ErrorObject> {
    let presences = session.presences();
    presences.sweep();
    let (id, presence) = (params.pairing_id.as_str(), session.presence());
    let revealed = presences
        .gate
        .reveal(id, presence.number(), &params.share());
    let state = match revealed {
        Ok(()) => PairingState::Open,
        Err(Refusal::Mismatch) => PairingState::Ended,
        Err(other) => return Err(refused(other)),
    };
    presences.pairing_changed(id, state);
    revealed.map_err(refused)?;
    let visitor = presence.visitor();
    let certificate = visitor.and_then(|visitor| visitor.channel.certificate());
    Ok(RevealResult {
        certificate: certificate.map(str::to_owned),
    })
}

/// `pairing.complete`.
pub(super) async fn complete(
    session: Arc<Session>,
    params: CompleteParams,
) -> Result<CompleteResult, ErrorObject> {
    let id = params.pairing_id.as_str();
    let number = session.presence().number();
    let (waiting, _) = session.gate().waiting(id, number).map_err(refused)?;
    match decided(waiting).await {
        Decision::Approved(answer) => Ok(*answer),
        Decision::Refused => Err(ErrorObject::named(ErrorName::PermissionDenied)
            .with_message("The operator refused this register")
            .with_detail("pairing refused")),
        Decision::Conflict => Err(ErrorObject::named(ErrorName::RegisterConflict)
            .with_message("Another register uses the same id, and the operator kept that one")
            .with_detail("pair under another id, or have the other register unpaired first")),
        Decision::Expired => Err(ErrorObject::named(ErrorName::TimedOut)
            .with_message("Nobody confirmed this register in time")
            .with_detail("begin a new pairing")),
        Decision::Ended => Err(ErrorObject::named(ErrorName::ProofInvalid)
            .with_message("The pairing was ended: the numbers were not equal")
            .with_detail("begin a new pairing, and compare all six digits")),
    }
}

async fn decided(mut waiting: Waiting) -> Decision {
    loop {
        if let Some(decision) = waiting.borrow_and_update().clone() {
            return decision;
        }
        if waiting.changed().await.is_err() {
            return Decision::Ended;
        }
    }
}

/// `pairing.rotate`.
pub(super) async fn rotate(
    session: Arc<Session>,
    params: RotateParams,
) -> Result<RotateResult, ErrorObject> {
    let presence = session.presence();
    let (Standing::Paired { register_id, .. }, Some(key_id)) =
        (session.standing(), presence.key_id())
    else {
        return Err(not_allowed(
            "only a register that proved its pairing has a secret",
        ));
    };
    session
        .audit(
            Action::RegisterRotated,
            Some(&register_id),
            "the register agreed about a new secret",
        )
        .await?;
    let host_id = identity(&session, true).id;
    let agreed = session
        .gate()
        .rotate(&host_id, &register_id, &key_id, &params.share())
        .map_err(|error| on_disk(&error))?;
    let (share, key_id) = agreed.ok_or_else(|| {
        ErrorObject::named(ErrorName::ProofInvalid)
            .with_detail("the key is no point of P-256, or this connection's secret was replaced")
    })?;
    Ok(RotateResult {
        public_key: share.public_key,
        nonce: share.nonce,
        key_id,
    })
}

/// The file of registers could not be written: nothing was changed.
pub(super) fn on_disk(error: &std::io::Error) -> ErrorObject {
    tracing::error!("failed to keep the registers: {error}");
    ErrorObject::named(ErrorName::JournalUnavailable)
        .with_message("The list of registers cannot be written. Nothing was changed")
        .with_detail(error.to_string())
}

pub(super) fn not_allowed(detail: &str) -> ErrorObject {
    ErrorObject::named(ErrorName::NotAllowed)
        .with_message("Not possible now")
        .with_detail(detail)
}

pub(super) fn refused(refusal: Refusal) -> ErrorObject {
    match refusal {
        Refusal::Rate { retry_after_ms } => ErrorObject::named(ErrorName::RateLimited)
            .with_message("Too many registers are being paired, please try again later")
            .with_detail("one open pairing for each origin, four in all, and only so many tries")
            .with_retry_after(retry_after_ms),
        Refusal::Unknown => not_allowed("there is no such open pairing on this connection"),
        Refusal::Mismatch => ErrorObject::named(ErrorName::ProofInvalid)
            .with_detail("what was revealed is not what was committed to; the pairing is ended"),
        Refusal::TooEarly => not_allowed("the register has not revealed its share yet"),
        Refusal::Number => ErrorObject::named(ErrorName::NotAllowed)
            .with_message("The numbers are not equal. The pairing was ended")
            .with_detail("another number than the one of this pairing; begin anew"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_protocol::METHODS;

    fn allowed(standing: &Standing) -> Vec<&'static str> {
        let rows = METHODS.iter();
        let allowed = rows.filter(|row| check(standing, row.method).is_ok());
        allowed.map(|row| row.name).collect()
    }

    #[test]
    fn a_stranger_may_prove_itself_or_be_paired_and_nothing_else() {
        assert_eq!(
            allowed(&Standing::Stranger),
            [
                "rpc.discover",
                "session.hello",
                "session.prove",
                "session.ping",
                "pairing.begin",
                "pairing.reveal",
                "pairing.complete",
            ]
        );
    }

    #[test]
    fn a_register_is_no_operator() {
        let paired = Standing::Paired {
            register_id: "till-1".to_owned(),
            generation: 1,
        };
        let allowed = allowed(&paired);
        assert!(allowed.contains(&"payment.sale"));
        assert!(allowed.contains(&"pairing.rotate"));
        for word in [
            "register.",
            "operator.",
            "pairing.approve",
            "pairing.list",
            "audit.",
            "host.",
            "plugin.",
        ] {
            assert!(!allowed.iter().any(|name| name.starts_with(word)), "{word}");
        }
        assert!(!allowed.contains(&"device.simulate"));
        let error = check(&paired, Method::OperatorCode).unwrap_err();
        assert_eq!(error.name(), Some(ErrorName::PermissionDenied));
    }

    #[test]
    fn the_operator_may_call_everything() {
        for standing in [Standing::Socket, Standing::Console(1), Standing::Open] {
            assert_eq!(allowed(&standing).len(), METHODS.len());
        }
    }
}
