//! What the broker says of itself to people and programs.

use std::collections::VecDeque;
use std::time::Duration;

use nearside_channel::message::Reason;
use serde::{Deserialize, Serialize};

/// Round trips that are remembered.
const ROUND_TRIPS: usize = 600;

/// One snapshot of a broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub connected: bool,
    /// `unix`, `xrdp`, `windows`, `none`.
    pub transport: String,
    /// Why there is no device, or why it does not play.
    pub reason: Option<Reason>,
    /// Of the heartbeat, the latest ten minutes.
    pub control_rtt_ms: RoundTripStatus,
    /// To the device since the broker started.
    pub bytes_sent: u64,
    pub browsers: usize,
    pub pages: usize,
    /// Media kept for a device that starts anew.
    pub kept_bytes: usize,
    pub host_version: String,
    pub pid: u32,
}

/// Milliseconds; 0 while none was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundTripStatus {
    pub p50: f64,
    pub p99: f64,
    /// How many were measured.
    pub n: usize,
}

/// The latest round trips.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips(VecDeque<Duration>);

impl RoundTrips {
    pub(crate) fn push(&mut self, time: Duration) {
        if self.0.len() == ROUND_TRIPS {
            self.0.pop_front();
        }
        self.0.push_back(time);
    }

    pub(crate) fn status(&self) -> RoundTripStatus {
        let mut times: Vec<_> = self.0.iter().copied().collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let index = times.len().saturating_sub(1) * percent / 100;
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        RoundTripStatus { p50: at(50), p99: at(99), n: times.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_latest() {
        let mut times = RoundTrips::default();
        assert_eq!(times.status(), RoundTripStatus { p50: 0.0, p99: 0.0, n: 0 });
        for millis in 0..1000 {
            times.push(Duration::from_millis(millis));
        }
        let RoundTripStatus { p50, p99, n } = times.status();
        assert_eq!((p50, p99, n), (699.0, 993.0, 600));
    }
}
