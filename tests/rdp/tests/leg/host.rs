//! The real session host between a browser and the device, over xrdp's kind of channel.

use anyhow::Context as _;
use nearside_channel::extension::{ExtensionMessage, HostEvent};
use nearside_channel::message::{DeviceMessage, PageId, PlayerCommand, ReasonCode};
use nearside_rdp_tests::browser::Browser;
use nearside_rdp_tests::client::RdpClient;
use nearside_rdp_tests::clip::{PICTURES, presented};
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::session_host::{self, SessionHost};
use nearside_rdp_tests::whole::{Whole, load, wait_for_the_end};
use nearside_tests::agent::Agent;
use nearside_tests::{STEP, process};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::Instant;

/// Tabs of a user who has many, more than the device takes at once.
const TABS: u32 = 20;

/// Pages that the device takes at once.
const MAX_PAGES: u32 = 16;

fn start() -> anyhow::Result<(Whole, RdpClient)> {
    let leg = Leg::new()?;
    let client = leg.connect()?;
    Ok((Whole::start(leg)?, client))
}

/// As [`start`], in mid-play.
fn playing() -> anyhow::Result<(Whole, RdpClient)> {
    let (mut whole, client) = start()?;
    whole.play()?;
    Ok((whole, client))
}

#[test]
fn a_clip_plays_from_the_browser_to_the_device() -> anyhow::Result<()> {
    let (mut whole, _client) = start()?;
    whole.load()?;
    whole.browser.player(PlayerCommand::Play)?;
    wait_for_the_end(&mut whole.browser)?;
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
    let _client = leg.connect()?;
    let channel = format!("unix:{}", leg.server.plain_socket().display());
    let host = SessionHost::start_with(&leg, &["--channel", &channel])?;
    let mut browser = Browser::start(&leg)?;
    browser.wait_connected(true)?;
    let mut whole = Whole { browser, host, agent, leg };
    whole.play()?;
    wait_for_the_end(&mut whole.browser)?;
    whole.check_healthy()
}

#[test]
fn two_browsers_share_the_channel_and_one_may_go() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
    let mut other = Browser::start(&whole.leg)?;
    other.wait_connected(true)?;
    // The same numbers as in the first browser, and other things.
    load(&mut other, &whole.leg)?;
    other.player(PlayerCommand::Play)?;
    let status = whole.agent.wait_for("both", |status| {
        status.items.len() == 2 && status.items.iter().all(|item| item.video.is_some())
    })?;
    let pages: BTreeSet<u32> = status.items.iter().map(|item| item.page).collect();
    assert_eq!(pages.len(), 2, "{status:?}");
    drop(whole.browser);
    whole.agent.wait_for("one page less", |status| status.items.len() == 1)?;
    wait_for_the_end(&mut other)?;
    whole.browser = other;
    whole.check_healthy()
}

#[test]
fn twenty_tabs_come_and_go() -> anyhow::Result<()> {
    let (mut whole, _client) = start()?;
    for number in 1..=TABS {
        let (page, site, title) = (PageId(number), "test".to_owned(), format!("Tab {number}"));
        whole.browser.send(&ExtensionMessage::PageOpen { page, site, title })?;
    }
    // Each is told whether the device takes it, and why not.
    let (mut ready, mut refused) = (BTreeSet::new(), BTreeSet::new());
    whole.browser.wait_device("all answers", |message| {
        match message {
            DeviceMessage::PageReady { page } => {
                ready.insert(*page);
            }
            DeviceMessage::PageFailed { page, reason }
                if reason.code == ReasonCode::LimitReached =>
            {
                refused.insert(*page);
            }
            _ => {}
        }
        (ready.len() + refused.len() == usize::try_from(TABS).unwrap_or(0)).then_some(())
    })?;
    assert_eq!(ready, (1..=MAX_PAGES).map(PageId).collect(), "refused: {refused:?}");
    for number in 1..=TABS {
        whole.browser.send(&ExtensionMessage::PageClose { page: PageId(number) })?;
    }
    whole.agent.wait_for("no stage", |status| status.pids("stage").is_empty())?;
    whole.play()?;
    whole.check_healthy()
}

#[test]
fn after_a_cut_in_mid_play_the_host_gives_all_again_and_it_plays_on() -> anyhow::Result<()> {
    let (mut whole, client) = playing()?;
    let since = Instant::now();
    whole.leg.server.cut()?;
    let state = whole.browser.wait_connected(false)?;
    println!("the browser is told {} ms after the cut", since.elapsed().as_millis());
    // By the sign that the server gives, not by silence.
    let reason = state.reason.context("no reason")?;
    assert!(reason.message.contains("remote desktop client"), "{reason:?}");
    whole.agent.wait_for("no session", |status| {
        status.session.is_none() && status.items.is_empty() && status.processes.len() == 1
    })?;
    drop(client);
    let stale = whole.leg.server.facts().vanished_bytes;

    let _client = whole.leg.connect()?;
    whole.play_on()?;
    assert_eq!(whole.leg.server.facts().vanished_bytes, stale, "written to a stale channel");
    Ok(())
}

#[test]
fn after_many_cuts_in_quick_succession_it_plays_on() -> anyhow::Result<()> {
    let (mut whole, mut client) = playing()?;
    for _ in 0..5 {
        whole.leg.server.cut()?;
        drop(client);
        client = whole.leg.connect()?;
    }
    whole.browser.wait_connected(false)?;
    whole.play_on()
}

#[test]
fn a_client_that_takes_the_session_over_takes_the_video_with_it() -> anyhow::Result<()> {
    let (mut whole, old) = playing()?;
    let _new = whole.leg.connect()?;
    old.wait("its end", |facts| facts.ended.is_some())?;
    whole.browser.wait_connected(false)?;
    whole.play_on()
}

#[test]
fn a_network_that_falls_silent_is_noticed_by_the_host() -> anyhow::Result<()> {
    let (mut whole, client) = playing()?;
    let since = Instant::now();
    client.freeze(true);
    whole.browser.wait_connected(false)?;
    println!("the browser is told {} ms after the silence began", since.elapsed().as_millis());
    client.freeze(false);
    whole.play_on()
}

#[test]
fn a_channel_that_the_server_closes_without_a_word_is_noticed() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
    whole.leg.server.close_channels()?;
    whole.browser.wait_connected(false)?;
    whole.play_on()
}

#[test]
fn an_agent_that_is_killed_is_replaced_by_the_next_one() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
    whole.agent.crash()?;
    whole.browser.wait_connected(false)?;
    whole.leg.check_alive()?;
    whole.agent = Agent::start(&whole.leg.place)?;
    whole.play_on()
}

#[test]
fn an_agent_that_starts_later_is_used_from_then_on() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let _client = leg.connect()?;
    let host = SessionHost::start(&leg)?;
    let mut browser = Browser::start(&leg)?;
    let reason = browser.wait("why there is no device", |event| match event {
        HostEvent::Channel(state) => state.reason.clone(),
        _ => None,
    })?;
    assert!(!reason.next_step.is_empty(), "{reason:?}");
    leg.server.wait("a refusal", |facts| facts.declined == 1)?;
    let agent = Agent::start(&leg.place)?;
    browser.wait_connected(true)?;
    let mut whole = Whole { browser, host, agent, leg };
    whole.play()?;
    wait_for_the_end(&mut whole.browser)?;
    whole.check_healthy()
}

#[test]
fn an_agent_that_stands_still_is_given_up_and_taken_again() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
    process::signal(whole.agent.pid(), Signal::STOP)?;
    whole.browser.wait_connected(false)?;
    whole.leg.check_alive()?;
    process::signal(whole.agent.pid(), Signal::CONT)?;
    whole.play_on()
}

#[test]
fn a_stage_that_is_killed_is_replaced_and_given_all_again() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
    let stages = whole.agent.status()?.pids("stage");
    process::signal(*stages.first().context("no stage")?, Signal::KILL)?;
    let reason = whole.browser.wait_device("the page's failure", |message| match message {
        DeviceMessage::PageFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    })?;
    assert_eq!(reason.code, ReasonCode::StageCrashed);
    whole.browser.page_ready()?;
    whole.browser.player(PlayerCommand::Play)?;
    wait_for_the_end(&mut whole.browser)?;
    assert!(10 < presented(&whole.agent.status()?));
    whole.check_healthy()
}

#[test]
fn a_host_that_is_killed_leaves_nothing_on_the_device() -> anyhow::Result<()> {
    let (mut whole, _client) = playing()?;
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
    let (mut whole, _client) = playing()?;
    process::signal(whole.host.pid(), Signal::STOP)?;
    whole.agent.wait_for("no session", |status| status.session.is_none())?;
    whole.leg.check_alive()?;
    process::signal(whole.host.pid(), Signal::CONT)?;
    whole.play_on()
}

#[test]
fn without_a_broker_the_browser_starts_one_that_ends_after_it() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    let mut browser = Browser::start(&leg)?;
    browser.wait_connected(true)?;
    let pid = session_host::pid_of(&session_host::status(&leg)?).context("its number")?;
    assert_ne!(pid, browser.pid());
    browser.close();
    browser.wait_ended()?;
    process::wait_gone(pid, STEP)?;
    agent.wait_for("no session", |status| status.session.is_none())?;
    agent.check_healthy()
}
