// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real daemon with real runners, plugins, journal and ledger, seen from outside: through its
//! sockets, its files and its process table.
//!
//! Each case has a daemon, a state folder and a port of its own, and waits for events, never for
//! time to pass. No case looks into the daemon's code.

#![forbid(unsafe_code)]

#[cfg(test)]
mod acceptors;
#[cfg(test)]
mod api_fuzz;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod card_data;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod configured;
#[cfg(test)]
mod currencies;
#[cfg(test)]
mod day;
mod delayed;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod emv_parameters;
#[cfg(test)]
mod errands;
#[cfg(test)]
mod events;
#[cfg(test)]
mod evil;
#[cfg(test)]
mod failpoints;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod host;
#[cfg(test)]
mod host_kill;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod key_tool;
#[cfg(test)]
mod keyboard;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod live;
#[cfg(test)]
mod live_plugins;
#[cfg(test)]
mod load;
#[cfg(test)]
mod money_back;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod operator_session;
#[cfg(test)]
mod orders;
mod own_currency;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod paired;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod plugin_check;
#[cfg(test)]
mod plugins_signed;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod presented;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod prompts;
mod quotes;
#[cfg(test)]
#[path = "../simulation/random.rs"]
mod random;
#[cfg(test)]
mod real_devices;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod register;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod runner_kill;
#[cfg(test)]
mod sale;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod startup;
#[cfg(test)]
mod stock_clients;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod terminal_batch;
#[cfg(test)]
mod terminal_calls;
#[cfg(test)]
mod terminal_desk;
#[cfg(test)]
mod terminal_faults;
#[cfg(test)]
mod terminal_owing;
#[cfg(test)]
mod terminal_person;
#[cfg(test)]
mod terminals;
#[cfg(test)]
mod till;
#[cfg(test)]
mod tls;
mod tokens;
#[cfg(test)]
mod trading_day;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod wish;
