// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-simulate-abecs`: the simulated pinpad as a program; `payhal simulate abecs` starts it.
#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use payhal_abecs_simulator::{Keys, Options, Pinpad, Version};
use payhal_card_data::DUKPT_TDES_SCHEME;
use payhal_testkit::keys::KeyArgs;
use payhal_testkit::simulate::{self, PlaceArgs};
use std::process::ExitCode;

const HELP: &str = "\
What somebody does is typed, or given as --act: `tap visa-approve`, `insert visa-pin`,
`swipe stripe-only`, `wrong-pin`, `cancel`, `remove`. Whoever was told nothing enters the card's PIN,
takes the first of several choices, and removes the card when the pinpad wants it out.

What goes wrong is typed, too, so many times and with one command only if that is wanted:
`silent`, `silent 3`, `wrong-crc GTK`, `lost GOX`, `late 1500 GCX`, `drop-secure`, `deaf`, `talk`;
`calm` ends it. `help` tells every word, `books` what was handed out.

Its key is one DUKPT TDES key, for PINs and card data. With --state and --device it is the one that
`payhal keys inject` loaded into that device; without them the example key of ANSI X9.24-1, which
everybody knows.";

/// Be an ABECS pinpad, as they are used in Brazil, with test cards.
#[derive(Debug, Parser)]
#[command(name = "payhal-simulate-abecs", version, after_help = HELP)]
struct Cli {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Place of the key, 0 to 99
    #[arg(long, value_name = "INDEX", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(0..=99))]
    key_index: u8,
    /// Version of the specification that it says it follows
    #[arg(long, value_enum, default_value_t = Specification::V212)]
    spec_version: Specification,
    /// Serial number
    #[arg(long, value_name = "TEXT", default_value = "SIM0000001", value_parser = serial_number)]
    serial_number: String,
    /// EMV tables it has from the beginning
    #[arg(long, value_enum, default_value_t = InTables::TestCards)]
    tables: InTables,
    /// What its random numbers are made of; drawn from the machine where none is given
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Specification {
    #[value(name = "2.12")]
    V212,
    #[value(name = "2.20")]
    V220,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InTables {
    /// The applications of every test card
    TestCards,
    /// Nothing: chips are refused until tables are loaded
    None,
}

impl Cli {
    fn options(&self) -> Result<Options, String> {
        let key = self.key.injected(&[DUKPT_TDES_SCHEME]);
        let key =
            key.map_err(|none| format!("{none}\n{}", none.advice("pinpad", DUKPT_TDES_SCHEME)))?;
        let keys = key.map_or_else(|| Some(Keys::published()), Keys::injected);
        let keys = keys.ok_or("the key that was injected is no TDES key")?;
        Ok(Options {
            serial_number: self.serial_number.clone(),
            version: match self.spec_version {
                Specification::V212 => Version::V212,
                Specification::V220 => Version::V220,
            },
            key_index: self.key_index,
            tables: matches!(self.tables, InTables::TestCards),
            keys,
            seed: self.seed()?,
        })
    }

    fn seed(&self) -> Result<[u8; 16], String> {
        let mut seed = [0; 16];
        match self.seed {
            Some(number) => seed[..8].copy_from_slice(&number.to_be_bytes()),
            None => getrandom::fill(&mut seed)
                .map_err(|error| format!("failed to draw random bytes: {error}"))?,
        }
        Ok(seed)
    }
}

fn serial_number(text: &str) -> Result<String, String> {
    let fits = (1..=32).contains(&text.len());
    match fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("a serial number is 1 to 32 letters and digits".to_owned()),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.options() {
        Ok(options) => simulate::main(
            "payhal-simulate-abecs",
            "pinpad",
            Box::new(Pinpad::new(options)),
            &cli.place,
        ),
        Err(why) => fails(&why),
    }
}

#[expect(clippy::print_stderr, reason = "a program tells why it does not start")]
fn fails(why: &str) -> ExitCode {
    eprintln!("payhal-simulate-abecs: {why}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["x", "--lines", "--seed", "7", "--spec-version", "2.20"]);
        let options = cli.options().unwrap();
        assert_eq!(options.seed[..8], [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(options.version, Version::V220);
        assert!(options.tables);
    }

    #[test]
    fn halves_of_a_key_and_wrong_numbers_are_refused() {
        for wrong in [
            &["x"][..],
            &["x", "--lines", "--state", "folder"],
            &["x", "--lines", "--device", "counter"],
            &["x", "--lines", "--key-index", "100"],
            &["x", "--lines", "--serial-number", "a b"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
        let cli = Cli::parse_from(["x", "--lines", "--state", "/nowhere", "--device", "counter"]);
        assert!(cli.options().unwrap_err().contains("counter"));
    }
}
