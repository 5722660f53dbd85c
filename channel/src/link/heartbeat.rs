//! Pings and silence of an open link. Shared by both sides.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{LOST_AFTER, PING_PERIOD};

/// A deadline that is seen so late says that this process or its machine stood still (a laptop
/// that slept, a virtual machine without a processor), and nothing about the other side.
const STANDSTILL: Duration = Duration::from_millis(500);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping { seq: u32 },
    Lost,
}

#[derive(Debug)]
pub(super) struct Heartbeat {
    heard_at: Instant,
    ping_at: Instant,
    next_seq: u32,
    /// Pings without their pong. INVARIANT: younger than `LOST_AFTER`, so a handful.
    unanswered: VecDeque<(u32, Instant)>,
}

impl Heartbeat {
    /// Starts with a ping right away, so that a round trip is known from the start.
    pub(super) fn new(now: Instant) -> Self {
        Self { heard_at: now, ping_at: now, next_seq: 0, unanswered: VecDeque::new() }
    }

    /// Something arrived.
    pub(super) fn on_traffic(&mut self, now: Instant) {
        self.heard_at = self.heard_at.max(now);
    }

    /// Round trip of the ping with this number; `None` if it is not one of ours.
    pub(super) fn on_pong(&mut self, now: Instant, seq: u32) -> Option<Duration> {
        let index = self.unanswered.iter().position(|(sent, _)| *sent == seq)?;
        // Pongs keep the order of pings: the older ones will not be answered any more.
        self.unanswered
            .drain(..=index)
            .next_back()
            .map(|(_, sent_at)| now.saturating_duration_since(sent_at))
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        // Who is asked late has stood still and heard nothing meanwhile, whoever spoke.
        let late = now.saturating_duration_since(self.deadline());
        if STANDSTILL <= late {
            self.heard_at = (self.heard_at + late).min(now);
        }
        if self.lost_at() <= now {
            return Due::Lost;
        }
        if now < self.ping_at {
            return Due::Nothing;
        }
        let seq = self.next_seq;
        self.next_seq = seq.wrapping_add(1);
        self.ping_at = now + PING_PERIOD;
        self.unanswered.retain(|(_, sent_at)| now.saturating_duration_since(*sent_at) < LOST_AFTER);
        self.unanswered.push_back((seq, now));
        Due::Ping { seq }
    }

    /// When [`Heartbeat::due`] has something next.
    pub(super) fn deadline(&self) -> Instant {
        self.ping_at.min(self.lost_at())
    }

    fn lost_at(&self) -> Instant {
        self.heard_at + LOST_AFTER
    }
}
