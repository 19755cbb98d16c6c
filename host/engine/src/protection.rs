// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a gateway may be sent what a device reads: who encrypts, under which keys, and whether
//! real money is at stake.
//!
//! Asked before the reader lights up, and again when routing has decided, since the gateway or the
//! device's keys may be others by then. A device that does not say how it encrypts must never reach
//! a live gateway.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::engine::Engine;
use crate::gateway::GatewayParameters;
use crate::ids::{DeviceId, GatewayId};
use std::fmt;
use std::sync::Arc;

/// How a device protects what it reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Protection {
    /// Whether it drives nothing real; from its manifest.
    pub simulated: bool,
    /// How it encrypts; absent where it does not say.
    pub sealing: Option<Sealing>,
}

/// How a device encrypts what it reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealing {
    /// As a sealed read names it.
    pub scheme: Arc<str>,
    /// Whether its plugin encrypts, because the device cannot.
    pub software: bool,
    /// Whether its keys are for tests.
    pub test_keys: bool,
}

/// Why a gateway is not sent what a device reads.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Objection {
    Scheme { sealed: Arc<str>, opens: String },
    Simulated,
    TestKeys,
    Silent,
    Software,
}

impl Objection {
    fn reason(&self) -> Reason {
        match self {
            // Another device could.
            Self::Scheme { .. } | Self::Silent => Reason::DeviceUnsupported,
            Self::Simulated | Self::TestKeys | Self::Software => Reason::NotAllowed,
        }
    }
}

/// What to do about it; said behind the names of gateway and device.
impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme { sealed, opens } => write!(
                f,
                "does not open what it encrypts ({sealed}), but {opens}: configure the device's \
                 encryption, or another gateway"
            ),
            Self::Simulated => f.write_str(
                "is live and takes nothing of a simulated device: name a real one, or a gateway \
                 for tests",
            ),
            Self::TestKeys => f.write_str(
                "is live and the device's keys are for tests: load its real keys, or name a \
                 gateway for tests",
            ),
            Self::Silent => f.write_str(
                "is live and the device does not say how it encrypts what it reads: its plugin \
                 must",
            ),
            Self::Software => f.write_str(
                "is live and the device leaves encryption to this computer: take one that \
                 encrypts, or say allow_software_sealing = true at the gateway, which puts this \
                 computer into the scope of PCI DSS",
            ),
        }
    }
}

fn objection(
    device: &Protection,
    gateway: &GatewayParameters,
    software_allowed: bool,
) -> Option<Objection> {
    if gateway.live && device.simulated {
        return Some(Objection::Simulated);
    }
    let Some(sealing) = &device.sealing else {
        return gateway.live.then_some(Objection::Silent);
    };
    if !(gateway.opens.is_empty() || gateway.opens.contains(&sealing.scheme)) {
        return Some(Objection::Scheme {
            sealed: sealing.scheme.clone(),
            opens: gateway.opens.join(", "),
        });
    }
    match gateway.live {
        true if sealing.test_keys => Some(Objection::TestKeys),
        true if sealing.software && !software_allowed => Some(Objection::Software),
        _ => None,
    }
}

impl Engine {
    /// Refuses a gateway what this device reads, if it must be.
    pub(crate) fn check_protection(
        &self,
        device: &DeviceId,
        gateway: &GatewayId,
    ) -> Result<(), NotNow> {
        let status = self.gateways.get(gateway);
        let Some(parameters) = status.and_then(|status| status.parameters.as_ref()) else {
            // Not ready: others say so.
            return Ok(());
        };
        let nothing = Protection::default();
        let protection = self.devices.protection(device).unwrap_or(&nothing);
        let software_allowed = self.config.software_sealing.contains(gateway);
        match objection(protection, parameters, software_allowed) {
            None => Ok(()),
            Some(objection) => Err(NotNow::new(
                objection.reason(),
                format!("device {device}: gateway {gateway} {objection}"),
            )),
        }
    }
}
