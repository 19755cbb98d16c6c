// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises about cards: what was charged in a card's own currency, and the cards that registers
//! keep.

use super::{Views, kept_as, name};

/// A card that a register keeps under a reference of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptCard {
    pub(crate) register: String,
    pub(crate) reference: String,
    /// The host's name for it.
    pub(crate) token_id: String,
    /// Where it is good, and what stands for the card there.
    pub(crate) at: (String, String),
    pub(crate) deleted: bool,
}

/// What a charge came to in the card's own currency.
pub(super) fn converted_otherwise(views: &Views) -> Vec<String> {
    let mut wrong = Vec::new();
    for told in &views.told {
        for (transaction, own) in &told.own {
            let booked = views.converted.get(transaction).copied();
            let kept = kept_as(views, transaction).and_then(|kept| kept.own);
            if *own != booked || kept != booked {
                wrong.push(format!(
                    "{} was told {own:?} of {transaction}; booked {booked:?}, kept {kept:?}",
                    name(told)
                ));
            }
        }
    }
    wrong
}

/// What is kept, and what is kept no more.
pub(super) fn cards_at_odds(views: &Views) -> Vec<String> {
    let told: Vec<&KeptCard> = views.told.iter().flat_map(|told| &told.cards).collect();
    let is_it = |one: &KeptCard, other: &KeptCard| {
        (&one.register, &one.reference, &one.token_id)
            == (&other.register, &other.reference, &other.token_id)
    };
    let stays = |card: &KeptCard| {
        let mut same = told.iter().filter(|told| is_it(told, card)).peekable();
        same.peek().is_some() && same.all(|told| !told.deleted)
    };
    let mut wrong = Vec::new();
    for card in &told {
        if stays(card) && !views.cards.iter().any(|listed| is_it(listed, card)) {
            wrong.push(format!("not listed: {card:?}"));
        }
    }
    for listed in &views.cards {
        if !stays(listed) {
            wrong.push(format!("listed, and deleted or never told of: {listed:?}"));
        }
        if !views.tokens.contains(&listed.at) {
            wrong.push(format!("not known to its gateway: {listed:?}"));
        }
    }
    wrong
}
