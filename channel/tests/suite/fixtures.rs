//! The wire, byte for byte, against `tests/fixtures/wire.txt`.
//!
//! A difference means that peers of this and of the released version misread each other:
//! raise `PROTOCOL_VERSION`, or take the change back. `UPDATE_EXPECT=1` rewrites the file.

use std::fmt::Write as _;

use expect_test::expect_file;
use nearside_channel::codec::{self, DecodeError};
use nearside_channel::message::*;
use nearside_channel::wire::{self, FrameReader, HEADER_SIZE, Kind};

use crate::samples::{self, Sample};

const STREAM: StreamId = StreamId(0x0102);

#[test]
fn wire_is_as_committed() {
    let mut table = String::new();
    for sample in samples::all() {
        let mut frame = Vec::new();
        match &sample {
            Sample::Host(message) => codec::encode_host(message, &mut frame),
            Sample::Device(message) => codec::encode_device(message, &mut frame),
            Sample::Command(command) => codec::encode_command(STREAM, command, &mut frame),
        }
        .unwrap();
        let (header, body) = frame.split_at(HEADER_SIZE);
        let body = std::str::from_utf8(body).unwrap();
        writeln!(table, "{}\n  {}\n  {body}", sample.names().join(" "), hex(header)).unwrap();
    }
    let mut frame = Vec::new();
    wire::encode(Kind::Media, STREAM, &[0, 0, 0, 8, b'm', b'd', b'a', b't'], &mut frame).unwrap();
    writeln!(table, "media\n  {}", hex(&frame)).unwrap();
    expect_file!["../fixtures/wire.txt"].assert_eq(&table);
}

#[test]
fn samples_decode_to_themselves() {
    for sample in samples::all() {
        let mut bytes = Vec::new();
        match sample {
            Sample::Host(message) => {
                codec::encode_host(&message, &mut bytes).unwrap();
                assert_eq!(codec::decode_host(&bytes[HEADER_SIZE..]), Ok(message));
            }
            Sample::Device(message) => {
                codec::encode_device(&message, &mut bytes).unwrap();
                assert_eq!(codec::decode_device(&bytes[HEADER_SIZE..]), Ok(message));
            }
            Sample::Command(command) => {
                codec::encode_command(STREAM, &command, &mut bytes).unwrap();
                assert_eq!(codec::decode_command(&bytes[HEADER_SIZE..]), Ok(command));
                let mut chunk = &bytes[..];
                let frame = FrameReader::default().next_frame(&mut chunk).unwrap().unwrap();
                assert_eq!((frame.kind(), frame.stream()), (Kind::Command, STREAM));
            }
        }
    }
}

#[test]
fn unknown_fields_are_ignored_and_defaults_filled_in() {
    let body = br#"{"type":"append","seq":4,"bytes":9,"since_version_2":{"a":[1,{}]}}"#;
    let expected = StreamCommand::Append {
        seq: 4,
        bytes: 9,
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: None,
        mode: AppendMode::Segments,
    };
    assert_eq!(codec::decode_command(body), Ok(expected));
}

#[test]
fn unknown_types_are_an_error_without_their_content() {
    let error = codec::decode_host(br#"{"type":"secret_word"}"#).unwrap_err();
    assert!(matches!(error, DecodeError::Schema { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
    let error = codec::decode_device(br#"{"type":"ping","seq":"#).unwrap_err();
    assert!(matches!(error, DecodeError::Json { .. }), "{error:?}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
