// SPDX-License-Identifier: MIT OR Apache-2.0
//! AUTH: asks the issuer. The seal goes on as it came.

use crate::config::Config;
use crate::wire::{ask, not_understood};
use payhal_plugin::messages::gateway::{Answer, Authorize, CardSource};
use payhal_plugin::messages::money::Purpose;
use payhal_plugin::{Context, Outcome, PluginError, messages};

/// `AUTH TRANSACTION PURPOSE CURRENCY TOTAL DEVICE GATEWAY READ-ID SCHEME SLOT KSN CIPHERTEXT`
pub(crate) fn authorize(
    config: &Config,
    request: &Authorize,
    context: &Context,
) -> Outcome<Answer> {
    let purpose = match request.purpose {
        Purpose::Sale => "sale",
        Purpose::Authorize => "authorize",
        // The manifest lists no other ability.
        _ => return Err(PluginError::Unsupported),
    };
    let CardSource::Read(read) = &request.card else {
        return Err(PluginError::Unsupported);
    };
    let sealed = &read.sealed;
    let (ksn, ciphertext) = (base64(&sealed.ksn)?, base64(&sealed.ciphertext)?);
    let words = [
        "AUTH",
        &request.wire.transaction_id,
        purpose,
        &request.amounts.currency,
        &request.amounts.total_minor.to_string(),
        &read.device,
        context.instance_name(),
        &read.read_id,
        &sealed.scheme,
        &sealed.key_id,
        &ksn,
        &ciphertext,
    ];
    let line = ask(config, &words, context)?;
    Ok(Ok(line.answer().ok_or_else(not_understood)?))
}

/// A word even where there are no bytes.
fn base64(bytes: &[u8]) -> Result<String, PluginError> {
    if bytes.is_empty() {
        return Ok("-".to_owned());
    }
    let value = messages::base64_bytes::serialize(bytes, serde_json::value::Serializer);
    let text = value
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned));
    text.ok_or_else(|| PluginError::not_sent("write the seal as base64"))
}
