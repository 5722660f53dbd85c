//! A session that is far away.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use nearside_channel::message::{DeviceMessage, StreamEvent, StreamId};
use nearside_channel::stream::CREDITS;
use nearside_rdp_tests::browser::Browser;
use nearside_rdp_tests::client::RdpClient;
use nearside_rdp_tests::clip::MP4;
use nearside_rdp_tests::distance::Distance;
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::measure;
use nearside_rdp_tests::session_host::SessionHost;
use nearside_tests::STEP;
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;

const ONE_WAY: Duration = Duration::from_millis(30);

/// A ping a second: the device has three answers, and more.
const PINGS: Duration = Duration::from_secs(4);

/// More than one stream's first window, with what else is said.
fn bound() -> anyhow::Result<usize> {
    Ok(usize::try_from(CREDITS.per_stream_bytes)? * 5 / 4)
}

/// Media of one append, in bytes.
const PIECE: usize = 2 << 20;

/// The device's side, and its socket in a session far away.
fn start() -> anyhow::Result<(Leg, Agent, RdpClient, Distance, PathBuf)> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let client = leg.connect()?;
    let socket = leg.place.file("far.sock");
    let distance = Distance::open(&socket, &leg.server.plain_socket(), ONE_WAY)?;
    Ok((leg, agent, client, distance, socket))
}

#[test]
fn a_far_session_may_have_more_on_the_way() -> anyhow::Result<()> {
    let (leg, agent, _client, distance, socket) = start()?;
    let host =
        SessionHost::start_with(&leg, &["--channel", &format!("unix:{}", socket.display())])?;
    let mut browser = Browser::start(&leg)?;
    browser.wait_connected(true)?;
    browser.open_page()?;
    browser.open_player(&[MP4])?;
    // It takes some pings until the device knows how far away the session is.
    let since = Instant::now();
    let skipped = measure::skipped(PIECE)?;
    while distance.most_bytes() <= bound()? {
        ensure!(since.elapsed() < STEP, "{} bytes on the way at most", distance.most_bytes());
        let began = Instant::now();
        let last = browser.append(StreamId(1), &skipped, &[])?;
        browser.appended(last)?;
        println!("{PIECE} bytes in {:?}, {} on the way", began.elapsed(), distance.most_bytes());
    }
    host.check_healthy(&leg)?;
    agent.check_healthy()
}

#[test]
fn a_host_that_knows_nothing_of_growing_windows_keeps_its_own() -> anyhow::Result<()> {
    let (_leg, agent, _client, distance, socket) = start()?;
    let (mut host, _) = Host::open(&socket)?;
    host.open_player(&[MP4])?;
    // For longer than it takes to know how far away the session is.
    let since = Instant::now();
    let skipped = measure::skipped(PIECE)?;
    while since.elapsed() < PINGS {
        let last = host.append(1, &skipped)?;
        host.wait("the answer to an append", |message| match message {
            DeviceMessage::Stream { event: StreamEvent::Appended { seq, .. }, .. } => {
                (*seq == last).then_some(())
            }
            _ => None,
        })?;
    }
    ensure!(distance.most_bytes() < bound()?, "{} bytes on the way", distance.most_bytes());
    agent.check_healthy()
}
