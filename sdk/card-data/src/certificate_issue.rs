// SPDX-License-Identifier: MIT OR Apache-2.0
//! An authority that certifies sealing keys. For the sandbox and for tests: a gateway's own
//! authority issues elsewhere, and its key must never come here.

use crate::random;
use crate::seal_keys::PublicKey;
use p256::ecdsa::{DerSignature, SigningKey};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder, CertificateBuilder};
use x509_cert::der::Encode;
use x509_cert::der::asn1::GeneralizedTime;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{EncodePublicKey, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

/// Why a certificate was not made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IssueError {
    /// Letters, digits, blanks, dots, dashes and underscores; one to sixty-four of them.
    #[error("a name in a certificate has 1 to 64 letters, digits, blanks, dots and dashes")]
    Name,
    /// The authority's key or the one to certify is none.
    #[error("a key ({0} bytes) is not one of P-256")]
    Key(usize),
    /// The time ends before it begins, or is past the year 9999.
    #[error("the time of a certificate ends before it begins, or too late")]
    Time,
    /// Signing or encoding failed.
    #[error("failed to make a certificate")]
    Make,
}

/// When a certificate is valid: seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ValidTime {
    /// First second.
    pub from: u64,
    /// Last second.
    pub until: u64,
}

/// An authority, with its private key.
pub struct Authority {
    name: Name,
    key: SigningKey,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.name)
    }
}

impl Authority {
    /// An authority of that name with a private key of 32 bytes.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn new(name: &str, private_key: &[u8]) -> Result<Self, IssueError> {
        let key = SigningKey::from_slice(private_key);
        Ok(Self {
            name: named(name)?,
            key: key.map_err(|_| IssueError::Key(private_key.len()))?,
        })
    }

    /// Its own certificate, DER: what a device plugin carries as an anchor. The same each time.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn anchor(&self, valid: ValidTime) -> Result<Vec<u8>, IssueError> {
        let own = self.key.verifying_key().to_public_key_der();
        let own = own.map_err(|_| IssueError::Make)?;
        let profile = Sealing {
            issuer: self.name.clone(),
            subject: self.name.clone(),
            authority: true,
        };
        self.sign(profile, SerialNumber::from(1u8), own.as_bytes(), valid)
    }

    /// A certificate, DER, for a sealing key of 65 bytes.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(
        &self,
        subject: &str,
        public_key: &[u8],
        valid: ValidTime,
    ) -> Result<Vec<u8>, IssueError> {
        let wrong = IssueError::Key(public_key.len());
        PublicKey::from_bytes(public_key).map_err(|_| wrong)?;
        let key = p256::PublicKey::from_sec1_bytes(public_key).map_err(|_| wrong)?;
        let key = key.to_public_key_der().map_err(|_| wrong)?;
        let mut serial = random::array::<16>();
        // Positive and of full length.
        serial[0] = serial[0] & 0x7F | 0x40;
        let serial = SerialNumber::new(&serial).map_err(|_| IssueError::Make)?;
        let profile = Sealing {
            issuer: self.name.clone(),
            subject: named(subject)?,
            authority: false,
        };
        self.sign(profile, serial, key.as_bytes(), valid)
    }

    fn sign(
        &self,
        profile: Sealing,
        serial: SerialNumber,
        key: &[u8],
        valid: ValidTime,
    ) -> Result<Vec<u8>, IssueError> {
        if valid.from > valid.until {
            return Err(IssueError::Time);
        }
        let valid = Validity::new(time(valid.from)?, time(valid.until)?);
        let key = SubjectPublicKeyInfoOwned::try_from(key).map_err(|_| IssueError::Make)?;
        CertificateBuilder::new(profile, serial, valid, key)
            .and_then(|builder| builder.build::<_, DerSignature>(&self.key))
            .ok()
            .and_then(|certificate| certificate.to_der().ok())
            .ok_or(IssueError::Make)
    }
}

fn time(seconds: u64) -> Result<Time, IssueError> {
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))
        .map(Time::GeneralTime)
        .map_err(|_| IssueError::Time)
}

fn named(name: &str) -> Result<Name, IssueError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_".contains(&byte);
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain) && name.trim() == name;
    if !fits {
        return Err(IssueError::Name);
    }
    Name::from_str(&format!("CN={name}")).map_err(|_| IssueError::Name)
}

/// What an authority's certificate says of its use, and a sealing key's.
struct Sealing {
    issuer: Name,
    subject: Name,
    authority: bool,
}

impl BuilderProfile for Sealing {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let basic = BasicConstraints {
            ca: self.authority,
            path_len_constraint: self.authority.then_some(0),
        };
        let usage = if self.authority {
            KeyUsages::KeyCertSign
        } else {
            KeyUsages::KeyAgreement
        };
        let usage = KeyUsage(usage.into());
        Ok(vec![
            (true, &basic).to_extension(tbs.subject(), &[])?,
            (true, &usage).to_extension(tbs.subject(), &[])?,
        ])
    }
}
