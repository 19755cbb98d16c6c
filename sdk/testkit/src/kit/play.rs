// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin play`: the example device in real time, on a terminal of its own or a TCP port.
//!
//! What somebody does with it is typed: `tap`, `decline`, `pin`. It owns its arguments; how a device
//! is run is in the library, and what this one does in `beeper`.

use crate::beeper::{self, Keys, Role};
use crate::failure::Failure;
use clap::Args;
use payhal_card_data::{DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME};
use payhal_testkit::keys::KeyArgs;
use payhal_testkit::simulate::Place;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(crate) struct PlayArgs {
    #[command(flatten)]
    place: PlayPlace,
    /// What it is
    #[arg(long = "as", value_enum, default_value_t = Role::Reader)]
    role: Role,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct PlayPlace {
    /// Make a terminal (PTY) and put a link to it here
    #[arg(long, value_name = "PATH")]
    pty: Option<PathBuf>,
    /// Listen on this address; port 0 takes any
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(crate) fn run(args: &PlayArgs) -> Result<ExitCode, Failure> {
    let place = match (&args.place.pty, args.place.listen) {
        (Some(path), _) => Place::Pty(path.clone()),
        (None, Some(address)) => Place::Listen(address),
        (None, None) => unreachable!("the command line demands one of them"),
    };
    beeper::play(args.role, keys(&args.key)?, &place)
}

fn keys(args: &KeyArgs) -> Result<Keys, Failure> {
    let injected = args.injected(&[DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME]);
    match injected {
        Ok(key) => Ok(key.map_or_else(Keys::known, |key| Keys::Injected(Box::new(key)))),
        Err(no_key) => {
            let advice = no_key.advice("beeper", DUKPT_AES_SCHEME);
            Err(Failure::new(no_key.to_string()).advise(advice))
        }
    }
}
