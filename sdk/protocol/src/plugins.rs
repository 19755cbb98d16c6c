// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is installed on a host, how its instances fare, and what the operator does with it.
//!
//! Owns `plugin.list` and what changes its answer. It must never carry an instance's configuration:
//! there may be credentials in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{FOLDER_BYTES_MAX, SIGNING_KEY_CHARS_MAX};
use crate::params::{FieldError, Validate, check_id};
use crate::ports::PortSummary;

/// Params of `plugin.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginListParams {}

impl Validate for PluginListParams {}

/// Result of `plugin.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginListResult {
    /// Every plugin that is installed, in order of their ids; then those that are broken.
    pub plugins: Vec<PluginSummary>,
}

/// An installed plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginSummary {
    /// Its id; the name of its folder where the manifest cannot be read.
    pub id: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `reader`, `terminal` or `gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who made the device that an instance of it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Major version of the plugin interface it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<u32>,
    /// Approvals that its manifest claims, as `pci_pts 4-12345`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<String>,
    /// It drives nothing real.
    #[serde(default)]
    pub simulated: bool,
    /// Its folder.
    pub folder: String,
    /// The devices and gateways that it drives here.
    #[serde(default)]
    pub instances: Vec<PluginInstance>,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Who signed it; `unsigned` if nobody did whom this host trusts.
    pub signed: String,
    /// The signature that was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PluginSignature>,
    /// Whether the operator has switched it off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whether it came by `plugin.install`: then it can be removed the same way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub installed: bool,
    /// The version that `plugin.roll_back` goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
}

/// A signature over a plugin's manifest, which lists its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginSignature {
    /// Id of the key, 16 hexadecimal digits.
    pub key_id: String,
    /// What is said of the key where it was trusted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_comment: String,
    /// What the signature says of itself, signed too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A device or gateway that a plugin drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInstance {
    /// Its name in the configuration.
    pub name: String,
    /// The version that its process has loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `starting`, `ready`, `detached`, `failed`, `given_up` or `stopped`.
    pub state: String,
    /// How often its process ended unasked since the host started.
    pub restarts: u32,
    /// Why it is not ready, or was not last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Memory that its process has resident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Parts of the sandbox that are in force around it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sandbox: Vec<String>,
    /// The ports it needs, as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSummary>,
}

/// Params of `plugin.install`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInstallParams {
    /// The plugin folder, by its whole path on the host's machine.
    pub folder: String,
    /// Take exactly these files although nobody has signed them whom this host trusts.
    #[serde(default)]
    pub allow_unsigned: bool,
}

impl Validate for PluginInstallParams {
    fn validate(&self) -> Result<(), FieldError> {
        let whole = self.folder.starts_with('/') && self.folder.len() <= FOLDER_BYTES_MAX;
        if whole && !self.folder.contains('\0') {
            return Ok(());
        }
        let must = format!("must be a whole path of {FOLDER_BYTES_MAX} bytes at most");
        Err(FieldError::new("folder", must))
    }
}

macro_rules! of_one_plugin {
    ($($method:literal $name:ident)*) => {
        $(
            #[doc = concat!("Params of `", $method, "`.")]
            #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
            pub struct $name {
                /// The plugin's id.
                pub plugin: String,
            }

            impl Validate for $name {
                fn validate(&self) -> Result<(), FieldError> {
                    check_id(&self.plugin, "plugin")
                }
            }
        )*
    };
}

of_one_plugin! {
    "plugin.disable" PluginDisableParams
    "plugin.enable" PluginEnableParams
    "plugin.roll_back" PluginRollBackParams
    "plugin.remove" PluginRemoveParams
}

/// Result of `plugin.install`, `plugin.disable`, `plugin.enable`, `plugin.roll_back` and
/// `plugin.remove`: what the plugin is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginChangeResult {
    /// The plugin's id.
    pub plugin: String,
    /// Its version before, where it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its version now, where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The devices and gateways whose processes were started anew, or ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
}

/// Params of `plugin.trust`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginTrustParams {
    /// A public key of minisign: its line that begins with `RW`, or its file with the comment.
    pub key: String,
}

impl Validate for PluginTrustParams {
    fn validate(&self) -> Result<(), FieldError> {
        if (1..=SIGNING_KEY_CHARS_MAX).contains(&self.key.chars().count()) {
            return Ok(());
        }
        let must = format!("must be 1 to {SIGNING_KEY_CHARS_MAX} characters");
        Err(FieldError::new("key", must))
    }
}

/// Result of `plugin.trust`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginTrustResult {
    /// The key.
    pub key: TrustedKey,
}

/// Params of `plugin.untrust`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginUntrustParams {
    /// Id of the key, 16 hexadecimal digits.
    pub key_id: String,
}

impl Validate for PluginUntrustParams {
    fn validate(&self) -> Result<(), FieldError> {
        let digits = self.key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.key_id.len() == 16 && digits {
            return Ok(());
        }
        Err(FieldError::new("key_id", "must be 16 hexadecimal digits"))
    }
}

/// Result of `plugin.untrust`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginUntrustResult {
    /// Plugins that may not start any more. What runs of them goes on until it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// Params of `plugin.keys`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginKeysParams {}

impl Validate for PluginKeysParams {}

/// Result of `plugin.keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginKeysResult {
    /// The keys whose signatures count on this host, in order of their ids.
    pub keys: Vec<TrustedKey>,
}

/// A key whose signatures count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustedKey {
    /// Its id, 16 hexadecimal digits.
    pub key_id: String,
    /// What its file says of it; nobody has signed that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The key in its one line.
    pub key: String,
}
