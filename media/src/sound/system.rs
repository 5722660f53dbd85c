//! The system-clock thread: pulls sound when no device does, and notices a device that stalls.
//!
//! Without a device it renders blocks of 10 ms on an absolute schedule, so that voices, clocks and
//! measurements behave as with one. While a device plays it looks four times a second whether
//! that still asks for blocks; while nothing plays it sleeps without a timer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::CHANNELS;
use super::num::{micros_since, usize_from_u32};
use super::shared::{NO_SINK, SYSTEM_SINK, Shared};

const BLOCK: Duration = Duration::from_millis(10);

/// Further behind than this (a suspended machine, a stopped process) it does not catch up.
const GIVE_UP_CATCHING_UP: Duration = Duration::from_millis(200);

/// A device may take this long to start or restart before the system clock stands in.
const GRACE: Duration = Duration::from_millis(300);

const WATCH_EVERY: Duration = Duration::from_millis(250);

/// So many looks without a block asked for: the device has stalled.
const STALLED_LOOKS: u32 = 2;

/// Blocks rendered after the last voice stopped, so that it fades out.
const RUN_OUT_BLOCKS: u32 = 5;

/// Runs until the output is stopped.
pub(super) fn run(shared: &Shared) {
    let frames = usize_from_u32(shared.rate_hz / 100).max(1);
    let mut sink = SystemSink {
        shared,
        block: vec![0.0; frames * CHANNELS],
        due: None,
        silent_blocks: 0,
        waiting_since: None,
        watched: (NO_SINK, 0, 0),
    };
    while !shared.is_stopped() {
        match sink.turn(Instant::now()) {
            Some(wait) if wait.is_zero() => {}
            Some(wait) => std::thread::park_timeout(wait),
            None => std::thread::park(),
        }
    }
}

struct SystemSink<'a> {
    shared: &'a Shared,
    block: Vec<f32>,
    /// When the next block is heard.
    due: Option<Instant>,
    silent_blocks: u32,
    /// Since when voices play and no sink renders.
    waiting_since: Option<Instant>,
    /// The device watched, its blocks at the last look, looks without a new one.
    watched: (u64, u64, u32),
}

impl SystemSink<'_> {
    /// Does what is due and returns how long nothing is; `None`: until woken.
    fn turn(&mut self, now: Instant) -> Option<Duration> {
        let playing = self.shared.is_playing();
        let active = self.shared.active();
        if active != SYSTEM_SINK {
            self.due = None;
        }
        match active {
            SYSTEM_SINK => Some(self.pull(now, playing)),
            NO_SINK if playing => Some(self.stand_in(now)),
            NO_SINK => {
                self.waiting_since = None;
                None
            }
            _ if !playing => None,
            device => Some(self.watch(device)),
        }
    }

    fn pull(&mut self, now: Instant, playing: bool) -> Duration {
        self.waiting_since = None;
        self.silent_blocks = if playing { 0 } else { self.silent_blocks + 1 };
        if self.silent_blocks > RUN_OUT_BLOCKS {
            self.shared.hand_over(SYSTEM_SINK, NO_SINK);
            self.silent_blocks = 0;
            return Duration::ZERO;
        }
        let mut due = *self.due.get_or_insert(now);
        if now < due {
            self.silent_blocks = self.silent_blocks.saturating_sub(1);
            return due - now;
        }
        if now.saturating_duration_since(due) > GIVE_UP_CATCHING_UP {
            due = now;
        }
        let heard = micros_since(self.shared.epoch, due);
        self.shared.render(SYSTEM_SINK, &mut self.block, heard);
        self.due = Some(due + BLOCK);
        Duration::ZERO
    }

    fn stand_in(&mut self, now: Instant) -> Duration {
        let waited = now.saturating_duration_since(*self.waiting_since.get_or_insert(now));
        if self.shared.absent.load(Ordering::Acquire) || waited >= GRACE {
            self.shared.hand_over(NO_SINK, SYSTEM_SINK);
            return Duration::ZERO;
        }
        GRACE - waited
    }

    fn watch(&mut self, device: u64) -> Duration {
        self.waiting_since = None;
        let blocks = self.shared.callbacks.load(Ordering::Relaxed);
        let (watched, seen, looks) = self.watched;
        let looks = if watched == device && seen == blocks { looks + 1 } else { 0 };
        self.watched = (device, blocks, looks);
        if looks > STALLED_LOOKS {
            self.watched = (NO_SINK, 0, 0);
            if self.shared.hand_over(device, SYSTEM_SINK) {
                tracing::warn!("Sound device stalled, the system clock takes over");
                self.shared.set_device(None);
                self.shared.sink_failed(device);
            }
        }
        WATCH_EVERY
    }
}
