//! A stage that is ready before a page needs it.

use nearside::control::{Connection, Reply, Request};
use nearside_channel::message::{DeviceSettings, HostMessage, PageId};
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use nearside_tests::place::Place;
use nearside_tests::{STEP, process};
use rustix::process::Signal;

const SPARE: &str = "spare stage";
const MP4: &str = "video/mp4; codecs=\"avc1.42c00d\"";

/// An agent that a session has greeted.
fn greeted() -> anyhow::Result<(Place, Agent, Host)> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (host, _) = Host::open(&agent.channel_socket())?;
    Ok((place, agent, host))
}

/// Waits for a spare stage that is another than `but`.
fn spare(agent: &Agent, but: u32) -> anyhow::Result<u32> {
    let of =
        |status: &nearside::status::Status| status.pids(SPARE).into_iter().find(|pid| *pid != but);
    let status = agent.wait_for("a spare stage", |status| of(status).is_some())?;
    Ok(of(&status).unwrap_or_default())
}

#[test]
fn a_page_takes_the_stage_that_is_ready_and_leaves_one_for_the_next() -> anyhow::Result<()> {
    let (_place, agent, mut host) = greeted()?;
    let mut taken = 0;
    for number in 1..=3 {
        let ready = spare(&agent, taken)?;
        host.open_page(PageId(number))?;
        host.page_ready(PageId(number))?;
        let status = agent.wait_for("its stage", |status| status.pids("stage") == [ready])?;
        assert!(status.pids(SPARE).is_empty(), "{:?}", status.processes);
        host.send(&HostMessage::PageClose { page: PageId(number) })?;
        taken = ready;
    }
    agent.check_healthy()
}

#[test]
fn a_spare_stage_that_dies_or_stands_still_is_no_loss() -> anyhow::Result<()> {
    let (_place, agent, mut host) = greeted()?;
    let dead = spare(&agent, 0)?;
    process::signal(dead, Signal::KILL)?;
    agent.wait_for("no spare stage", |status| status.pids(SPARE).is_empty())?;
    host.open_player(&[MP4])?;
    let status = agent.status()?;
    assert!(status.notices.is_empty() && !status.pids("stage").contains(&dead), "{status:?}");
    host.send(&HostMessage::PageClose { page: PageId(1) })?;
    agent.check_healthy()
}

#[test]
fn a_paused_device_keeps_no_stage_ready() -> anyhow::Result<()> {
    let (_place, agent, mut host) = greeted()?;
    let ready = spare(&agent, 0)?;
    let mut control = Connection::open_at(&agent.control_socket())?;
    control.set_patience(Some(STEP))?;
    let settings = DeviceSettings { paused: true, ..DeviceSettings::default() };
    control.send(&Request::SetSettings { settings })?;
    assert_eq!(control.receive()?, Reply::Done);
    process::wait_gone(ready, STEP)?;
    host.open_page(PageId(1))?;
    host.page_failed(PageId(1))?;
    let status = agent.status()?;
    assert!(status.pids(SPARE).is_empty(), "{:?}", status.processes);
    agent.check_healthy()
}
