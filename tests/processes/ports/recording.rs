// SPDX-License-Identifier: MIT OR Apache-2.0
//! What passes between a device and its plugin is recorded without the card data in it, and given
//! to the operator once.

use super::pad::Pad;
use super::{PAD, device, folder, open, ready};
use crate::host::soon;
use crate::register::sale;
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::record::{RecordAction, RecordParams};
use payhal_messages::recording::{Recording, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Says who it is, and a track after it that nobody asked for.
async fn answer(mut connection: TcpStream) {
    let mut heard = [0; 4];
    while connection.read_exact(&mut heard).await.is_ok() {
        let said = b"PAD A1\n;4111111111111111=49121?\n";
        // Whoever asks for a card waits until the host hangs up.
        if heard == *b"WHO\n" && connection.write_all(said).await.is_err() {
            return;
        }
    }
}

async fn serve(listener: TcpListener) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(answer(connection));
    }
}

fn asked(action: RecordAction) -> RecordParams {
    let device = PAD.into();
    RecordParams { device, action }
}

#[tokio::test]
async fn a_recording_has_what_passed_and_no_card_data() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let devices = device(PAD, &listener.local_addr().unwrap().to_string());
    let pad = tokio::spawn(serve(listener));
    let (host, register) = open(folder("kind = 'stream'"), &devices).await;
    ready(&register, PAD).await;
    let operator = host.operator().await;
    let started = operator.0.request(&asked(RecordAction::Start)).await;
    let started = started.unwrap();
    assert!(started.recording);
    let stopped = operator.0.request(&asked(RecordAction::Stop)).await;
    let stopped = stopped.unwrap();
    assert_eq!(
        (stopped.recording, stopped.more, stopped.lost),
        (false, false, false)
    );
    let text = started.lines + &stopped.lines;
    let recording: Recording = text.parse().unwrap();
    assert_eq!(
        (
            recording.head.plugin.as_str(),
            recording.head.instance.as_str()
        ),
        (PAD, PAD)
    );
    let of = |side: Side| -> Vec<u8> {
        let pieces = recording.entries.iter().filter(|entry| entry.from == side);
        pieces.flat_map(|entry| entry.bytes.clone()).collect()
    };
    assert_eq!(of(Side::Plugin), b"WHO\n");
    let expected = [b"PAD A1\n;", &[0; 22][..], b"?\n"].concat();
    assert_eq!(of(Side::Device), expected);
    assert_eq!(recording.card_data(), []);
    let again = operator
        .0
        .request(&asked(RecordAction::Read))
        .await
        .unwrap();
    assert_eq!(again.lines, "", "what was read is not kept");
    ready(&register, PAD).await;
    pad.abort();
}

#[tokio::test]
async fn a_device_with_a_payment_is_recorded_afterwards() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let devices = device(PAD, &listener.local_addr().unwrap().to_string());
    let (host, register) = open(folder("kind = 'stream'"), &devices).await;
    let (connection, _) = soon("a connection", listener.accept()).await.unwrap();
    let pad = Pad::on_connection("A1", connection);
    ready(&register, PAD).await;
    let runner = host.runner(PAD);
    let operator = host.operator().await;
    let selling = register.begin(&sale("k", 1250, PAD)).await;
    let refused = operator.0.request(&asked(RecordAction::Start)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.name(), Some(ErrorName::DeviceBusy), "{refused:?}");
    let details = refused.rpc().unwrap().data.clone().unwrap();
    assert!(details.retry_after_ms.is_some(), "{details:?}");
    assert_eq!(host.runner(PAD), runner, "the payment goes on");
    selling.cancel().await;
    selling.end().await.answer.unwrap_err();
    // It is started anew for that, and connects again.
    let start = asked(RecordAction::Start);
    let started = operator.0.request(&start);
    let connects = async {
        let (connection, _) = soon("another connection", listener.accept()).await.unwrap();
        Pad::on_connection("A1", connection)
    };
    let (started, _again) = tokio::join!(started, connects);
    assert!(started.unwrap().recording);
    drop(pad);
}
