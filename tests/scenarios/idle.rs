//! What is resident while nothing happens.

use anyhow::{Context as _, ensure};
use nearside_tests::STEP;
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use nearside_tests::place::Place;
use nearside_tests::process::{cpu_ticks, resident_bytes};
use nearside_tests::tray::{SessionBus, Tray};
use std::time::{Duration, Instant};

/// How long it is watched.
const SPAN: Duration = Duration::from_secs(3);

/// So long without a clock tick, and what a process began with is done.
const REST: Duration = Duration::from_millis(500);

/// Waits until the process has come to rest, and watches that it stays so.
fn check_rests(pid: u32) -> anyhow::Result<()> {
    let since = Instant::now();
    let mut before = cpu_ticks(pid)?;
    loop {
        std::thread::sleep(REST);
        let now = cpu_ticks(pid)?;
        if std::mem::replace(&mut before, now) == now {
            break;
        }
        ensure!(since.elapsed() < STEP, "it does not come to rest");
    }
    std::thread::sleep(SPAN);
    assert_eq!(cpu_ticks(pid)?, before, "clock ticks of 10 ms");
    Ok(())
}

fn check_idle(agent: &Agent) -> anyhow::Result<()> {
    agent.status()?;
    check_rests(agent.pid())?;
    let (now, peak) = resident_bytes(agent.pid())?;
    assert!(now < 20_000_000 && peak < 20_000_000, "{now} bytes, at most {peak}");
    Ok(())
}

#[test]
fn an_idle_agent_uses_no_processor_time_and_little_memory() -> anyhow::Result<()> {
    let place = Place::new()?;
    check_idle(&Agent::start(&place)?)
}

#[test]
fn nor_does_its_icon_in_the_tray() -> anyhow::Result<()> {
    let place = Place::new()?;
    let bus = SessionBus::start(&place)?;
    let tray = Tray::start(&bus)?;
    let agent = Agent::start_on_bus(&place, bus.address())?;
    tray.item()?.wait_for("Nearside: Not loaded", "Waiting for a session")?;
    check_idle(&agent)
}

#[test]
fn nor_does_a_stage_that_waits_for_a_page() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    let has_one = |status: &nearside::status::Status| !status.pids("spare stage").is_empty();
    let status = agent.wait_for("a spare stage", has_one)?;
    let stage = *status.pids("spare stage").first().context("no stage")?;
    // A host that does not answer would be given up, and the stage with it.
    let watching = std::thread::Builder::new().spawn(move || check_rests(stage))?;
    host.pump_until("the end of the watch", || watching.is_finished())?;
    watching.join().map_err(|_| anyhow::anyhow!("it did not rest"))?
}
