// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host that is pinned, and one that is not the pinned one.

use std::sync::Arc;

use super::super::hello_result;
use futures_util::{SinkExt, StreamExt};
use payhal_client::{Client, Config, ConnectError, Endpoint, Trust};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// A TLS server with a certificate of its own; answers its SHA-256.
fn server() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["a shop".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let digest = Sha256::digest(&certificate);
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let fingerprint = digest
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>();
    (TlsAcceptor::from(Arc::new(config)), fingerprint.join(":"))
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("wss://{}/v1/ws", listener.local_addr().unwrap());
    (listener, address)
}

/// Connects where every certificate is the server's; nothing more than a handshake is answered.
async fn refused(acceptor: &TlsAcceptor, trust: Trust) -> Result<Client, ConnectError> {
    let (listener, address) = listen().await;
    let endpoint = Endpoint::Wss(address, trust);
    let (client, shaken) = tokio::join!(Client::connect_with(endpoint, Config::default()), async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_ok()
    });
    assert!(!shaken);
    client
}

#[tokio::test]
async fn only_the_pinned_certificate_is_spoken_to() {
    let (acceptor, fingerprint) = server();
    let (listener, address) = listen().await;
    // A system that does not know a certificate does not trust it either.
    assert_eq!(
        Endpoint::url(&address),
        Endpoint::Wss(address.clone(), Trust::System)
    );
    for trust in [Trust::Pinned("00".repeat(32)), Trust::System] {
        let client = refused(&acceptor, trust).await;
        assert!(matches!(client, Err(ConnectError::Tls(_))), "{client:?}");
    }
    let endpoint = Endpoint::Wss(address, Trust::Pinned(fingerprint));
    let (client, ()) = tokio::join!(Client::connect_with(endpoint, Config::default()), async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        let mut peer = tokio_tungstenite::accept_async(stream).await.unwrap();
        let hello = peer.next().await.unwrap().unwrap().into_text().unwrap();
        let hello: Value = serde_json::from_str(&hello).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": hello["id"], "result": hello_result()});
        peer.send(Message::text(answer.to_string())).await.unwrap();
    });
    client.unwrap();
}
