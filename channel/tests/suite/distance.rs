//! Credit over lines of a given length and width, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nearside_channel::message::{AppendMode, CreditLimits, DeviceMessage, StreamCommand, StreamId};
use nearside_channel::scheduler::{Class, Scheduler};
use nearside_channel::stream::{CREDITS, Inflow, MAX_APPEND, WIDEST};
use nearside_channel::wire::{FrameReader, Kind};

const STREAM: StreamId = StreamId(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// What is on its way.
enum Parcel {
    ToDevice(Vec<u8>),
    ToHost(Box<DeviceMessage>),
    /// The player has taken this much.
    Taken(usize),
    /// The page has made this much.
    Made(usize),
}

struct Line {
    now: Instant,
    one_way: Duration,
    /// Bytes a second to the device.
    width: u64,
    /// When the line has sent all that was put on it.
    free_at: Instant,
    on_the_way: BTreeMap<(Instant, u64), Parcel>,
    next: u64,
    host: Scheduler,
    inflow: Inflow,
    frames: FrameReader,
    limits: CreditLimits,
    arrived: usize,
    /// The longest that a message of the host stood behind media.
    longest_queue: Duration,
    /// What the player takes in a second; `None`: all at once.
    appetite: Option<u64>,
    /// When the player has taken all that it was given.
    sated_at: Instant,
}

impl Line {
    fn new(round_trip: Duration, width: u64, grows: bool) -> Self {
        let now = Instant::now();
        let mut host = Scheduler::new(CREDITS, 64 << 20);
        host.open(STREAM, Class::Video).unwrap();
        let mut inflow = Inflow::new(grows);
        (0..4).for_each(|_| inflow.round_trip(round_trip));
        inflow.open(STREAM).unwrap();
        let append = StreamCommand::Append {
            seq: 1,
            bytes: MAX_APPEND,
            timestamp_offset_micros: 0,
            window_start_micros: 0,
            window_end_micros: None,
            mode: AppendMode::Segments,
        };
        host.push_command(STREAM, &append).unwrap();
        Self {
            now,
            one_way: round_trip / 2,
            width,
            free_at: now,
            on_the_way: BTreeMap::new(),
            next: 0,
            host,
            inflow,
            frames: FrameReader::default(),
            limits: CREDITS,
            arrived: 0,
            longest_queue: Duration::ZERO,
            appetite: None,
            sated_at: now,
        }
    }

    fn after(&mut self, wait: Duration, parcel: Parcel) {
        self.next += 1;
        self.on_the_way.insert((self.now + wait, self.next), parcel);
    }

    fn make(&mut self, bytes: usize) {
        self.host.push_media(STREAM, &mut Bytes::from(vec![0; bytes])).unwrap();
    }

    fn time(&self, bytes: usize, width: u64) -> Duration {
        Duration::from_secs(1) * u32::try_from(bytes).unwrap() / u32::try_from(width).unwrap()
    }

    /// Lets things happen until `bytes` have arrived; how long that took.
    fn carry(&mut self, bytes: usize) -> Duration {
        let began = self.now;
        let until = self.arrived + bytes;
        while self.arrived < until {
            let mut frame = Vec::new();
            while self.host.next_frame(&mut frame) {
                self.free_at = self.free_at.max(self.now) + self.time(frame.len(), self.width);
                let wait = self.free_at - self.now;
                self.longest_queue = self.longest_queue.max(wait);
                self.after(wait + self.one_way, Parcel::ToDevice(std::mem::take(&mut frame)));
            }
            let ((now, _), parcel) = self.on_the_way.pop_first().expect("nothing stands still");
            self.now = now;
            self.on_parcel(parcel);
        }
        self.now - began
    }

    fn on_parcel(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::ToDevice(bytes) => {
                let mut chunk = bytes.as_slice();
                while let Some(frame) = self.frames.next_frame(&mut chunk).unwrap() {
                    let length = frame.body.len();
                    let answer = self.inflow.arrived(self.now, STREAM, length).unwrap();
                    if let Some(message) = answer {
                        self.after(self.one_way, Parcel::ToHost(Box::new(message)));
                    }
                    self.arrived += if frame.kind() == Kind::Media { length } else { 0 };
                    let takes = self.appetite.map_or(Duration::ZERO, |it| self.time(length, it));
                    self.sated_at = self.sated_at.max(self.now) + takes;
                    self.after(self.sated_at - self.now, Parcel::Taken(length));
                }
            }
            Parcel::Taken(bytes) => {
                self.inflow.consumed(STREAM, bytes).unwrap();
                while let Some(credit) = self.inflow.next_grant(self.now) {
                    self.after(self.one_way, Parcel::ToHost(Box::new(credit)));
                }
            }
            Parcel::ToHost(message) => match *message {
                DeviceMessage::Credit { stream, bytes } => self.host.grant(stream, bytes).unwrap(),
                DeviceMessage::Credits(limits) => {
                    assert!(self.limits.per_stream_bytes < limits.per_stream_bytes);
                    self.limits = limits;
                    self.host.raise(limits);
                }
                message => panic!("{message:?}"),
            },
            Parcel::Made(bytes) => self.make(bytes),
        }
    }
}

#[test]
fn a_far_host_is_given_what_the_line_carries() {
    const MEDIA: usize = 16 << 20;
    let [fixed, growing] = [false, true].map(|grows| {
        let mut line = Line::new(100 * MILLISECOND, 100 << 20, grows);
        line.make(MEDIA);
        (line.carry(MEDIA), line.limits)
    });
    assert_eq!((fixed.1, growing.1), (CREDITS, WIDEST));
    assert!(growing.0 * 4 < fixed.0, "{growing:?}, {fixed:?}");
}

#[test]
fn a_line_that_is_full_gets_no_more() {
    const MEDIA: usize = 8 << 20;
    // 40 Mbit/s hold 500 kB in 100 ms; 5 Mbit/s hold less than the first window.
    for (width, widest) in [(5_000_000, 800_000), (625_000, CREDITS.per_stream_bytes)] {
        let mut line = Line::new(100 * MILLISECOND, width, true);
        line.make(MEDIA);
        let took = line.carry(MEDIA);
        let bytes = line.limits.per_stream_bytes;
        assert!(bytes <= widest, "{bytes} at {width} bytes a second");
        let least = line.time(MEDIA, width);
        assert!(took < least * 5 / 4, "{took:?}, at best {least:?}");
        // Control waits behind no more than the window, less what travels.
        assert!(line.longest_queue < line.time(usize::try_from(widest).unwrap(), width));
    }
}

#[test]
fn a_near_host_keeps_its_window() {
    let mut line = Line::new(MILLISECOND, 20 << 20, true);
    line.make(8 << 20);
    line.carry(8 << 20);
    assert_eq!(line.limits, CREDITS);
}

#[test]
fn who_does_not_wait_for_credit_gets_no_more() {
    let mut line = Line::new(100 * MILLISECOND, 100 << 20, true);
    // 4.8 Mbit/s as they are made.
    (0..50).for_each(|count| line.after(100 * MILLISECOND * count, Parcel::Made(60_000)));
    line.carry(50 * 60_000);
    assert_eq!(line.limits, CREDITS);
}

#[test]
fn a_player_that_does_not_keep_up_gets_no_more() {
    let mut line = Line::new(100 * MILLISECOND, 100 << 20, true);
    line.appetite = Some(500_000);
    line.make(4 << 20);
    line.carry(4 << 20);
    assert_eq!(line.limits, CREDITS);
}

#[test]
fn a_line_that_becomes_slow_holds_little_and_a_fast_one_much_again() {
    let mut line = Line::new(100 * MILLISECOND, 100 << 20, true);
    line.make(48 << 20);
    line.carry(16 << 20);
    assert_eq!(line.limits, WIDEST);
    line.width = 1_000_000;
    line.carry(4 << 20);
    line.longest_queue = Duration::ZERO;
    line.carry(2 << 20);
    let queue = line.longest_queue;
    assert!(queue < 300 * MILLISECOND, "{queue:?} behind media");
    line.width = 100 << 20;
    line.carry(4 << 20);
    let took = line.carry(8 << 20);
    assert!(took < 1100 * MILLISECOND, "{took:?}, at best 0.8 s");
}

#[test]
fn one_short_ping_is_not_trusted_and_the_shortest_counts() {
    for (pings, grows) in [(vec![100; 2], false), (vec![100; 3], true), (vec![100, 2, 100], false)]
    {
        let mut inflow = Inflow::new(true);
        for ping in pings {
            inflow.round_trip(MILLISECOND * ping);
        }
        inflow.open(STREAM).unwrap();
        let mut now = Instant::now();
        let mut answers = 0;
        for _ in 0..20 {
            answers += usize::from(inflow.arrived(now, STREAM, 16 << 10).unwrap().is_some());
            inflow.consumed(STREAM, 16 << 10).unwrap();
            while inflow.next_grant(now).is_some() {}
            now += 10 * MILLISECOND;
        }
        assert_eq!(0 < answers, grows);
    }
}
