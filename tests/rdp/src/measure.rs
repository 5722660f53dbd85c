//! How long a control message and its answer take beside as much media as the way carries.

use crate::clip::MP4;
use anyhow::ensure;
use nearside_channel::message::{DeviceMessage, HostMessage, StreamEvent};
use nearside_tests::host::Host;
use std::time::{Duration, Instant};

/// Media of one measurement, in bytes.
pub const BULK: usize = 24 << 20;

/// A box that parsers skip.
const BOX: u32 = 1 << 20;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Sorted.
    round_trips: Vec<Duration>,
    /// From the append to the device's answer.
    took: Duration,
}

impl Measured {
    /// How many round trips there were.
    pub fn count(&self) -> usize {
        self.round_trips.len()
    }

    /// The round trip that `part` of 100 are not longer than.
    pub fn percentile(&self, part: usize) -> Duration {
        let last = self.round_trips.len().saturating_sub(1);
        self.round_trips.get(last * part / 100).copied().unwrap_or_default()
    }

    /// One line for people; with how it compares to `other`.
    pub fn describe(&self, other: Option<&Self>) -> String {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let [p50, p99, max] = [50, 99, 100].map(|part| ms(self.percentile(part)));
        let bytes = u32::try_from(BULK).map_or(0.0, f64::from);
        let rate = bytes / 1e6 / self.took.as_secs_f64().max(1e-9);
        let ratio = other.map_or_else(String::new, |other| {
            let ratio = p50 / ms(other.percentile(50)).max(1e-9);
            format!(", p50 {ratio:.3} of that without a window")
        });
        let count = self.count();
        format!(
            "{rate:.0} MB/s, {count} round trips, p50 {p50:.1} p99 {p99:.1} max {max:.1} ms{ratio}"
        )
    }
}

/// No control message waited behind much more than `window` bytes of media.
///
/// # Errors
/// There were fewer round trips than windows in [`BULK`], by far.
pub fn check(measured: &Measured, window: u32) -> anyhow::Result<()> {
    let windows = BULK / usize::try_from(window)?.max(1);
    let count = measured.count();
    ensure!(windows / 2 <= count, "{count} round trips beside {windows} windows of media");
    Ok(())
}

/// Media of `bytes`, whole boxes, that has nothing to decode.
///
/// # Errors
/// None on any machine of today.
pub fn skipped(bytes: usize) -> anyhow::Result<Vec<u8>> {
    let length = usize::try_from(BOX)?;
    let mut skipped = [&BOX.to_be_bytes()[..], b"free"].concat();
    skipped.resize(length, 0);
    Ok(skipped.repeat(bytes / length))
}

/// Appends [`BULK`] bytes that no player has to decode, with one ping after the other beside.
///
/// # Errors
/// The device does not take them.
pub fn beside_bulk(host: &mut Host) -> anyhow::Result<Measured> {
    host.open_player(&[MP4])?;
    let since = Instant::now();
    let last = host.append(1, &skipped(BULK)?)?;
    let mut round_trips = Vec::new();
    let mut taken = None;
    for number in 0.. {
        let at = Instant::now();
        host.send(&HostMessage::Ping { seq: number })?;
        host.wait("a pong", |message| match message {
            DeviceMessage::Stream { event: StreamEvent::Appended { seq, .. }, .. } => {
                taken = taken.or((*seq == last).then(|| since.elapsed()));
                None
            }
            DeviceMessage::Pong { seq } => (*seq == number).then_some(()),
            _ => None,
        })?;
        round_trips.push(at.elapsed());
        if taken.is_some() {
            break;
        }
    }
    round_trips.sort_unstable();
    Ok(Measured { round_trips, took: taken.unwrap_or_default() })
}
