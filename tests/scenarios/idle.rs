//! The resident agent while nothing happens.

use nearside_tests::agent::Agent;
use nearside_tests::place::Place;
use nearside_tests::process::{cpu_ticks, resident_bytes};
use nearside_tests::tray::{SessionBus, Tray};
use std::time::Duration;

/// How long it is watched.
const SPAN: Duration = Duration::from_secs(3);

fn check_idle(agent: &Agent) -> anyhow::Result<()> {
    agent.status()?;
    let before = cpu_ticks(agent.pid())?;
    std::thread::sleep(SPAN);
    assert_eq!(cpu_ticks(agent.pid())?, before, "clock ticks of 10 ms");
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
