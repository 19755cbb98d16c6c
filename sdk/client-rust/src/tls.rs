// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS to the host: trusted by the system, or pinned to one certificate.
//!
//! Owns who is accepted as a server. It must never send anything before that is decided.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::Trust;
use crate::error::ConnectError;

/// Shakes hands; answers the stream and the SHA-256 of the certificate that was shown.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
) -> Result<(TlsStream<TcpStream>, String), ConnectError> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| ConnectError::Address(host.to_owned()))?;
    let connector = TlsConnector::from(Arc::new(config(trust)?));
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(ConnectError::Tls)?;
    let shown = stream.get_ref().1.peer_certificates();
    let leaf = shown.and_then(<[_]>::first).ok_or(ConnectError::Greeting)?;
    let fingerprint = fingerprint(leaf);
    Ok((stream, fingerprint))
}

fn config(trust: &Trust) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(ConnectError::Trust)?;
    let builder = match trust {
        Trust::System => builder
            .with_platform_verifier()
            .map_err(ConnectError::Trust)?,
        Trust::Pinned(fingerprint) => {
            let wanted = fingerprint.replace(':', "").to_ascii_lowercase();
            let pin = Pin { wanted, provider };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(pin))
        }
    };
    Ok(builder.with_no_client_auth())
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Accepts one certificate, whatever its names and dates are.
#[derive(Debug)]
struct Pin {
    wanted: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if fingerprint(end_entity) == self.wanted {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General(
            "not the certificate that was pinned".to_owned(),
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
