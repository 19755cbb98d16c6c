// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the authority of one installation and everything it will ever sign.
//!
//! Pure: from a day and a name to texts. The authority's key lives in this function only.

use super::TlsError;
use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zeroize::{Zeroize, Zeroizing};

/// Leaves signed at once. With their overlaps they last ten years, the life of a till.
pub(super) const LEAVES: usize = 5;

/// Days of one leaf. Apple's systems accept 825 at most from an authority a person trusted.
pub(super) const LEAF_DAYS: i64 = 790;

/// Days that two leaves share, so that a clock that is weeks off on either side still finds one.
pub(super) const OVERLAP_DAYS: i64 = 60;

/// Days from one leaf to the next.
pub(super) const STEP_DAYS: i64 = LEAF_DAYS - OVERLAP_DAYS;

/// Certificates begin this long before they are made: a browser's clock may be behind.
const EARLY_DAYS: i64 = 1;

/// A certificate with its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
}

/// What an installation gets.
pub(super) struct Made {
    /// The authority's certificate, in PEM.
    pub(super) authority: String,
    /// Signed by it, oldest first.
    pub(super) leaves: Vec<Pair>,
}

/// The authority's name for people, in the trust store of a browser too.
pub(crate) fn authority_name(host_id: &str) -> String {
    format!("payhal host {host_id}")
}

/// Makes an authority with all its leaves, and drops its key.
pub(super) fn make(host_id: &str, today: Date) -> Result<Made, TlsError> {
    let begins = days_after(today, -EARLY_DAYS);
    let ends = days_after(begins, STEP_DAYS * (LEAVES as i64 - 1) + LEAF_DAYS);
    let params = constrained(host_id, begins, ends);
    let mut key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::from_params(&params, &key);
    let leaves = (0..LEAVES as i64).map(|number| {
        let begins = days_after(begins, STEP_DAYS * number);
        leaf(&issuer, begins, days_after(begins, LEAF_DAYS))
    });
    let leaves = leaves.collect::<Result<_, _>>();
    drop(issuer);
    key.zeroize();
    Ok(Made {
        authority,
        leaves: leaves?,
    })
}

fn constrained(host_id: &str, begins: Date, ends: Date) -> CertificateParams {
    let mut params = dated(begins, ends);
    params.distinguished_name = named(&authority_name(host_id));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(only_this_machine());
    params
}

/// An authority as it is made here, for who tries what its key could do.
#[cfg(test)]
pub(super) fn constrained_for_tests() -> CertificateParams {
    let day = |year| Date::new(year, 1, 1).unwrap();
    constrained("host", day(2026), day(2036))
}

/// Makes a certificate that stands for itself, for a listener whose clients compare fingerprints.
pub(super) fn make_alone(
    name: &str,
    names: &[String],
    address: IpAddr,
    today: Date,
    days: i64,
) -> Result<Pair, TlsError> {
    let begins = days_after(today, -EARLY_DAYS);
    let mut params = dated(begins, days_after(begins, days));
    params.distinguished_name = named(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let named = names.iter().map(|name| match name.parse() {
        Ok(ip) => Ok(SanType::IpAddress(ip)),
        Err(_) => Ok(SanType::DnsName(name.as_str().try_into()?)),
    });
    params.subject_alt_names = named.collect::<Result<_, rcgen::Error>>()?;
    if !address.is_unspecified() {
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(pair(certificate, key))
}

/// Whoever trusts this authority trusts it for nothing beyond this machine.
fn only_this_machine() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::V6(Ipv6Addr::LOCALHOST.octets(), [0xFF; 16])),
        ],
        excluded_subtrees: Vec::new(),
    }
}

fn leaf(issuer: &Issuer<'_, &KeyPair>, begins: Date, ends: Date) -> Result<Pair, TlsError> {
    let mut params = dated(begins, ends);
    params.distinguished_name = named("payhal on localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
    ];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?.pem();
    Ok(pair(certificate, key))
}

fn pair(certificate: String, mut key: KeyPair) -> Pair {
    let pair = Pair {
        certificate,
        key: Zeroizing::new(key.serialize_pem()),
    };
    key.zeroize();
    pair
}

fn named(name: &str) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::OrganizationName, "payhal");
    full.push(DnType::CommonName, name);
    full
}

fn dated(begins: Date, ends: Date) -> CertificateParams {
    let at_midnight = |date: Date| {
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    let mut params = CertificateParams::default();
    params.not_before = at_midnight(begins);
    params.not_after = at_midnight(ends);
    params
}

fn days_after(date: Date, days: i64) -> Date {
    date.saturating_add(jiff::Span::new().days(days))
}
