// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames survive the wire in any pieces, and nothing that arrives can hurt the receiver.

use payhal_ipc::limits::{DESCRIPTORS_MAX, FRAME_BYTES_MAX};
use payhal_ipc::{
    Answer, Call, Confinement, ControlReader, FailureKind, FrameBuffer, FrameError, FromRunner,
    LaneError, Library, LogLevel, LogSource, Payload, Port, PortKind, Ready, Refused, Start,
    ToRunner, WaitOn, WaitOutcome, encode, send_frame, split,
};
use proptest::prelude::*;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

fn payload() -> impl Strategy<Value = Payload> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Payload::from)
}

fn start() -> impl Strategy<Value = Start> {
    let kind = prop_oneof![
        Just(PortKind::Serial),
        Just(PortKind::Usb),
        Just(PortKind::Stream)
    ];
    let port = (".{0,9}", kind).prop_map(|(name, kind)| Port { name, kind });
    let library = prop_oneof![Just(Library::Descriptor), ".{0,40}".prop_map(Library::Path)];
    let ports = prop::collection::vec(port, 0..4);
    (
        ".{0,20}",
        ".{0,20}",
        library,
        ".{0,40}",
        payload(),
        0..9_u32,
        ports,
        (any::<[bool; 5]>(), any::<u64>()),
    )
        .prop_map(
            |(build_id, instance, library, state_dir, config, lanes, ports, (flags, bytes))| {
                Start {
                    build_id,
                    instance,
                    library,
                    state_dir,
                    config,
                    lanes,
                    ports,
                    confinement: Confinement {
                        own_network: flags[0],
                        pcsc: flags[1],
                        address_space_bytes: bytes,
                        allow_incomplete: flags[4],
                    },
                    virtual_time: flags[2],
                    record: flags[3],
                }
            },
        )
}

fn to_runner() -> impl Strategy<Value = ToRunner> {
    let why = prop_oneof![
        Just(Refused::Malformed),
        Just(Refused::NotAllowed),
        Just(Refused::Unreachable)
    ];
    prop_oneof![
        start().prop_map(ToRunner::Start),
        any::<u64>().prop_map(|nonce| ToRunner::Ping { nonce }),
        any::<u64>().prop_map(|token| ToRunner::Cancel { token }),
        (any::<u64>(), any::<u64>(), payload()).prop_map(|(token, prompt_id, payload)| {
            ToRunner::Deliver {
                token,
                prompt_id,
                payload,
            }
        }),
        any::<u64>().prop_map(|request| ToRunner::Connected { request }),
        (any::<u64>(), why).prop_map(|(request, why)| ToRunner::Refused { request, why }),
        (any::<u64>(), any::<u64>()).prop_map(|(request, now_ns)| ToRunner::Time {
            request,
            now_ns,
            outcome: WaitOutcome::Woken,
        }),
        Just(ToRunner::Stop),
    ]
}

fn from_runner() -> impl Strategy<Value = FromRunner> {
    let source = prop_oneof![
        Just(LogSource::Plugin),
        Just(LogSource::Output),
        Just(LogSource::Runner)
    ];
    let level = prop_oneof![Just(LogLevel::Error), Just(LogLevel::Debug)];
    prop_oneof![
        (".{0,20}", any::<u16>(), any::<u16>(), ".{0,20}").prop_map(
            |(build_id, abi_major, abi_minor, sandbox)| FromRunner::Ready(Ready {
                build_id,
                abi_major,
                abi_minor,
                sandbox
            })
        ),
        ".{0,99}".prop_map(|reason| FromRunner::Failed {
            kind: FailureKind::Broke,
            reason
        }),
        any::<u64>().prop_map(|nonce| FromRunner::Pong { nonce }),
        (source, level, ".{0,99}").prop_map(|(source, level, text)| FromRunner::Log {
            source,
            level,
            text
        }),
        (any::<u32>(), payload()).prop_map(|(kind, payload)| FromRunner::Event { kind, payload }),
        (any::<u64>(), ".{0,30}")
            .prop_map(|(request, target)| FromRunner::Connect { request, target }),
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(request, token, port)| {
            FromRunner::Wait {
                request,
                token,
                on: WaitOn::Port(port),
                until_ns: request,
            }
        }),
        ".{0,99}".prop_map(|line| FromRunner::Recorded { line }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (any::<u64>(), any::<u32>(), payload()).prop_map(|(token, kind, payload)| Answer::Emit {
            token,
            kind,
            payload
        }),
        (any::<u64>(), any::<i32>(), payload()).prop_map(|(token, status, payload)| {
            Answer::Reply {
                token,
                status,
                payload,
            }
        }),
    ]
}

/// Feeds bytes in pieces and collects the frames.
fn receive<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    piece: usize,
) -> Result<Vec<T>, FrameError> {
    let mut buffer = FrameBuffer::new();
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = buffer.space();
        let count = piece.min(space.len()).min(rest.len());
        space[..count].copy_from_slice(&rest[..count]);
        buffer.filled(count);
        rest = &rest[count..];
        while let Some(frame) = buffer.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

proptest! {
    #[test]
    fn frames_survive_in_any_pieces(
        frames in prop::collection::vec(to_runner(), 1..6),
        piece in 1_usize..700,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| encode(frame).unwrap()).collect();
        prop_assert_eq!(receive::<ToRunner>(&bytes, piece), Ok(frames));
    }

    #[test]
    fn answers_and_reports_survive(answer in answer(), report in from_runner()) {
        let bytes = encode(&answer).unwrap();
        prop_assert_eq!(receive::<Answer>(&bytes, 64), Ok(vec![answer]));
        let bytes = encode(&report).unwrap();
        prop_assert_eq!(receive::<FromRunner>(&bytes, 64), Ok(vec![report]));
    }

    #[test]
    fn noise_is_refused_or_read_but_never_harms(
        noise in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut framed = u32::try_from(noise.len()).unwrap().to_le_bytes().to_vec();
        framed.extend(&noise);
        for bytes in [&noise, &framed] {
            let _ = receive::<FromRunner>(bytes, 128);
            let _ = receive::<ToRunner>(bytes, 128);
            let _ = receive::<Answer>(bytes, 128);
            let _ = receive::<Call>(bytes, 128);
        }
    }

    #[test]
    fn a_flipped_bit_never_harms(call in payload(), at in any::<prop::sample::Index>()) {
        let call = Call { token: 7, method: "present".into(), deadline_ms: 9, payload: call };
        let mut bytes = encode(&call).unwrap();
        let place = at.index(bytes.len() * 8);
        bytes[place / 8] ^= 1 << (place % 8);
        let _ = receive::<Call>(&bytes, 4096);
    }
}

#[test]
fn a_length_inside_a_frame_cannot_reach_beyond_it() {
    // A reply whose payload claims 2^62 bytes.
    let reply = Answer::Reply {
        token: 1,
        status: 0,
        payload: Payload::default(),
    };
    let mut bytes = encode(&reply).unwrap();
    bytes.pop();
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]);
    let length = bytes.len() - 4;
    bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    assert_eq!(
        receive::<Answer>(&bytes, 4096),
        Err(FrameError::Malformed { length })
    );
}

#[test]
fn a_frame_that_is_too_long_is_refused_at_both_ends() {
    let payload = Payload::from(vec![0; FRAME_BYTES_MAX]);
    let error = encode(&Answer::Emit {
        token: 1,
        kind: 1,
        payload,
    })
    .unwrap_err();
    assert!(matches!(error, FrameError::TooLong { .. }));
    let announced = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
    let length = FRAME_BYTES_MAX + 1;
    assert_eq!(
        receive::<Answer>(&announced, 4),
        Err(FrameError::TooLong { length })
    );
}

#[test]
fn bytes_after_a_frame_within_its_length_are_refused() {
    let mut bytes = encode(&ToRunner::Stop).unwrap();
    bytes[0] += 1;
    bytes.push(0);
    let error = FrameError::Trailing {
        length: 2,
        extra: 1,
    };
    assert_eq!(receive::<ToRunner>(&bytes, 64), Err(error));
}

#[test]
fn a_buffer_gives_memory_back() {
    let mut buffer = FrameBuffer::new();
    let call = Call {
        token: 1,
        method: "echo".into(),
        deadline_ms: 0,
        payload: Payload::from(vec![1; 200_000]),
    };
    let bytes = encode(&call).unwrap();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let count = rest.read(buffer.space()).unwrap();
        buffer.filled(count);
        if !rest.is_empty() {
            assert_eq!(buffer.next_frame::<Call>(), Ok(None));
        }
    }
    assert_eq!(buffer.next_frame(), Ok(Some(call)));
    assert!(!buffer.is_partial());
    assert!(buffer.space().len() <= payhal_ipc::limits::BUFFER_BYTES_KEPT);
}

#[test]
fn a_lane_tells_a_clean_end_from_a_cut() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut reader, _) = split(ours);
    let (_, mut writer) = split(theirs.try_clone().unwrap());
    writer.send(&ToRunner::Ping { nonce: 3 }).unwrap();
    assert_eq!(reader.receive().unwrap(), Some(ToRunner::Ping { nonce: 3 }));
    (&theirs)
        .write_all(&encode(&ToRunner::Stop).unwrap()[..3])
        .unwrap();
    drop((writer, theirs));
    assert!(matches!(
        reader.receive::<ToRunner>(),
        Err(LaneError::CutOff)
    ));

    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    assert!(matches!(split(ours).0.receive::<ToRunner>(), Ok(None)));
}

#[test]
fn descriptors_stay_with_their_frames() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut reader = ControlReader::new(theirs);
    let (first, mut first_end) = UnixStream::pair().unwrap();
    let (second, mut second_end) = UnixStream::pair().unwrap();
    send_frame(&ours, &ToRunner::Ping { nonce: 1 }, &[]).unwrap();
    send_frame(&ours, &ToRunner::Connected { request: 1 }, &[first.as_fd()]).unwrap();
    send_frame(
        &ours,
        &ToRunner::Connected { request: 2 },
        &[second.as_fd()],
    )
    .unwrap();
    drop((first, second));

    assert_eq!(reader.receive().unwrap(), Some(ToRunner::Ping { nonce: 1 }));
    for (request, end) in [(1, &mut first_end), (2, &mut second_end)] {
        assert_eq!(
            reader.receive().unwrap(),
            Some(ToRunner::Connected { request })
        );
        let [descriptor] = <[_; 1]>::try_from(reader.descriptors(1).unwrap()).unwrap();
        File::from(descriptor).write_all(&[request as u8]).unwrap();
        let mut byte = [0; 1];
        end.read_exact(&mut byte).unwrap();
        assert_eq!(u64::from(byte[0]), request);
    }
    let missing = reader.descriptors(1);
    assert!(matches!(
        missing,
        Err(LaneError::Descriptors { got: 0, wanted: 1 })
    ));
}

#[test]
fn the_largest_start_brings_all_its_descriptors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let given = vec![null.as_fd(); DESCRIPTORS_MAX];
    send_frame(&ours, &ToRunner::Stop, &given).unwrap();
    let mut reader = ControlReader::new(theirs);
    assert_eq!(reader.receive().unwrap(), Some(ToRunner::Stop));
    assert_eq!(
        reader.descriptors(DESCRIPTORS_MAX).unwrap().len(),
        DESCRIPTORS_MAX
    );

    let too_many = vec![null.as_fd(); DESCRIPTORS_MAX + 1];
    assert!(send_frame(&ours, &ToRunner::Stop, &too_many).is_err());
}
