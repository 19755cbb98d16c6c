// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pinpad shows because the plugin says so, and what the register is told beside it. All
//! else the pinpad shows by itself, in its own language. No text may hold anything of a card.

use serde::Deserialize;

/// The cardholder's language.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    /// Portuguese.
    #[default]
    Pt,
    /// Spanish.
    Es,
    /// English.
    En,
}

/// Texts of one language, each line of sixteen characters at most.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) swipe: &'static str,
    pub(crate) remove: &'static str,
    pub(crate) approved: &'static str,
    pub(crate) refused_by_card: &'static str,
    pub(crate) declined: &'static str,
    pub(crate) no_connection: &'static str,
    pub(crate) here: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) inserted: &'static str,
    pub(crate) tapped: &'static str,
    pub(crate) swiped: &'static str,
    pub(crate) reading: &'static str,
    pub(crate) completing: &'static str,
}

impl Language {
    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::Pt => &Texts {
                swipe: "PASSE O CARTÃO",
                remove: "RETIRE O CARTÃO",
                approved: "APROVADA",
                refused_by_card: "RECUSADA PELO\nCARTÃO",
                declined: "NÃO AUTORIZADA",
                no_connection: "SEM COMUNICAÇÃO",
                here: "ESTOU AQUI",
                waiting: "ESPERANDO CARTÃO",
                inserted: "CARTÃO INSERIDO",
                tapped: "CARTÃO LIDO",
                swiped: "CARTÃO LIDO",
                reading: "LENDO CARTÃO",
                completing: "FINALIZANDO",
            },
            Self::Es => &Texts {
                swipe: "DESLICE TARJETA",
                remove: "RETIRE TARJETA",
                approved: "APROBADA",
                refused_by_card: "RECHAZADA POR\nLA TARJETA",
                declined: "NO AUTORIZADA",
                no_connection: "SIN CONEXIÓN",
                here: "ESTOY AQUÍ",
                waiting: "ESPERO TARJETA",
                inserted: "TARJETA PUESTA",
                tapped: "TARJETA LEÍDA",
                swiped: "TARJETA LEÍDA",
                reading: "LEYENDO TARJETA",
                completing: "FINALIZANDO",
            },
            Self::En => &Texts {
                swipe: "SWIPE CARD",
                remove: "REMOVE CARD",
                approved: "APPROVED",
                refused_by_card: "REFUSED BY CARD",
                declined: "DECLINED",
                no_connection: "NO CONNECTION",
                here: "I AM HERE",
                waiting: "WAITING FOR CARD",
                inserted: "CARD INSERTED",
                tapped: "CARD TAPPED",
                swiped: "CARD SWIPED",
                reading: "READING CARD",
                completing: "COMPLETING",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits_the_smallest_display() {
        for language in [Language::Pt, Language::Es, Language::En] {
            let texts = language.texts();
            for text in [
                texts.swipe,
                texts.remove,
                texts.approved,
                texts.refused_by_card,
                texts.declined,
                texts.no_connection,
                texts.here,
                texts.waiting,
                texts.inserted,
                texts.tapped,
                texts.swiped,
                texts.reading,
                texts.completing,
            ] {
                assert!(text.lines().count() <= 2, "{text}");
                assert!(
                    text.lines().all(|line| line.chars().count() <= 16),
                    "{text}"
                );
            }
        }
    }
}
