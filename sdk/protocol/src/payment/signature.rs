// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a customer drew: with the answer to `confirm_signature`, or later by `payment.sign`; and
//! `payment.signature`, which gives it back.
//!
//! Owns its shape and its bounds. It is kept with the payment, once, and never sent to a gateway.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::TransactionId;
use crate::limits::{
    SIGNATURE_IMAGE_BYTES_MAX, SIGNATURE_PIXELS_MAX, SIGNATURE_POINTS_MAX, SIGNATURE_STROKES_MAX,
};
use crate::params::{FieldError, Validate, check_id};

/// A signature: as it was drawn, as a picture, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// Strokes as they were drawn, from pen down to pen up, each a list of points `[x, y]`. `x` grows
    /// to the right and `y` downwards, in any unit: whoever draws it scales it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strokes: Vec<Vec<[u16; 2]>>,
    /// A PNG picture (ISO/IEC 15948), in base64 (RFC 4648, 4) with padding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Signature {
    /// Checks its bounds. `field` names it in an error.
    ///
    /// # Errors
    ///
    /// It has neither points nor a picture, too many points, or a picture that is too large or none.
    pub(crate) fn check(&self, field: &str) -> Result<(), FieldError> {
        let wrong = |part: &str, must: String| Err(FieldError::new(format!("{field}{part}"), must));
        let points: usize = self.strokes.iter().map(Vec::len).sum();
        if points == 0 && self.image.is_none() {
            return wrong(
                "",
                "must have `strokes` with points, an `image`, or both".into(),
            );
        }
        if self.strokes.len() > SIGNATURE_STROKES_MAX || points > SIGNATURE_POINTS_MAX {
            let must = format!(
                "must have at most {SIGNATURE_STROKES_MAX} strokes and {SIGNATURE_POINTS_MAX} points"
            );
            return wrong(".strokes", must);
        }
        match self.image.as_deref().map(check_picture) {
            Some(Err(must)) => wrong(".image", must),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// Whether it is a PNG file from its first to its last chunk, of a size that a receipt has.
fn check_picture(text: &str) -> Result<(), String> {
    // Four letters for three bytes, and at most one group that is not full.
    if text.len() / 4 > SIGNATURE_IMAGE_BYTES_MAX / 3 + 1 {
        return Err(format!(
            "must be at most {SIGNATURE_IMAGE_BYTES_MAX} bytes of PNG"
        ));
    }
    let none = || "must be a PNG picture in base64".to_owned();
    let bytes = STANDARD.decode(text).map_err(|_| none())?;
    if bytes.len() > SIGNATURE_IMAGE_BYTES_MAX {
        return Err(format!(
            "must be at most {SIGNATURE_IMAGE_BYTES_MAX} bytes of PNG"
        ));
    }
    let (width, height) = png_size(&bytes).ok_or_else(none)?;
    if [width, height]
        .iter()
        .all(|side| (1..=SIGNATURE_PIXELS_MAX).contains(side))
    {
        Ok(())
    } else {
        let must = format!("must be 1 to {SIGNATURE_PIXELS_MAX} pixels wide and high");
        Err(must)
    }
}

/// Width and height of a PNG file whose chunks follow each other up to `IEND` (ISO/IEC 15948, 5).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let mut size = None;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let body = after.get(..length)?;
        // Its checksum.
        rest = after.get(length.checked_add(4)?..)?;
        match (kind, size) {
            (b"IHDR", None) => {
                let (width, body) = body.split_first_chunk()?;
                let (height, _) = body.split_first_chunk()?;
                size = Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)));
            }
            (_, None) => return None,
            (b"IEND", size) => return size.filter(|_| rest.is_empty()),
            _ => {}
        }
    }
}

/// Params of `payment.sign`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignParams {
    /// An approved payment with a card.
    pub transaction_id: TransactionId,
    /// What the customer drew. Once it is kept, another is refused; the same again is not.
    pub signature: Signature,
}

impl Validate for SignParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        self.signature.check("signature")
    }
}

/// Result of `payment.sign`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignResult {
    /// The payment.
    pub transaction_id: TransactionId,
    /// Since when its signature is kept, RFC 3339.
    pub signed_at: String,
}

/// Params of `payment.signature`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignatureParams {
    /// The payment.
    pub transaction_id: TransactionId,
}

impl Validate for SignatureParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.transaction_id.as_str(), "transaction_id")
    }
}

/// Result of `payment.signature`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignatureResult {
    /// The payment.
    pub transaction_id: TransactionId,
    /// What the customer drew.
    pub signature: Signature,
    /// When it was kept, RFC 3339.
    pub signed_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One black pixel.
    const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

    fn picture(image: &str) -> Result<(), String> {
        let signature = Signature {
            image: Some(image.to_owned()),
            ..Signature::default()
        };
        signature
            .check("signature")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn points_a_picture_or_both() {
        let drawn = Signature {
            strokes: vec![vec![[0, 0], [65_535, 7]], vec![[3, 4]]],
            image: None,
        };
        assert_eq!(drawn.check("signature"), Ok(()));
        let both = Signature {
            image: Some(DOT.into()),
            ..drawn
        };
        assert_eq!(both.check("signature"), Ok(()));
        assert_eq!(picture(DOT), Ok(()));
        for empty in [vec![], vec![vec![]]] {
            let nothing = Signature {
                strokes: empty,
                image: None,
            };
            assert!(nothing.check("signature").is_err());
        }
    }

    #[test]
    fn too_much_is_refused() {
        let long = |points: usize| Signature {
            strokes: vec![vec![[1, 1]; points]],
            image: None,
        };
        assert_eq!(long(SIGNATURE_POINTS_MAX).check("s"), Ok(()));
        assert!(long(SIGNATURE_POINTS_MAX + 1).check("s").is_err());
        let strokes = Signature {
            strokes: vec![vec![[1, 1]]; SIGNATURE_STROKES_MAX + 1],
            image: None,
        };
        assert!(strokes.check("s").is_err());
    }

    /// A PNG of these sides whose picture is not looked at, and that many bytes of it.
    fn png(width: u32, height: u32, data: usize) -> String {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], body: &[u8]| {
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(kind);
            bytes.extend(body);
            bytes.extend([0; 4]);
        };
        let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
        chunk(b"IHDR", &[&sides[..], &[8, 0, 0, 0, 0]].concat());
        chunk(b"IDAT", &vec![0; data]);
        chunk(b"IEND", &[]);
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_picture_is_a_png_of_a_receipt_s_size() {
        let overhead = 8 + 25 + 12 + 12;
        assert_eq!(picture(&png(400, 100, 1_000)), Ok(()));
        assert_eq!(
            picture(&png(1, 1, SIGNATURE_IMAGE_BYTES_MAX - overhead)),
            Ok(())
        );
        assert!(picture(&png(1, 1, SIGNATURE_IMAGE_BYTES_MAX - overhead + 1)).is_err());
        assert!(picture(&png(0, 1, 1)).is_err());
        assert!(picture(&png(SIGNATURE_PIXELS_MAX + 1, 1, 1)).is_err());
        assert!(picture("").is_err());
        assert!(picture("no base64").is_err());
        assert!(picture(&STANDARD.encode(b"GIF89a")).is_err());
        let whole = STANDARD.decode(DOT).unwrap();
        for end in 0..whole.len() {
            assert!(picture(&STANDARD.encode(&whole[..end])).is_err(), "{end}");
        }
        assert!(picture(&STANDARD.encode([&whole[..], b"x"].concat())).is_err());
    }
}
