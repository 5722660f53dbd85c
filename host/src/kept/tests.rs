//! A model browser and a model device on either side of a log: whatever happens, a device
//! that starts anew comes to hold at least what the browser holds.

use bytes::Bytes;
use nearside_channel::message::{AppendMode, CreditLimits, StreamCommand, StreamId, TimeRange};
use nearside_channel::scheduler::{Class, Scheduler};
use nearside_channel::wire::{FrameReader, Kind};
use nearside_channel::{codec, stream};
use proptest::prelude::*;

use super::{ENTRY_OVERHEAD, Log};

const STREAM: StreamId = StreamId(3);
const MIME: &str = "video/mp4; codecs=\"avc1.64001f\"";
const SECOND: i64 = 1_000_000;

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], kind, body].concat()
}

/// An init segment that a device can tell from others.
fn init(number: u8) -> Vec<u8> {
    [boxed(b"ftyp", &[0; 8]), boxed(b"moov", &[number; 40])].concat()
}

/// A segment of one second that names its init segment and its second.
fn segment(number: u8, second: u16) -> Vec<u8> {
    let [high, low] = second.to_be_bytes();
    [boxed(b"moof", &[0; 30]), boxed(b"mdat", &[[number, high, low]; 150].concat())].concat()
}

fn append(seq: u32, bytes: usize, mode: AppendMode) -> StreamCommand {
    StreamCommand::Append {
        seq,
        bytes: u32::try_from(bytes).unwrap(),
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: None,
        mode,
    }
}

/// Seconds that are held, as a browser or a device would have them.
type Held = std::collections::BTreeSet<u16>;

fn ranges(held: &Held) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = Vec::new();
    for second in held {
        let start_micros = i64::from(*second) * SECOND;
        let end_micros = start_micros + SECOND;
        match ranges.last_mut() {
            Some(last) if last.end_micros == start_micros => last.end_micros = end_micros,
            _ => ranges.push(TimeRange { start_micros, end_micros }),
        }
    }
    ranges
}

/// What a device does with what arrives. Refuses media without its init segment.
#[derive(Debug, Default)]
struct Device {
    held: Held,
    init: Option<u8>,
    pending: Vec<u8>,
    /// Bytes of the append under way that have not come.
    expected: usize,
    ended: bool,
    appends: Vec<u32>,
    /// The offsets of the appends, in microseconds.
    offsets: Vec<i64>,
    mimes: Vec<String>,
}

impl Device {
    fn command(&mut self, command: &StreamCommand) {
        assert_eq!(self.expected, 0, "an append comes whole");
        match command {
            StreamCommand::Append { seq, bytes, timestamp_offset_micros, .. } => {
                self.expected = usize::try_from(*bytes).unwrap();
                self.appends.push(*seq);
                self.offsets.push(*timestamp_offset_micros);
                self.ended = false;
            }
            StreamCommand::Abort => self.pending.clear(),
            StreamCommand::Remove { start_micros, end_micros } => {
                self.held.retain(|second| {
                    let at = i64::from(*second) * SECOND;
                    at < *start_micros || end_micros.is_some_and(|end| end <= at)
                });
            }
            StreamCommand::ChangeType { mime } => {
                self.init = None;
                self.mimes.push(mime.clone());
            }
            StreamCommand::EndOfStream { .. } => self.ended = true,
        }
    }

    fn media(&mut self, bytes: &[u8]) {
        self.expected = self.expected.checked_sub(bytes.len()).expect("no more than announced");
        self.pending.extend_from_slice(bytes);
        while let Some(length) = self.pending.first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
            assert!(8 <= length, "the log gives whole boxes only");
            if self.pending.len() < length {
                return;
            }
            let whole: Vec<u8> = self.pending.drain(..length).collect();
            match whole.split_at(8) {
                (head, body) if head.ends_with(b"moov") => self.init = body.first().copied(),
                (head, body) if head.ends_with(b"mdat") => {
                    assert_eq!(self.init, body.first().copied(), "media with its init segment");
                    self.held.insert(u16::from_be_bytes([body[1], body[2]]));
                }
                _ => {}
            }
        }
    }
}

/// The way from a log to a device: credit is granted at once, or never.
struct Way {
    scheduler: Scheduler,
    frames: FrameReader,
    device: Device,
}

impl Way {
    fn new() -> Self {
        let limits = CreditLimits { total_bytes: 16 << 20, per_stream_bytes: 16 << 20 };
        let mut scheduler = Scheduler::new(limits, 3000);
        scheduler.open(STREAM, Class::Video).unwrap();
        Self { scheduler, frames: FrameReader::default(), device: Device::default() }
    }

    /// Sends up to so many frames.
    fn send(&mut self, log: &mut Log, frames: usize) {
        for _ in 0..frames {
            log.feed(STREAM, &mut self.scheduler).unwrap();
            let mut out = Vec::new();
            if !self.scheduler.next_frame(&mut out) {
                return;
            }
            let mut chunk = &out[..];
            let frame = self.frames.next_frame(&mut chunk).unwrap().unwrap();
            let bytes = u32::try_from(frame.body.len()).unwrap();
            match frame.kind() {
                Kind::Command => self.device.command(&codec::decode_command(&frame.body).unwrap()),
                Kind::Media => self.device.media(&frame.body),
                Kind::Control => panic!("no control frame was pushed"),
            }
            self.scheduler.grant(STREAM, bytes).unwrap();
        }
    }

    fn send_all(&mut self, log: &mut Log) {
        self.send(log, usize::MAX);
        assert!(log.is_sent());
    }
}

/// What a page and its browser do.
#[derive(Clone, Debug)]
enum Act {
    /// An init segment, then these seconds, one append each; cut in pieces of so many bytes.
    Append {
        init: Option<u8>,
        seconds: std::ops::Range<u16>,
        cut: usize,
    },
    /// The same, in appends of so many bytes, wherever that cuts.
    Pour {
        init: Option<u8>,
        seconds: std::ops::Range<u16>,
        size: usize,
    },
    Remove {
        from: u16,
        to: u16,
    },
    /// The browser lets go of its oldest seconds by itself.
    Evict {
        seconds: usize,
    },
    Abort,
    ChangeType,
    EndOfStream,
    /// So many frames go to the device.
    Send {
        frames: usize,
    },
    /// A new stage.
    Anew,
}

fn act() -> impl Strategy<Value = Act> {
    let seconds = (0..100_u16, 1..8_u16).prop_map(|(from, count)| from..from + count);
    let others = (0..100_u16, 1..8_u16).prop_map(|(from, count)| from..from + count);
    prop_oneof![
        4 => (proptest::option::of(0..5_u8), others, 5..2000_usize)
            .prop_map(|(init, seconds, size)| Act::Pour { init, seconds, size }),
        4 => (proptest::option::of(0..5_u8), seconds, 50..900_usize)
            .prop_map(|(init, seconds, cut)| Act::Append { init, seconds, cut }),
        2 => (0..100_u16, 1..60_u16).prop_map(|(from, count)| Act::Remove { from, to: from + count }),
        1 => (1..20_usize).prop_map(|seconds| Act::Evict { seconds }),
        1 => Just(Act::Abort),
        1 => Just(Act::ChangeType),
        1 => Just(Act::EndOfStream),
        4 => (0..60_usize).prop_map(|frames| Act::Send { frames }),
        1 => Just(Act::Anew),
    ]
}

/// A page in a browser, with the extension that tells the host.
struct Browser {
    log: Log,
    held: Held,
    seq: u32,
    /// Of the init segment that was appended last.
    init: Option<u8>,
    mode: AppendMode,
}

impl Browser {
    fn new() -> Self {
        let mode = AppendMode::Segments;
        Self { log: Log::new(MIME), held: Held::new(), seq: 0, init: None, mode }
    }

    fn append(&mut self, bytes: &[u8], cut: usize) {
        self.seq += 1;
        self.log.command(append(self.seq, bytes.len(), self.mode));
        for piece in bytes.chunks(cut) {
            self.log.media(Bytes::copy_from_slice(piece));
        }
    }

    fn tell(&mut self) {
        self.log.buffered(self.seq, ranges(&self.held));
    }

    fn act(&mut self, act: Act, way: &mut Way) {
        match act {
            Act::Append { init: new, seconds, cut } => {
                if let Some(number) = new.or(self.init.is_none().then_some(7)) {
                    self.append(&init(number), cut);
                    self.tell();
                    self.init = Some(number);
                }
                for second in seconds {
                    self.append(&segment(self.init.unwrap(), second), cut);
                    self.held.insert(second);
                    self.tell();
                }
            }
            Act::Pour { init: new, seconds, size } => {
                let mut bytes = Vec::new();
                if let Some(number) = new.or(self.init.is_none().then_some(7)) {
                    bytes = init(number);
                    self.init = Some(number);
                }
                let mut ends = Vec::new();
                for second in seconds {
                    bytes.extend(segment(self.init.unwrap(), second));
                    ends.push((bytes.len(), second));
                }
                for (index, append) in bytes.chunks(size).enumerate() {
                    self.append(append, 700);
                    let come = index * size + append.len();
                    self.held.extend(ends.extract_if(.., |(end, _)| *end <= come).map(|(_, s)| s));
                    self.tell();
                }
            }
            Act::Remove { from, to } => {
                let (start_micros, end) = (i64::from(from) * SECOND, i64::from(to) * SECOND);
                self.log.command(StreamCommand::Remove { start_micros, end_micros: Some(end) });
                self.held.retain(|second| !(from..to).contains(second));
                self.tell();
            }
            Act::Evict { seconds } => {
                for _ in 0..seconds {
                    self.held.pop_first();
                }
                self.tell();
            }
            Act::Abort => self.log.command(StreamCommand::Abort),
            Act::ChangeType => {
                self.log.command(StreamCommand::ChangeType { mime: MIME.to_owned() });
                self.init = None;
            }
            Act::EndOfStream => self.log.command(StreamCommand::EndOfStream { failed: false }),
            Act::Send { frames } => way.send(&mut self.log, frames),
            Act::Anew => {
                self.log.rewind();
                *way = Way::new();
            }
        }
        let bytes: usize = self.log.entries.iter().map(super::Entry::bytes).sum();
        assert_eq!(self.log.bytes(), bytes);
    }
}

proptest! {
    #[test]
    fn a_new_device_holds_what_the_browser_holds(acts in proptest::collection::vec(act(), 1..60)) {
        let (mut browser, mut way) = (Browser::new(), Way::new());
        for act in acts {
            browser.act(act, &mut way);
        }
        way.send_all(&mut browser.log);
        prop_assert!(way.device.held.is_superset(&browser.held));
        for _ in 0..2 {
            browser.log.rewind();
            let mut anew = Way::new();
            anew.send_all(&mut browser.log);
            prop_assert!(anew.device.held.is_superset(&browser.held));
            prop_assert_eq!(anew.device.init, browser.init.filter(|_| anew.device.mimes.is_empty()
                || anew.device.init.is_some()));
        }
        browser.log.shed();
        browser.log.rewind();
        let mut anew = Way::new();
        anew.send_all(&mut browser.log);
        prop_assert!(anew.device.held.is_superset(&browser.held), "also after shedding");
    }
}

#[test]
fn an_hour_of_playing_keeps_only_what_is_buffered() {
    let (mut browser, mut way) = (Browser::new(), Way::new());
    let mut most = 0;
    for second in 0..3600 {
        // A switch of quality each minute, and the page removes what was played.
        let init = (second % 60 == 0).then(|| u8::try_from(second / 60 % 4).unwrap());
        browser.act(Act::Append { init, seconds: second..second + 1, cut: 4096 }, &mut way);
        browser.act(Act::Remove { from: 0, to: second.saturating_sub(20) }, &mut way);
        way.send_all(&mut browser.log);
        most = most.max(browser.log.bytes());
    }
    let whole = segment(1, 0).len() + ENTRY_OVERHEAD;
    assert!(most < 30 * whole, "{} segments were kept", most / whole);
}

#[test]
fn a_long_file_that_is_poured_in_keeps_only_what_is_buffered() {
    for size in [100, 333, 4096, 20_000] {
        let (mut browser, mut way) = (Browser::new(), Way::new());
        let mut most = 0;
        for from in (0..3600).step_by(100) {
            let init = (from == 0).then_some(3);
            browser.act(Act::Pour { init, seconds: from..from + 100, size }, &mut way);
            browser.act(Act::Remove { from: 0, to: from + 50 }, &mut way);
            way.send_all(&mut browser.log);
            most = most.max(browser.log.bytes());
        }
        let whole = segment(1, 0).len();
        let entry = whole + ENTRY_OVERHEAD * (2 + whole / size);
        assert!(most < 170 * entry, "{} segments were kept in cuts of {size}", most / entry);
        browser.log.rewind();
        let mut anew = Way::new();
        anew.send_all(&mut browser.log);
        assert!(anew.device.held.is_superset(&browser.held));
    }
}

#[test]
fn a_device_that_starts_anew_hears_where_a_sequence_goes_on() {
    let (mut browser, mut way) = (Browser::new(), Way::new());
    browser.mode = AppendMode::Sequence;
    browser.act(Act::Append { init: Some(1), seconds: 0..10, cut: 4096 }, &mut way);
    way.send_all(&mut browser.log);
    assert_eq!(way.device.offsets, [0; 11], "as the page has them");
    browser.act(Act::Remove { from: 0, to: 4 }, &mut way);
    browser.act(Act::Remove { from: 6, to: 8 }, &mut way);
    way.send_all(&mut browser.log);
    browser.log.rewind();
    let mut anew = Way::new();
    anew.send_all(&mut browser.log);
    assert_eq!(anew.device.appends, [1, 6, 7, 10, 11], "the init segment, and what is held");
    assert_eq!(anew.device.offsets, [0, 4 * SECOND, 0, 8 * SECOND, 0]);
}

#[test]
fn nothing_is_dropped_before_it_is_sent() {
    let (mut browser, mut way) = (Browser::new(), Way::new());
    browser.act(Act::Append { init: Some(1), seconds: 0..10, cut: 100 }, &mut way);
    browser.act(Act::Remove { from: 0, to: 10 }, &mut way);
    way.send_all(&mut browser.log);
    assert_eq!(way.device.appends, (1..=11).collect::<Vec<_>>(), "all of it, in order");
    assert!(way.device.held.is_empty());
    // The init segment and the open group: what was just removed may be appended to.
    assert!(browser.log.bytes() < 3 * (segment(1, 0).len() + ENTRY_OVERHEAD));
}

#[test]
fn a_device_that_grants_nothing_takes_no_more_than_its_credit() {
    let mut browser = Browser::new();
    let limits = stream::CREDITS;
    let mut scheduler = Scheduler::new(limits, 64 << 10);
    scheduler.open(STREAM, Class::Video).unwrap();
    browser.append(&vec![0; 4 << 20], 1 << 20);
    let mut out = Vec::new();
    loop {
        browser.log.feed(STREAM, &mut scheduler).unwrap();
        if !scheduler.next_frame(&mut out) {
            break;
        }
    }
    assert!(out.len() < usize::try_from(limits.per_stream_bytes).unwrap() + (16 << 10));
    assert!(!browser.log.is_sent());
    assert!(browser.log.bytes() < (4 << 20) + 1000, "one copy");
}
