//! A real RDP client with the plugin, against the server of these tests.
//!
//! `tests/rig.sh` runs these, and with it every test run: they take an X server, FreeRDP and a
//! mount namespace.

use anyhow::{Context as _, ensure};
use nearside_channel::stream::CREDITS;
// Its library is what FreeRDP loads: named here so that it is built.
use nearside_rdp as _;
use nearside_rdp_tests::CHANNEL;
use nearside_rdp_tests::device::{FakeDevice, check_whole, noise};
use nearside_rdp_tests::freerdp::{CONNECTION_FILE, FreeRdp, check_installed};
use nearside_rdp_tests::leg::{Answer, Leg, open_xrdp};
use nearside_rdp_tests::measure::{beside_bulk, check};
use nearside_rdp_tests::whole::Whole;
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use std::io::{Read as _, Write as _};

const NO_LISTENER: u32 = 0xc000_0001;

/// Around the longest pieces of the protocols beneath. The plugin queues no more than 4 MiB
/// for a device that is slower than the channel.
const LENGTHS: [usize; 10] =
    [1, 1589, 1590, 1591, 32 << 10, 65_536, 65_537, 2 << 20, 2 << 20, 2 << 20];

#[test]
#[ignore = "a bare cargo test need not have xfreerdp: run by tests/rig.sh in each tests/run.sh"]
fn the_plugin_carries_bytes_whole_and_says_whose_window_it_is() -> anyhow::Result<()> {
    check_installed()?;
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let client = FreeRdp::connect(&leg)?;
    let near = leg.open().with_context(|| client.words())?;
    let (far, facts) = device.accept()?;
    assert_eq!(facts.pid, client.pid());
    assert_eq!(facts.display, Some(client.display().name()));
    assert!(facts.client.starts_with("FreeRDP "), "{facts:?}");
    let desktop = facts.desktop.context("no size of the desktop")?;
    assert_eq!((desktop.width, desktop.height), (1024, 768));
    // FreeRDP itself does not tell this mode from none.
    assert_eq!(facts.audio_mode, None);
    let file = leg.place.file(CONNECTION_FILE);
    assert_eq!(facts.connection_file.as_deref(), file.to_str());
    for length in LENGTHS {
        check_whole(&near, &far, &noise(length)).with_context(|| format!("{length} bytes"))?;
    }
    leg.check_alive()
}

#[test]
#[ignore = "a bare cargo test need not have xfreerdp: run by tests/rig.sh in each tests/run.sh"]
fn without_an_agent_the_channel_is_declined_and_the_session_lives() -> anyhow::Result<()> {
    check_installed()?;
    let leg = Leg::new()?;
    let client = FreeRdp::connect(&leg)?;
    let answer = open_xrdp(&leg.server.xrdp_socket(), CHANNEL)?;
    assert!(matches!(answer, Answer::Declined(NO_LISTENER)), "{answer:?}\n{}", client.words());
    leg.check_alive()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let near = leg.open()?;
    let (far, _) = device.accept()?;
    check_whole(&near, &far, &noise(1000))?;
    leg.check_alive()
}

#[test]
#[ignore = "a bare cargo test need not have xfreerdp: run by tests/rig.sh in each tests/run.sh"]
fn an_agent_that_does_not_read_never_stops_the_session() -> anyhow::Result<()> {
    check_installed()?;
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let client = FreeRdp::connect(&leg)?;
    let near = leg.open()?;
    let (mut far, _) = device.accept()?;
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            // Ends when the channel has: what is written then vanishes.
            let mut writer = &near;
            writer.write_all(&noise(64 << 20))
        });
        let mut alive = 0;
        while !flood.is_finished() {
            leg.check_alive().with_context(|| client.words())?;
            alive += 1;
        }
        flood.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
        println!("{alive} echoes beside 64 MiB that nobody reads");
        anyhow::Ok(())
    })?;
    // What the plugin had queued still comes, then its end.
    let mut rest = Vec::new();
    let ended = far.read_to_end(&mut rest);
    let reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
    assert!(ended.as_ref().map_or_else(reset, |_| true), "{ended:?}");
    ensure!(rest.len() < 8 << 20, "{} bytes were queued", rest.len());
    leg.check_alive()
}

#[test]
#[ignore = "a bare cargo test need not have xfreerdp: run by tests/rig.sh in each tests/run.sh"]
fn a_clip_plays_across_a_reconnect_and_ends_with_the_client() -> anyhow::Result<()> {
    check_installed()?;
    let leg = Leg::new()?;
    let mut client = FreeRdp::connect(&leg)?;
    let mut whole = Whole::start(leg).with_context(|| client.words())?;
    whole.play()?;
    whole.leg.server.cut()?;
    whole.browser.wait_connected(false)?;
    whole.play_on().with_context(|| client.words())?;
    client.crash()?;
    whole.browser.wait_connected(false)?;
    whole.agent.wait_for("no session and no stage", |status| {
        status.session.is_none() && status.processes.len() == 1
    })?;
    whole.agent.check_healthy()
}

#[test]
#[ignore = "a bare cargo test need not have xfreerdp: run by tests/rig.sh in each tests/run.sh"]
fn credits_keep_the_way_free_for_control() -> anyhow::Result<()> {
    check_installed()?;
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let client = FreeRdp::connect(&leg)?;
    let (mut host, _) = Host::open(&leg.server.plain_socket())?;
    let measured = beside_bulk(&mut host).with_context(|| client.words())?;
    println!("through xfreerdp: {}", measured.describe(None));
    check(&measured, CREDITS.total_bytes)?;
    leg.check_alive()?;
    agent.check_healthy()
}
