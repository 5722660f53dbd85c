//! The real session host between a browser and the device, over xrdp's kind of channel.

use crate::clip::{self, MP4, PICTURES};
use anyhow::{Context as _, ensure};
use nearside_channel::extension::ExtensionMessage;
use nearside_channel::message::{
    DeviceMessage, PlaybackState, PlayerCommand, PlayerEvent, StreamCommand, StreamId,
};
use nearside_rdp_tests::browser::{Browser, PAGE};
use nearside_rdp_tests::client::RdpClient;
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::session_host::{self, SessionHost};
use nearside_tests::agent::Agent;
use nearside_tests::{STEP, process};
use rustix::process::Signal;
use std::time::Instant;

const VIDEO: StreamId = StreamId(1);

/// Everything from the browser to the device.
struct Whole {
    browser: Browser,
    host: SessionHost,
    client: RdpClient,
    agent: Agent,
    leg: Leg,
}

impl Whole {
    fn start() -> anyhow::Result<Self> {
        let leg = Leg::new()?;
        let agent = Agent::start(&leg.place)?;
        let client = leg.connect()?;
        let host = SessionHost::start(&leg)?;
        let mut browser = Browser::start(&leg)?;
        browser.wait_connected(true)?;
        Ok(Self { browser, host, client, agent, leg })
    }

    /// Opens a page with a player that has the whole clip.
    fn load(&mut self) -> anyhow::Result<()> {
        let clip = clip::make(&self.leg.place)?;
        self.browser.open_page()?;
        self.browser.open_player(&[MP4])?;
        self.browser.append(VIDEO, &clip.init, &[])?;
        let last = self.browser.append(VIDEO, &clip.media, &[clip::RANGE])?;
        self.browser.appended(last)?;
        let end = StreamCommand::EndOfStream { failed: false };
        self.browser.send(&ExtensionMessage::Stream { page: PAGE, stream: VIDEO, command: end })
    }

    /// As [`Self::load`], and plays until pictures flow.
    fn play(&mut self) -> anyhow::Result<()> {
        self.load()?;
        self.browser.player(PlayerCommand::Play)?;
        self.agent.wait_for("pictures", |status| 10 < clip::presented(status))?;
        Ok(())
    }

    /// What the page does when its stage is there again: from 2 s on, to the end.
    fn play_on(&mut self) -> anyhow::Result<()> {
        self.browser.player(PlayerCommand::Seek { to_micros: 2_000_000, token: 1 })?;
        self.browser.player(PlayerCommand::Play)?;
        self.wait_for_the_end()?;
        let status = self.agent.status()?;
        ensure!(10 < clip::presented(&status), "{status:?}");
        self.check_healthy()
    }

    fn wait_for_the_end(&mut self) -> anyhow::Result<()> {
        self.browser.wait_device("the end", |message| match message {
            DeviceMessage::Player { event: PlayerEvent::State { state, .. }, .. } => {
                (*state == PlaybackState::Ended).then_some(())
            }
            _ => None,
        })
    }

    fn check_healthy(&self) -> anyhow::Result<()> {
        self.host.check_healthy(&self.leg)?;
        self.agent.check_healthy()?;
        let errors = self.leg.server.facts().errors;
        ensure!(errors.iter().all(|error| error.starts_with("read")), "{errors:?}");
        self.leg.check_alive()
    }
}

#[test]
fn a_clip_plays_from_the_browser_to_the_device() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.load()?;
    whole.browser.player(PlayerCommand::Play)?;
    whole.wait_for_the_end()?;
    let status = whole.agent.status()?;
    let video = status.items.first().and_then(|item| item.video.as_ref()).context("no video")?;
    assert_eq!((video.decoded, video.corrupted), (PICTURES, 0), "{video:?}");
    assert_eq!(video.presented + video.dropped, PICTURES, "{video:?}");
    assert_eq!(status.items.first().map(|item| item.site.as_str()), Some("test"));
    whole.browser.close();
    whole.agent.wait_for("no page", |status| status.items.is_empty())?;
    whole.browser.wait_ended()?;
    whole.check_healthy()
}

#[test]
fn through_a_socket_that_was_forwarded_it_plays_as_well() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let client = leg.connect()?;
    let channel = format!("unix:{}", leg.server.plain_socket().display());
    let host = SessionHost::start_with(&leg, &["--channel", &channel])?;
    let mut browser = Browser::start(&leg)?;
    browser.wait_connected(true)?;
    let mut whole = Whole { browser, host, client, agent, leg };
    whole.play()?;
    whole.wait_for_the_end()?;
    whole.check_healthy()
}

#[test]
fn after_a_cut_in_mid_play_the_host_gives_all_again_and_it_plays_on() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    let since = Instant::now();
    whole.leg.server.cut()?;
    let state = whole.browser.wait_connected(false)?;
    println!("the browser is told {} ms after the cut", since.elapsed().as_millis());
    assert!(state.reason.is_some(), "{state:?}");
    whole.agent.wait_for("no session", |status| {
        status.session.is_none() && status.items.is_empty() && status.processes.len() == 1
    })?;
    let stale = whole.leg.server.facts().vanished_bytes;

    let since = Instant::now();
    whole.client = whole.leg.connect()?;
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    println!("its page is back {} ms after the client", since.elapsed().as_millis());
    whole.play_on()?;
    assert_eq!(whole.leg.server.facts().vanished_bytes, stale, "written to a stale channel");
    Ok(())
}

#[test]
fn a_network_that_falls_silent_is_noticed_by_the_host() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    let since = Instant::now();
    whole.client.freeze(true);
    whole.browser.wait_connected(false)?;
    println!("the browser is told {} ms after the silence began", since.elapsed().as_millis());
    whole.client.freeze(false);
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    whole.play_on()
}

#[test]
fn a_channel_that_the_server_closes_without_a_word_is_noticed() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    whole.leg.server.close_channels()?;
    whole.browser.wait_connected(false)?;
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    whole.play_on()
}

#[test]
fn an_agent_that_is_killed_is_replaced_by_the_next_one() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    whole.agent.crash()?;
    whole.browser.wait_connected(false)?;
    whole.leg.check_alive()?;
    whole.agent = Agent::start(&whole.leg.place)?;
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    whole.play_on()
}

#[test]
fn an_agent_that_starts_later_is_used_from_then_on() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let client = leg.connect()?;
    let host = SessionHost::start(&leg)?;
    let mut browser = Browser::start(&leg)?;
    let state = browser.wait("why there is no device", |event| match event {
        nearside_channel::extension::HostEvent::Channel(state) => state.reason.clone(),
        _ => None,
    })?;
    assert!(!state.next_step.is_empty(), "{state:?}");
    leg.server.wait("a refusal", |facts| facts.declined == 1)?;
    let agent = Agent::start(&leg.place)?;
    browser.wait_connected(true)?;
    let mut whole = Whole { browser, host, client, agent, leg };
    whole.play()?;
    whole.wait_for_the_end()?;
    whole.check_healthy()
}

#[test]
fn an_agent_that_stands_still_is_given_up_and_taken_again() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    process::signal(whole.agent.pid(), Signal::STOP)?;
    whole.browser.wait_connected(false)?;
    whole.leg.check_alive()?;
    process::signal(whole.agent.pid(), Signal::CONT)?;
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    whole.play_on()
}

#[test]
fn a_host_that_is_killed_leaves_nothing_on_the_device() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    process::signal(whole.host.pid(), Signal::KILL)?;
    whole.agent.wait_for("no session and no stage", |status| {
        status.session.is_none() && status.processes.len() == 1
    })?;
    // The browser's port closes with it: the extension plays natively and may start another.
    whole.browser.wait_ended()?;
    whole.leg.check_alive()?;
    whole.host = SessionHost::start(&whole.leg)?;
    whole.browser = Browser::start(&whole.leg)?;
    whole.browser.wait_connected(true)?;
    whole.play()?;
    whole.check_healthy()
}

#[test]
fn a_host_that_stands_still_is_given_up_and_comes_back() -> anyhow::Result<()> {
    let mut whole = Whole::start()?;
    whole.play()?;
    process::signal(whole.host.pid(), Signal::STOP)?;
    whole.agent.wait_for("no session", |status| status.session.is_none())?;
    whole.leg.check_alive()?;
    process::signal(whole.host.pid(), Signal::CONT)?;
    whole.browser.wait_connected(true)?;
    whole.browser.page_ready()?;
    whole.play_on()
}

#[test]
fn without_a_broker_the_browser_starts_one_that_ends_after_it() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    let mut browser = Browser::start(&leg)?;
    browser.wait_connected(true)?;
    let pid = session_host::status(&leg)?.get("pid").and_then(serde_json::Value::as_u64);
    let pid = u32::try_from(pid.context("the broker's number")?)?;
    assert_ne!(pid, browser.pid());
    browser.close();
    browser.wait_ended()?;
    process::wait_gone(pid, STEP)?;
    agent.wait_for("no session", |status| status.session.is_none())?;
    agent.check_healthy()
}
