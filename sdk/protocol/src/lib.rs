// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API's message types, version 1: what a register and a host say to each other.
//!
//! Owns the shape, the bounds and the names of every message; JSON Schema, OpenRPC and AsyncAPI
//! documents are generated from these types. It must never decide what a payment does, open a
//! socket, read a clock, or carry a card number or a PIN.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod access;
pub mod audit;
pub mod batch;
pub mod device;
pub mod diagnose;
pub mod errands;
pub mod error;
pub mod events;
pub mod explain;
pub mod gateway;
pub mod gateway_settings;
pub mod ids;
pub mod instances;
pub mod leases;
pub mod limits;
pub mod list;
pub mod method;
pub mod money;
pub mod pairing;
pub mod params;
pub mod payment;
pub mod plugins;
pub mod ports;
pub mod progress;
pub mod record;
pub mod registers;
pub mod rpc;
pub mod schema;
pub mod session;
pub mod token;
pub mod transaction;
pub mod update;
pub mod verbatim;

pub use error::{ErrorData, ErrorName, ErrorObject, MoneyMoved, Retry};
pub use ids::{
    DeviceId, GatewayId, IdempotencyKey, PairingId, PromptId, RegisterId, TransactionId,
};
pub use method::{Call, METHODS, Method};
pub use money::Amount;
pub use params::{FieldError, Validate};
pub use schema::{ASYNCAPI, JSON_SCHEMA, OPENRPC, generate};
pub use verbatim::Verbatim;

/// The protocol version these types describe.
pub const PROTOCOL_VERSION: u32 = 1;

/// The WebSocket subprotocol a client may ask for; asking for none is as good.
pub const SUBPROTOCOL: &str = "payhal.v1";

/// The path of the WebSocket endpoint.
pub const WEBSOCKET_PATH: &str = "/v1/ws";
