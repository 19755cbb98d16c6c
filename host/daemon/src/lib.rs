// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the binary `payhal` does: the host, and a command line that talks to one.
//!
//! A library only so that fuzz targets reach it. Nobody else may build on it.
#![forbid(unsafe_code)]

mod access;
mod amount;
mod audit;
mod audit_left;
mod cli;
mod clock;
mod config;
mod configured;
pub mod conformance;
mod doctor;
mod explain;
pub mod fuzz;
mod host;
mod plugins;
mod ports;
mod pricing;
mod pump;
mod records;
mod rights;
mod routes;
mod schema;
mod server;
mod supervisor;
mod tls;
mod vault;
mod whole_file;

pub use cli::main;
