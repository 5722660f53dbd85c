//! Control messages beside as much media as the connection carries.
//!
//! Nothing below the protocol holds media back: it is the credit window that keeps the way
//! free. Times are printed. What is asserted holds at any speed: a control message waits behind
//! no more than a window of media, so there are that many round trips while the media passes.

use anyhow::Context as _;
use nearside_channel::stream::CREDITS;
use nearside_rdp_tests::device::FakeDevice;
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::measure::{Measured, beside_bulk, check};
use nearside_rdp_tests::receiver::Receiver;
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;

/// The largest window that the protocol knows, which is as good as none.
const NO_WINDOW: u32 = 16 << 20;

const WINDOWS: [u32; 4] = [64 << 10, 128 << 10, 256 << 10, 1 << 20];

fn measure_window(window: u32) -> anyhow::Result<Measured> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let _client = leg.connect()?;
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || Receiver::new(device.accept()?.0, window).run());
        let (mut host, _) = Host::open(&leg.server.plain_socket())?;
        let measured = beside_bulk(&mut host);
        drop(host);
        receiving.join().map_err(|_| anyhow::anyhow!("the device panicked"))??;
        measured
    })
}

#[test]
fn credits_keep_the_way_free_for_control() -> anyhow::Result<()> {
    let without = measure_window(NO_WINDOW).context("without a window")?;
    println!("{} KiB window: {}", NO_WINDOW >> 10, without.describe(None));
    for window in WINDOWS {
        let measured = measure_window(window).with_context(|| format!("{window} bytes"))?;
        println!("{} KiB window: {}", window >> 10, measured.describe(Some(&without)));
        check(&measured, window)?;
    }

    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    let (mut host, welcome) = Host::open(&leg.server.plain_socket())?;
    assert_eq!(welcome.credits, CREDITS);
    let with = beside_bulk(&mut host).context("with the agent")?;
    println!("the agent and its stage: {}", with.describe(Some(&without)));
    check(&with, CREDITS.total_bytes)?;
    assert!(without.count() * 4 < with.count(), "{} round trips without", without.count());
    agent.check_healthy()
}
