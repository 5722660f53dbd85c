//! Control messages beside as much media as the connection carries.
//!
//! Nothing below the protocol holds media back: it is the credit window that keeps the way
//! free. Times are printed; what is asserted is that the window makes the difference.

use crate::clip::MP4;
use anyhow::Context as _;
use nearside_channel::message::{DeviceMessage, HostMessage, StreamEvent};
use nearside_channel::stream::CREDITS;
use nearside_rdp_tests::device::FakeDevice;
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::receiver::Receiver;
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use std::time::{Duration, Instant};

/// Media of one measurement.
const BULK: usize = 24 << 20;

/// The largest window that the protocol knows, which is as good as none.
const NO_WINDOW: u32 = 16 << 20;

struct Measured {
    /// Sorted.
    round_trips: Vec<Duration>,
    took: Duration,
}

impl Measured {
    /// `part` of 100.
    fn percentile(&self, part: usize) -> Duration {
        let last = self.round_trips.len().saturating_sub(1);
        self.round_trips.get(last * part / 100).copied().unwrap_or_default()
    }

    #[expect(clippy::print_stdout, reason = "a measurement is for whoever runs the test")]
    fn print(&self, name: &str, other: Option<&Self>) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let [p50, p99, max] = [50, 99, 100].map(|part| ms(self.percentile(part)));
        let rate = u32::try_from(BULK).map_or(0.0, f64::from) / 1e6 / self.took.as_secs_f64();
        let ratio = other.map_or_else(String::new, |other| {
            let ratio = ms(self.percentile(50)) / ms(other.percentile(50));
            format!(", p50 {ratio:.3} of that without a window")
        });
        println!(
            "{name}: {rate:.0} MB/s, {} round trips, p50 {p50:.1} p99 {p99:.1} max {max:.1} ms{ratio}",
            self.round_trips.len()
        );
    }
}

/// Appends [`BULK`] bytes that no player has to decode, with one ping after the other beside.
fn measure(host: &mut Host) -> anyhow::Result<Measured> {
    host.open_player(&[MP4])?;
    let skipped = [&(1_u32 << 20).to_be_bytes()[..], b"free", &[0; (1 << 20) - 8]].concat();
    let bulk = skipped.repeat(BULK >> 20);
    let since = Instant::now();
    let last = host.append(1, &bulk)?;
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
        if taken.is_some() {
            break; // the last round trip may have been without media beside
        }
        round_trips.push(at.elapsed());
    }
    round_trips.sort_unstable();
    Ok(Measured { round_trips, took: taken.unwrap_or_default() })
}

fn measure_window(window: u32) -> anyhow::Result<Measured> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let _client = leg.connect()?;
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || Receiver::new(device.accept()?.0, window).run());
        let (mut host, _) = Host::open(&leg.server.plain_socket())?;
        let measured = measure(&mut host);
        drop(host);
        receiving.join().map_err(|_| anyhow::anyhow!("the device panicked"))??;
        measured
    })
}

#[test]
fn credits_keep_the_way_free_for_control() -> anyhow::Result<()> {
    let without = measure_window(NO_WINDOW).context("without a window")?;
    without.print("16 MiB window", None);
    for window in [64 << 10, 128 << 10, 256 << 10, 1 << 20] {
        let name = format!("{} KiB window", window >> 10);
        let measured = measure_window(window).with_context(|| name.clone())?;
        measured.print(&name, Some(&without));
    }

    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    let (mut host, welcome) = Host::open(&leg.server.plain_socket())?;
    assert_eq!(welcome.credits, CREDITS);
    let with = measure(&mut host).context("with the agent")?;
    with.print("the agent and its stage", Some(&without));
    assert!(10 < with.round_trips.len(), "{} round trips", with.round_trips.len());
    let (with, without) = (with.percentile(99), without.percentile(50));
    assert!(with * 2 < without, "p99 {with:?} with credits, p50 {without:?} without");
    agent.check_healthy()
}
