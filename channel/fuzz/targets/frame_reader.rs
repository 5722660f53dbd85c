//! Any bytes in any chunks: the reader neither panics nor depends on the chunks, and what it
//! yields is what was sent.
//!
//! Input: the first byte is the length of a chunk, the rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nearside_channel::wire::{self, FrameReader, WireError};

/// Frames read, written again; and the error that ended it.
fn read(bytes: &[u8], chunk_length: usize) -> (Vec<u8>, Option<WireError>, bool) {
    let mut reader = FrameReader::default();
    let mut frames = Vec::new();
    for mut chunk in bytes.chunks(chunk_length.max(1)) {
        loop {
            match reader.next_frame(&mut chunk) {
                Ok(Some(frame)) => {
                    wire::encode(frame.kind(), frame.stream(), &frame.body, &mut frames)
                        .expect("a frame that was read can be written");
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error), false),
            }
        }
    }
    (frames, None, reader.is_between_frames())
}

fuzz_target!(|input: &[u8]| {
    let Some((chunk_length, bytes)) = input.split_first() else { return };
    let whole = read(bytes, bytes.len());
    assert!(read(bytes, usize::from(*chunk_length)) == whole, "chunks must not matter");
    if let (frames, None, true) = whole {
        assert_eq!(frames.len(), bytes.len(), "nothing is skipped between frames");
    }
});
