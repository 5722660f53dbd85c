//! Hostile bytes: nothing panics, nothing grows, every refusal is a value.

use nearside_channel::codec::{self, DecodeError};
use nearside_channel::message::*;
use nearside_channel::validate::Invalid;
use nearside_channel::wire::{self, FrameReader, HEADER_SIZE, Kind, WireError};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::samples::{hello, welcome};
use crate::strategies::{device_message, host_message, stream_command};

/// A frame's kind, stream and body.
type Owned = (Kind, StreamId, Vec<u8>);

/// What a reader makes of `bytes` cut after every count of `cuts`, in turn.
fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<Owned>, Option<WireError>) {
    let mut reader = FrameReader::default();
    let mut frames = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (mut chunk, tail) = rest.split_at((*cut).min(rest.len()));
        rest = tail;
        loop {
            match reader.next_frame(&mut chunk) {
                Ok(Some(frame)) => {
                    assert_eq!(frame.body.len(), frame.header.body_length());
                    frames.push((frame.kind(), frame.stream(), frame.body.into_owned()));
                }
                Ok(None) => {
                    assert!(chunk.is_empty(), "asked for more with bytes left");
                    break;
                }
                Err(error) => {
                    let mut more = &[0u8; 64][..];
                    assert_eq!(reader.next_frame(&mut more), Err(error), "an error is final");
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1..10usize, 1..20), vec(1..20_000usize, 1..20)]
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let media = (1..=u16::MAX, vec(any::<u8>(), 1..2000)).prop_map(|(stream, body)| {
        let mut out = Vec::new();
        wire::encode(Kind::Media, StreamId(stream), &body, &mut out).unwrap();
        out
    });
    let host = host_message().prop_map(|message| {
        let mut out = Vec::new();
        codec::encode_host(&message, &mut out).unwrap();
        out
    });
    let command = (1..=u16::MAX, stream_command()).prop_map(|(stream, command)| {
        let mut out = Vec::new();
        codec::encode_command(StreamId(stream), &command, &mut out).unwrap();
        out
    });
    vec(prop_oneof![media, host, command], 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn chunking_changes_nothing(bytes in frames(), cuts in cuts()) {
        let (whole, error) = read(&bytes, &[usize::MAX]);
        prop_assert_eq!(error, None);
        prop_assert_eq!(read(&bytes, &cuts), (whole.clone(), None));
        let mut again = Vec::new();
        for (kind, stream, body) in &whole {
            wire::encode(*kind, *stream, body, &mut again).unwrap();
        }
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn mutated_frames_read_the_same_in_any_chunks(
        mut bytes in frames(), cuts in cuts(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        if !bytes.is_empty() {
            for (index, byte) in mutations {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
        }
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[usize::MAX]));
        for (kind, _, body) in read(&bytes, &cuts).0 {
            match kind {
                Kind::Control => {
                    let _ = codec::decode_host(&body);
                    let _ = codec::decode_device(&body);
                }
                Kind::Command => drop(codec::decode_command(&body)),
                Kind::Media => {}
            }
        }
    }

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..4000), cuts in cuts()) {
        read(&bytes, &cuts);
        let _ = codec::decode_host(&bytes);
        let _ = codec::decode_device(&bytes);
        let _ = codec::decode_command(&bytes);
    }

    /// What decodes is in bounds, so it encodes again.
    #[test]
    fn mutated_json_is_refused_or_in_bounds(
        message in device_message(), index: prop::sample::Index, byte: u8,
    ) {
        let mut bytes = Vec::new();
        codec::encode_device(&message, &mut bytes).unwrap();
        let mut body = bytes.split_off(HEADER_SIZE);
        let index = index.index(body.len());
        body[index] = byte;
        if let Ok(message) = codec::decode_device(&body) {
            codec::encode_device(&message, &mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn deep_and_wide_json() {
    let deep = |open: &str| format!("{{\"type\":{}", open.repeat(100_000));
    for body in [deep("["), deep("{\"a\":"), format!("[{}0]", "0,".repeat(400_000))] {
        assert!(codec::decode_host(body.as_bytes()).is_err());
        assert!(codec::decode_command(body.as_bytes()).is_err());
    }
}

#[track_caller]
fn refused_host(message: &HostMessage, expected: Invalid) {
    let body = serde_json::to_vec(message).unwrap();
    assert_eq!(codec::decode_host(&body), Err(DecodeError::Invalid(expected)));
    let mut out = vec![7];
    assert!(codec::encode_host(message, &mut out).is_err());
    assert_eq!(out, [7], "refused, and the output is unchanged");
}

#[track_caller]
fn refused_device(message: &DeviceMessage, expected: Invalid) {
    let body = serde_json::to_vec(message).unwrap();
    assert_eq!(codec::decode_device(&body), Err(DecodeError::Invalid(expected)));
}

fn player(command: PlayerCommand) -> HostMessage {
    HostMessage::Player { page: PageId(1), player: PlayerId(1), command }
}

#[test]
fn host_bounds() {
    let hello = |change: fn(&mut Hello)| {
        let mut hello = hello();
        change(&mut hello);
        HostMessage::Hello(hello)
    };
    let too_short = Invalid::TooShort { field: "nonce", length: 7, limit: 8 };
    refused_host(&hello(|hello| hello.nonce = "x".repeat(7)), too_short);
    let too_long = |field, length, limit| Invalid::TooLong { field, length, limit };
    refused_host(&hello(|hello| hello.nonce = "x".repeat(65)), too_long("nonce", 65, 64));
    let out_of_range = |field| Invalid::OutOfRange { field };
    let wide = |hello: &mut Hello| hello.desktop = Some(Size { width: 65_536, height: 1 });
    refused_host(&hello(wide), out_of_range("desktop"));

    let (page, long) = (PageId(1), "x".repeat(8193));
    let open = |site: &str, title: &str| HostMessage::PageOpen {
        page,
        site: site.to_owned(),
        title: title.to_owned(),
    };
    refused_host(&open(&long, ""), too_long("site", 8193, 512));
    refused_host(&open("", &long), too_long("title", 8193, 1024));
    let url = PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Url { url: long } };
    refused_host(&player(url), too_long("url", 8193, 8192));

    let add = |stream, length| PlayerCommand::AddStream { stream, mime: "x".repeat(length) };
    refused_host(&player(add(StreamId(1), 513)), too_long("mime", 513, 512));
    refused_host(&player(add(StreamId(0), 1)), Invalid::ControlStream);
    let seek = PlayerCommand::Seek { to_micros: (1 << 53) + 1, token: 0 };
    refused_host(&player(seek), out_of_range("to_micros"));
    for rate in [0.2, 4.1, -1.0] {
        let rate = PlayerCommand::Rate { rate, preserves_pitch: true };
        refused_host(&player(rate), out_of_range("rate"));
    }
    let volume = PlayerCommand::Volume { volume: 1.01, muted: false };
    refused_host(&player(volume), out_of_range("volume"));
    let duration = PlayerCommand::Duration { duration_micros: Some(-1) };
    refused_host(&player(duration), Invalid::Backwards { field: "duration" });

    let rect = Rect { x: 0, y: 0, width: 1, height: 1 };
    let covered = vec![rect; MAX_COVERED + 1];
    let layout = Layout { rect, clip: rect, covered, visible: true, ..Layout::default() };
    let too_many = Invalid::TooMany { field: "covered", count: 65, limit: 64 };
    refused_host(&player(PlayerCommand::Layout(layout)), too_many);
    let caption = Caption {
        text: String::new(),
        line: CaptionLine::Auto,
        position: None,
        size: 100.0,
        align: CaptionAlign::Center,
        styles: Vec::new(),
    };
    let captions = |captions| player(PlayerCommand::Captions { captions });
    let too_many = Invalid::TooMany { field: "captions", count: 17, limit: MAX_CAPTIONS };
    refused_host(&captions(vec![caption.clone(); MAX_CAPTIONS + 1]), too_many);
    let styles = vec![CaptionStyle::default(); MAX_CAPTION_STYLES + 1];
    let too_many = Invalid::TooMany { field: "caption's styles", count: 65, limit: 64 };
    refused_host(&captions(vec![Caption { styles, ..caption.clone() }]), too_many);
    let long = "x".repeat(MAX_CAPTION + 1);
    let too_long = Invalid::TooLong { field: "caption", length: 2049, limit: MAX_CAPTION };
    refused_host(&captions(vec![Caption { text: long, ..caption.clone() }]), too_long);
    for size in [-0.5, 100.5, f64::MAX] {
        let caption = Caption { size, ..caption.clone() };
        refused_host(&captions(vec![caption]), out_of_range("caption's size"));
    }
    let beside = Caption { position: Some(101.0), ..caption.clone() };
    refused_host(&captions(vec![beside]), out_of_range("caption's position"));
    let below = Caption { line: CaptionLine::Percent { percent: 100.1 }, ..caption };
    refused_host(&captions(vec![below]), out_of_range("caption's line"));
}

#[test]
fn numbers_that_json_cannot_hold_are_not_sent() {
    for rate in [f64::NAN, f64::INFINITY] {
        let message = player(PlayerCommand::Rate { rate, preserves_pitch: true });
        assert!(codec::encode_host(&message, &mut Vec::new()).is_err());
    }
}

#[test]
fn device_bounds() {
    let out_of_range = |field| Invalid::OutOfRange { field };
    let credit = |stream, bytes| DeviceMessage::Credit { stream: StreamId(stream), bytes };
    refused_device(&credit(0, 1), Invalid::ControlStream);
    refused_device(&credit(1, 0), out_of_range("bytes"));
    refused_device(&credit(1, u32::MAX), out_of_range("bytes"));
    let credits = CreditLimits { total_bytes: 1, per_stream_bytes: 1 };
    let tiny = DeviceMessage::Welcome(Welcome { credits, ..welcome() });
    refused_device(&tiny, out_of_range("total_bytes"));
    let event = |event| DeviceMessage::Stream { page: PageId(1), stream: StreamId(1), event };
    let range = |start_micros, end_micros| TimeRange { start_micros, end_micros };
    let backwards = Invalid::Backwards { field: "buffered range" };
    refused_device(&event(StreamEvent::Removed { buffered: vec![range(2, 1)] }), backwards);
    let too_many = Invalid::TooMany { field: "buffered", count: 1025, limit: 1024 };
    refused_device(&event(StreamEvent::Evicted { buffered: vec![range(0, 1); 1025] }), too_many);
}

#[test]
fn command_bounds() {
    let check = |body: &str, expected| {
        assert_eq!(codec::decode_command(body.as_bytes()), Err(DecodeError::Invalid(expected)));
    };
    check(
        r#"{"type":"append","seq":1,"bytes":1,"timestamp_offset_micros":-9223372036854775808}"#,
        Invalid::OutOfRange { field: "timestamp_offset_micros" },
    );
    check(
        r#"{"type":"append","seq":1,"bytes":1,"window_start_micros":5,"window_end_micros":4}"#,
        Invalid::Backwards { field: "append window" },
    );
    check(
        r#"{"type":"remove","start_micros":5,"end_micros":4}"#,
        Invalid::Backwards { field: "removed span" },
    );
}

#[test]
fn a_command_on_the_control_stream_is_not_sent() {
    let mut out = Vec::new();
    assert!(codec::encode_command(StreamId(0), &StreamCommand::Abort, &mut out).is_err());
    assert!(out.is_empty());
}
