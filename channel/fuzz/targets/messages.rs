//! Any body: decoding never panics, and what decodes is in bounds, so it encodes again and
//! reads back as the same.
//!
//! Input: the first byte chooses the reader (`0`, `1`, `2` in ASCII), the rest is the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nearside_channel::codec;
use nearside_channel::message::StreamId;
use nearside_channel::wire::{HEADER_SIZE, MAX_STREAM_BODY};

fuzz_target!(|input: &[u8]| {
    let Some((reader, body)) = input.split_first() else { return };
    let mut frame = Vec::new();
    match reader % 3 {
        0 => {
            let Ok(message) = codec::decode_host(body) else { return };
            codec::encode_host(&message, &mut frame).expect("in bounds");
            let again = codec::decode_host(&frame[HEADER_SIZE..]).expect("just written");
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
        }
        1 => {
            let Ok(message) = codec::decode_device(body) else { return };
            codec::encode_device(&message, &mut frame).expect("in bounds");
            let again = codec::decode_device(&frame[HEADER_SIZE..]).expect("just written");
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
        }
        _ if body.len() <= MAX_STREAM_BODY => {
            let Ok(command) = codec::decode_command(body) else { return };
            codec::encode_command(StreamId(1), &command, &mut frame).expect("in bounds");
            assert_eq!(codec::decode_command(&frame[HEADER_SIZE..]), Ok(command));
        }
        _ => {}
    }
});
