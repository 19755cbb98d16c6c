// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates of sealing keys: X.509, P-256, ECDSA with SHA-256.
//!
//! A device plugin carries its anchors in its own library and asks [`verify`] before it seals
//! anything: whoever only carries the certificate cannot put a key of his own in. A certificate is
//! signed by an anchor itself; an authority between the two is made an anchor instead. Nothing here
//! may decide by a name that a certificate gives itself, or by a clock of its own.

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Far more than such a certificate has.
const BYTES_MAX: usize = 8 * 1024;

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A key that an anchor vouches for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certified {
    /// Whom the certificate names. For people: it decides nothing.
    pub subject: String,
    /// Last second in which the key may be sealed to, since 1970.
    pub not_after: u64,
    /// Which of the anchors signed it.
    pub anchor: usize,
}

/// Why a key must not be sealed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// The recipient has none.
    #[error("the recipient's key has no certificate")]
    None,
    /// The bytes are no such certificate.
    #[error("the recipient's certificate ({0} bytes) is not one of X.509 with a key of P-256")]
    Malformed(usize),
    /// No anchor has the issuer's name.
    #[error(
        "the recipient's certificate was issued by an authority that this reader does not know"
    )]
    UnknownIssuer,
    /// The anchor of that name did not sign it.
    #[error("the recipient's certificate was altered or forged")]
    Altered,
    /// Too early.
    #[error("the recipient's certificate is not valid yet: check this computer's clock")]
    NotYetValid,
    /// Too late: itself, or its anchor.
    #[error("the recipient's certificate has expired")]
    Expired,
    /// It is for something else.
    #[error("the recipient's certificate is not for sealing")]
    NotForSealing,
    /// It vouches for another key than the one that is shown.
    #[error("the recipient's key is not the one that its certificate vouches for")]
    OtherKey,
}

/// Checks that one of `anchors` vouches for the key of a recipient at this time, in seconds since
/// 1970. The first of `certificates` counts; anchors are certificates too.
///
/// # Errors
/// [`CertificateError`]; [`CertificateError::Malformed`] for anchors that are none as well.
pub fn verify<C: AsRef<[u8]>>(
    certificates: &[C],
    anchors: &[&[u8]],
    now: u64,
    public_key: &[u8],
) -> Result<Certified, CertificateError> {
    let leaf = certificates.first().ok_or(CertificateError::None)?;
    let leaf = read(leaf.as_ref())?;
    let (place, anchor) = signer_of(&leaf, anchors)?;
    in_time(&anchor, now)?;
    in_time(&leaf, now)?;
    if !is_authority(&anchor) || !is_for_sealing(&leaf) {
        return Err(CertificateError::NotForSealing);
    }
    let tbs = leaf.tbs_certificate();
    if point(tbs.subject_public_key_info()) != Some(public_key) {
        return Err(CertificateError::OtherKey);
    }
    Ok(Certified {
        subject: tbs.subject().to_string(),
        not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
        anchor: place,
    })
}

/// The name of a sealing key: letters `a` to `p` for the first sixteen bytes of its SHA-256. Letters,
/// because a run of digits could be taken for a card number.
pub fn key_id(public_key: &[u8]) -> String {
    let nibbles = |byte: u8| [byte >> 4, byte & 15];
    let hash = Sha256::digest(public_key);
    let letters = hash[..16].iter().copied().flat_map(nibbles);
    letters.map(|nibble| char::from(b'a' + nibble)).collect()
}

fn read(der: &[u8]) -> Result<Certificate, CertificateError> {
    let malformed = CertificateError::Malformed(der.len());
    if der.len() > BYTES_MAX {
        return Err(malformed);
    }
    let read = Certificate::from_der(der).map_err(|_| malformed)?;
    // One encoding only, so that what is checked is what was signed.
    match read.to_der() {
        Ok(again) if again == der => Ok(read),
        _ => Err(malformed),
    }
}

/// The anchor whose key signed this certificate, and its place among them. Several may have one name,
/// while an authority changes its key.
fn signer_of(
    leaf: &Certificate,
    anchors: &[&[u8]],
) -> Result<(usize, Certificate), CertificateError> {
    let mut refused = CertificateError::UnknownIssuer;
    for (place, anchor) in anchors.iter().enumerate() {
        let anchor = read(anchor)?;
        if anchor.tbs_certificate().subject() != leaf.tbs_certificate().issuer() {
            continue;
        }
        if has_signed(&anchor, leaf) {
            return Ok((place, anchor));
        }
        refused = CertificateError::Altered;
    }
    Err(refused)
}

fn has_signed(anchor: &Certificate, leaf: &Certificate) -> bool {
    let tbs = leaf.tbs_certificate();
    let algorithm = leaf.signature_algorithm();
    let key = point(anchor.tbs_certificate().subject_public_key_info());
    let key = key.and_then(|point| VerifyingKey::from_sec1_bytes(point).ok());
    let signature = leaf.signature().as_bytes();
    let signature = signature.and_then(|bytes| DerSignature::from_bytes(bytes).ok());
    let (Some(key), Some(signature), Ok(signed)) = (key, signature, tbs.to_der()) else {
        return false;
    };
    algorithm == tbs.signature()
        && algorithm.oid == ECDSA_WITH_SHA256
        && algorithm.parameters.is_none()
        && key.verify(&signed, &signature).is_ok()
}

/// The point of a key of P-256, as it stands there.
fn point(key: &SubjectPublicKeyInfoOwned) -> Option<&[u8]> {
    let curve = key.algorithm.parameters.as_ref()?;
    let curve = curve.decode_as::<ObjectIdentifier>().ok()?;
    (key.algorithm.oid == EC_PUBLIC_KEY && curve == P256)
        .then(|| key.subject_public_key.as_bytes())
        .flatten()
}

fn in_time(certificate: &Certificate, now: u64) -> Result<(), CertificateError> {
    let validity = certificate.tbs_certificate().validity();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotYetValid);
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

fn is_authority(certificate: &Certificate) -> bool {
    is_basic(certificate) == Some(true)
        && usages(certificate).is_some_and(|usages| usages.contains(KeyUsages::KeyCertSign))
}

/// For key agreement and nothing else: a key that also signs belongs to some other use.
fn is_for_sealing(certificate: &Certificate) -> bool {
    is_basic(certificate) == Some(false)
        && usages(certificate)
            .is_some_and(|usages| usages == FlagSet::from(KeyUsages::KeyAgreement))
}

/// Whether it says that it is an authority's. Nothing where it asks for more than is understood here.
fn is_basic(certificate: &Certificate) -> Option<bool> {
    let tbs = certificate.tbs_certificate();
    let known = [BasicConstraints::OID, KeyUsage::OID];
    let mut extensions = tbs.extensions()?.iter();
    if extensions.any(|extension| extension.critical && !known.contains(&extension.extn_id)) {
        return None;
    }
    match tbs.get_extension::<BasicConstraints>() {
        Ok(found) => Some(found.is_some_and(|(_, basic)| basic.ca)),
        Err(_) => None,
    }
}

fn usages(certificate: &Certificate) -> Option<FlagSet<KeyUsages>> {
    let tbs = certificate.tbs_certificate();
    let (_, usage) = tbs.get_extension::<KeyUsage>().ok()??;
    Some(usage.0)
}
