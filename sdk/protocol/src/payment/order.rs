// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sold, to whom, and whatever else the register wants kept.
//!
//! Owns the shapes and bounds. It must never change what a register wrote.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{
    AMOUNT_MINOR_MAX, BASKET_BYTES_MAX, BASKET_LINES_MAX, CUSTOM_BYTES_MAX, TEXT_CHARS_MAX,
};
use crate::money::Amount;
use crate::params::{FieldError, check_chars};
use crate::verbatim::Verbatim;

/// Lines, as the register wrote them; fields this version does not know stay.
pub type Basket = Verbatim<Vec<BasketLine>>;

/// An object in the register's own words.
pub type Free = Verbatim<Map<String, Value>>;

/// One line of what is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BasketLine {
    /// What it is.
    pub name: String,
    /// The price of the line.
    pub amount: Amount,
    /// How many, as a decimal text: "2", "0.350".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The product's own number, as an EAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_reference: Option<String>,
    /// The serial number of the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its tax category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<String>,
}

impl BasketLine {
    fn check(&self, place: usize) -> Result<(), FieldError> {
        let field = |name: &str| format!("basket[{place}].{name}");
        check_chars(&self.name, 0, TEXT_CHARS_MAX, &field("name"))?;
        // A line may give back: a discount, a deposit.
        if !(-AMOUNT_MINOR_MAX..=AMOUNT_MINOR_MAX).contains(&self.amount.minor) {
            let must = format!(
                "must be an integer of minor units from -{AMOUNT_MINOR_MAX} to {AMOUNT_MINOR_MAX}"
            );
            return Err(FieldError::amount(field("amount.minor"), must));
        }
        for (name, text) in [
            ("quantity", &self.quantity),
            ("product_reference", &self.product_reference),
            ("serial", &self.serial),
            ("tax", &self.tax),
        ] {
            if let Some(text) = text {
                check_chars(text, 0, TEXT_CHARS_MAX, &field(name))?;
            }
        }
        Ok(())
    }
}

pub(super) fn check_basket(basket: &Basket) -> Result<(), FieldError> {
    let lines = basket
        .check(BASKET_BYTES_MAX, "basket")?
        .unwrap_or_default();
    if lines.len() > BASKET_LINES_MAX {
        let must = format!("must have at most {BASKET_LINES_MAX} lines");
        return Err(FieldError::new("basket", must));
    }
    lines
        .iter()
        .enumerate()
        .try_for_each(|(place, line)| line.check(place))
}

pub(crate) fn check_free(object: &Free, field: &str) -> Result<(), FieldError> {
    let checked = object.check(CUSTOM_BYTES_MAX, field);
    // The names in it are the register's own, and no error repeats those.
    checked.map(|_| ()).map_err(|error| FieldError {
        field: field.to_owned(),
        ..error
    })
}

/// All three.
pub(super) fn check_order(
    basket: &Basket,
    customer: &Free,
    custom: &Free,
) -> Result<(), FieldError> {
    check_basket(basket)?;
    check_free(customer, "customer")?;
    check_free(custom, "custom")
}
