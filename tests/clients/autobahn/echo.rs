// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says on which port it listens, and then sends back what it is sent, over the daemon's own
//! WebSocket. Ends when its standard input does.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its starter reads the port there")]

use std::io::Read;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let (over, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever it says, this was its last word.
        std::io::stdin().read_exact(&mut [0]).ok();
        over.send(())
    });
    tokio::select! {
        served = payhal::conformance::echo(listener) => served,
        _ = ended => Ok(()),
    }
}
