//! The system-clock thread: pulls sound when no device does, and notices a device that stalls.
//!
//! Without a device it renders blocks of 10 ms on an absolute schedule, so that voices, clocks and
//! measurements behave as with one. While a device plays it looks four times a second whether
//! that still asks for blocks; while nothing plays it sleeps without a timer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::CHANNELS;
use super::num::{micros_since, usize_from_u32};
use super::shared::{FIRST_DEVICE_SINK, NO_SINK, SYSTEM_SINK, Shared};

const BLOCK: Duration = Duration::from_millis(10);

/// Further behind than this (a suspended machine, a stopped process) it does not catch up.
const GIVE_UP_CATCHING_UP: Duration = Duration::from_millis(200);

/// A device may take this long to start or restart before the system clock stands in.
const GRACE: Duration = Duration::from_millis(300);

const WATCH_EVERY: Duration = Duration::from_millis(250);

/// So long without a block asked for: the device has stalled, the system clock stands in.
const STALLED_AFTER: Duration = Duration::from_millis(500);

/// So long after that a device may come back by itself (a null sink of PulseAudio takes 2 s to
/// start), and nothing is said of it; then it counts as lost and is opened anew.
const GIVE_UP_AFTER: Duration = Duration::from_millis(2_500);

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
        watched: None,
        stall: None,
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
    /// The device watched, the blocks it asked for, and when that number was new.
    watched: Option<(u64, u64, Instant)>,
    stall: Option<Stall>,
}

/// A device that the system clock stands in for.
struct Stall {
    device: u64,
    since: Instant,
    /// Blocks it had asked for in vain when it stalled.
    asked: u64,
}

impl SystemSink<'_> {
    /// Does what is due and returns how long nothing is; `None`: until woken.
    fn turn(&mut self, now: Instant) -> Option<Duration> {
        let playing = self.shared.is_playing();
        let active = self.shared.active();
        if active != SYSTEM_SINK {
            self.due = None;
        }
        if active < FIRST_DEVICE_SINK || !playing {
            self.watched = None;
        }
        match active {
            SYSTEM_SINK => Some(self.pull(now, playing)),
            NO_SINK if playing => Some(self.stand_in(now)),
            NO_SINK => {
                self.waiting_since = None;
                None
            }
            _ if !playing => None,
            device => Some(self.watch(device, now)),
        }
    }

    fn pull(&mut self, now: Instant, playing: bool) -> Duration {
        self.waiting_since = None;
        if self.is_back(now) {
            return Duration::ZERO;
        }
        let mut due = *self.due.get_or_insert(now);
        if now < due {
            return due - now;
        }
        if playing {
            self.silent_blocks = 0;
        } else if self.silent_blocks < RUN_OUT_BLOCKS {
            self.silent_blocks += 1;
        } else {
            self.silent_blocks = 0;
            self.shared.hand_over(SYSTEM_SINK, NO_SINK);
            return Duration::ZERO;
        }
        if now.saturating_duration_since(due) > GIVE_UP_CATCHING_UP {
            due = now;
        }
        // A block ahead, as with a device: a late turn does not show in the position.
        let heard = micros_since(self.shared.epoch, due + BLOCK);
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

    fn watch(&mut self, device: u64, now: Instant) -> Duration {
        self.waiting_since = None;
        let blocks = self.shared.callbacks.load(Ordering::Relaxed);
        let since = match self.watched {
            Some((watched, seen, since)) if (watched, seen) == (device, blocks) => since,
            _ => now,
        };
        self.watched = Some((device, blocks, since));
        if now.saturating_duration_since(since) >= STALLED_AFTER {
            self.watched = None;
            let asked = self.idle_callbacks();
            self.shared.stalled.store(device, Ordering::Release);
            if self.shared.hand_over(device, SYSTEM_SINK) {
                tracing::debug!("The sound device stalls: the system clock stands in");
                self.stall = Some(Stall { device, since: now, asked });
            }
        }
        WATCH_EVERY
    }

    /// Hands over to the stalled device if it asks for blocks again; after a while gives it up.
    fn is_back(&mut self, now: Instant) -> bool {
        let asked = self.idle_callbacks();
        let stalled = self.shared.stalled.load(Ordering::Acquire);
        let Some(stall) = &self.stall else { return false };
        let back = asked != stall.asked;
        let given_up = now.saturating_duration_since(stall.since) >= GIVE_UP_AFTER;
        if stalled == stall.device && !back && !given_up {
            return false;
        }
        let Some(stall) = self.stall.take() else { return false };
        if stalled != stall.device {
            // The device thread has closed it meanwhile.
            return false;
        }
        if !back {
            // Said here, because the device thread may hang in the same sound server.
            self.shared.set_device(None);
            self.shared.tell_lost();
            self.shared.sink_failed(stall.device);
            return false;
        }
        self.shared.hand_over(SYSTEM_SINK, stall.device)
    }

    fn idle_callbacks(&self) -> u64 {
        self.shared.idle_callbacks.load(Ordering::Relaxed)
    }
}
