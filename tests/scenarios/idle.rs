//! The resident agent while nothing happens.

use nearside_tests::agent::Agent;
use nearside_tests::place::Place;
use nearside_tests::process::{cpu_ticks, resident_bytes};
use std::time::Duration;

/// How long it is watched.
const SPAN: Duration = Duration::from_secs(3);

#[test]
fn an_idle_agent_uses_no_processor_time_and_little_memory() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    agent.status()?;
    let before = cpu_ticks(agent.pid())?;
    std::thread::sleep(SPAN);
    assert_eq!(cpu_ticks(agent.pid())?, before, "clock ticks of 10 ms");
    let (now, peak) = resident_bytes(agent.pid())?;
    assert!(now < 20_000_000 && peak < 20_000_000, "{now} bytes, at most {peak}");
    Ok(())
}
