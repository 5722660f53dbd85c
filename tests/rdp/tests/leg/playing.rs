//! A clip from its bytes in the session to its pictures on the device, with the real agent.

use anyhow::Context as _;
use nearside::status::Status;
use nearside_channel::message::{
    DeviceMessage, PlaybackState, PlayerCommand, PlayerEvent, StreamCommand,
};
use nearside_rdp_tests::client::{Device, RdpClient};
use nearside_rdp_tests::clip::{self, MP4, PICTURES, presented};
use nearside_rdp_tests::leg::Leg;
use nearside_tests::agent::Agent;
use nearside_tests::clips::Segments;
use nearside_tests::host::Host;
use nearside_tests::{STEP, process};
use rustix::process::Signal;

/// Opens a player with the whole clip in it.
fn load(host: &mut Host, clip: &Segments) -> anyhow::Result<()> {
    host.open_player(&[MP4])?;
    host.append(1, &clip.init)?;
    let last = host.append(1, &clip.media)?;
    host.appended(last)?;
    host.stream_command(1, &StreamCommand::EndOfStream { failed: false })
}

/// Waits for the end, and how many pictures were decoded.
fn play_to_the_end(host: &mut Host, agent: &Agent) -> anyhow::Result<Status> {
    host.wait("the end", |message| match message {
        DeviceMessage::Player { event: PlayerEvent::State { state, .. }, .. } => {
            (*state == PlaybackState::Ended).then_some(())
        }
        _ => None,
    })?;
    agent.status()
}

fn check_plays(device: impl FnOnce(&Leg) -> Device) -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect_with(device(&leg))?;
    let (mut host, _) = Host::open(&leg.server.plain_socket())?;
    load(&mut host, &clip::make(&leg.place)?)?;
    host.player(PlayerCommand::Play)?;
    let status = play_to_the_end(&mut host, &agent)?;
    let video = status.items.first().and_then(|item| item.video.as_ref()).context("no video")?;
    assert_eq!((video.decoded, video.corrupted), (PICTURES, 0), "{video:?}");
    assert_eq!(video.presented + video.dropped, PICTURES, "{video:?}");
    agent.check_healthy()
}

#[test]
fn a_clip_plays_to_its_end_through_the_plugin() -> anyhow::Result<()> {
    check_plays(|leg| Device::Plugin(leg.plugin_socket()))
}

#[test]
fn a_clip_plays_to_its_end_through_the_pipe_proxy() -> anyhow::Result<()> {
    check_plays(|leg| Device::Proxy(leg.proxy_socket()))
}

/// A leg in mid-play.
struct Playing {
    host: Host,
    client: RdpClient,
    agent: Agent,
    clip: Segments,
    leg: Leg,
}

impl Playing {
    fn start() -> anyhow::Result<Self> {
        let leg = Leg::new()?;
        let agent = Agent::start(&leg.place)?;
        let client = leg.connect()?;
        let (mut host, _) = Host::open(&leg.server.plain_socket())?;
        let clip = clip::make(&leg.place)?;
        load(&mut host, &clip)?;
        host.player(PlayerCommand::Play)?;
        let control = agent.control_socket();
        let flows = move || {
            let status = nearside_tests::agent::status(&control);
            status.is_ok_and(|status| 10 < presented(&status))
        };
        host.pump_until("pictures", flows)?;
        Ok(Self { host, client, agent, clip, leg })
    }

    /// Opens the channel anew and plays from 2 s on.
    fn play_on(&self) -> anyhow::Result<()> {
        let (mut host, _) = Host::open(&self.leg.server.plain_socket())?;
        load(&mut host, &self.clip)?;
        host.player(PlayerCommand::Seek { to_micros: 2_000_000, token: 1 })?;
        host.player(PlayerCommand::Play)?;
        let status = play_to_the_end(&mut host, &self.agent)?;
        assert!(10 < presented(&status), "{status:?}");
        self.agent.check_healthy()
    }
}

#[test]
fn after_a_cut_in_mid_play_it_plays_on() -> anyhow::Result<()> {
    let mut playing = Playing::start()?;
    let before = playing.agent.status()?;
    playing.leg.server.cut()?;
    playing.host.wait_closed()?;
    let after = playing.agent.wait_for("no session and no stage", |status| {
        status.session.is_none() && status.items.is_empty() && status.processes.len() == 1
    })?;
    assert!(before.revision < after.revision);
    playing.client = playing.leg.connect()?;
    playing.play_on()
}

#[test]
fn a_network_that_falls_silent_is_given_up_by_the_device() -> anyhow::Result<()> {
    let mut playing = Playing::start()?;
    playing.client.freeze(true);
    playing.agent.wait_for("no session", |status| status.session.is_none())?;
    playing.client.freeze(false);
    playing.host.wait_closed()?;
    playing.leg.check_alive()?;
    playing.play_on()
}

#[test]
fn a_channel_that_the_server_closes_can_be_opened_again() -> anyhow::Result<()> {
    let mut playing = Playing::start()?;
    playing.leg.server.close_channels()?;
    playing.host.wait_closed()?;
    playing.agent.wait_for("no session", |status| status.session.is_none())?;
    playing.play_on()
}

#[test]
fn an_agent_that_is_killed_ends_the_channel_and_its_successor_plays_on() -> anyhow::Result<()> {
    let mut playing = Playing::start()?;
    let stages = playing.agent.status()?.pids("stage");
    playing.agent.crash()?;
    playing.host.wait_closed()?;
    for stage in stages {
        process::wait_gone(stage, STEP)?;
    }
    playing.leg.check_alive()?;
    playing.agent = Agent::start(&playing.leg.place)?;
    playing.play_on()
}

#[test]
fn an_agent_that_stands_still_holds_up_media_and_not_the_session() -> anyhow::Result<()> {
    let mut playing = Playing::start()?;
    process::signal(playing.agent.pid(), Signal::STOP)?;
    // Far more than the credit: the rest waits at the session host.
    let late = playing.host.append(1, &noise_box())?;
    playing.leg.check_alive()?;
    process::signal(playing.agent.pid(), Signal::CONT)?;
    playing.host.appended(late)?;
    assert_eq!(playing.client.facts().overflowed, 0);
    playing.agent.check_healthy()
}

/// 8 MiB that a parser skips.
fn noise_box() -> Vec<u8> {
    let length = 8_u32 << 20;
    let body = nearside_rdp_tests::device::noise((8 << 20) - 8);
    [&length.to_be_bytes()[..], b"free", &body].concat()
}
