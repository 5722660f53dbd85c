//! Any sequence of commands and media against a plain model of the rules: the assembler
//! agrees with it at every step and stays failed once it has failed.
//!
//! Input: entries of five bytes, what comes and a number of bytes (little-endian).
#![no_main]

use libfuzzer_sys::fuzz_target;
use nearside_channel::message::{AppendMode, StreamCommand};
use nearside_channel::stream::{AppendAssembler, MAX_APPEND, Step};

fuzz_target!(|input: &[u8]| {
    let mut order = AppendAssembler::default();
    // Bytes that the append under way still lacks; `None` after an error.
    let mut missing = Some(0u64);
    for (seq, entry) in (0..).zip(input.chunks_exact(5)) {
        let [what, b0, b1, b2, b3] = *entry else { return };
        let bytes = u32::from_le_bytes([b0, b1, b2, b3]);
        let result = match what % 4 {
            0 => order.command(&StreamCommand::Abort),
            1 => order.command(&StreamCommand::Append {
                seq,
                bytes,
                timestamp_offset_micros: 0,
                window_start_micros: 0,
                window_end_micros: None,
                mode: AppendMode::Segments,
            }),
            _ => order.media(usize::try_from(bytes).unwrap_or(usize::MAX)),
        };
        missing = match (missing, what % 4) {
            (Some(0), 0) => Some(0),
            (Some(0), 1) if bytes <= MAX_APPEND => Some(u64::from(bytes)),
            (Some(missing @ 1..), 2 | 3) => missing.checked_sub(u64::from(bytes)),
            _ => None,
        };
        assert_eq!(result.is_ok(), missing.is_some(), "{result:?}");
        if let Ok(Step::Inside { remaining, .. }) = result {
            assert_eq!(Some(u64::from(remaining)), missing);
        }
        assert_eq!(order.is_between(), missing == Some(0));
    }
});
