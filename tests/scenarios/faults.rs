//! Processes that crash, hang or come twice: said, and survived by the rest.

use anyhow::Context as _;
use nearside_channel::message::ReasonCode;
use nearside_tests::agent::{Agent, nearside};
use nearside_tests::demo::{Demo, Playing};
use nearside_tests::place::Place;
use nearside_tests::{STEP, clips, process};
use rustix::process::Signal;
use serde_json::json;

/// The stage of a demo that plays.
fn stage_of(playing: &Playing) -> anyhow::Result<u32> {
    let stages = playing.wait_until_plays(0)?.pids("stage");
    stages.last().copied().context("no stage in the status")
}

/// The page went on with another stage, to the end.
fn check_went_on(playing: Playing) -> anyhow::Result<()> {
    let outcome = playing.finish()?;
    let report = outcome.success()?;
    assert!(!report.gave_up);
    let faults = report.faults();
    let [crash] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!(crash.code, ReasonCode::StageCrashed);
    assert!(crash.message.contains("player process") && !crash.next_step.is_empty(), "{crash:?}");
    assert!(0 < report.video()?.frames_presented, "{report:?}");
    assert_eq!(report.processes("stage").len(), 2, "{:?}", report.processes);
    // The same agent throughout.
    assert_eq!(report.processes("agent").len(), 1, "{:?}", report.processes);
    Ok(())
}

#[test]
fn a_stage_that_is_killed_is_named_and_replaced() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 6)?;
    let kill = json!([{"at_ms": 2500, "do": "kill-stage"}]);
    let playing = Demo::new(&place)?.media(&clip).actions(&kill)?.start()?;
    let stage = stage_of(&playing)?;
    process::wait_gone(stage, STEP)?;
    check_went_on(playing)
}

#[test]
fn a_stage_that_hangs_is_found_and_replaced() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 4)?;
    let playing = Demo::new(&place)?.media(&clip).start()?;
    let stage = stage_of(&playing)?;
    process::signal(stage, Signal::STOP)?;
    process::wait_gone(stage, STEP)?;
    check_went_on(playing)
}

#[test]
fn a_damaged_append_is_named_and_playing_goes_on() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 4)?;
    let corrupt = json!([{"at_ms": 800, "do": "corrupt-next-append"}]);
    let outcome = Demo::new(&place)?.media(&clip).actions(&corrupt)?.run()?;
    let report = outcome.success()?;
    assert!(!report.gave_up);
    let faults = report.faults();
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    // The first box claims four thousand million bytes.
    assert_eq!(fault.code, ReasonCode::TooLarge);
    assert!(fault.message.contains("4294967295") && !fault.next_step.is_empty(), "{fault:?}");
    assert!(0 < report.video()?.frames_presented);
    // Bad bytes are no crash.
    assert_eq!(report.processes("stage").len(), 1, "{:?}", report.processes);
    Ok(())
}

#[test]
fn an_agent_that_is_killed_leaves_no_stage_and_the_page_is_told() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 30)?;
    let playing = Demo::new(&place)?.media(&clip).start()?;
    let stage = stage_of(&playing)?;
    let agents = playing.wait_until_plays(0)?.pids("agent");
    process::signal(*agents.first().context("no agent in the status")?, Signal::KILL)?;
    process::wait_gone(stage, STEP)?;
    let outcome = playing.finish()?;
    assert!(outcome.failure()?.contains("the agent has ended"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn a_second_agent_is_refused_with_words() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let second = nearside(&place, &["agent", "--headless"])?;
    assert_eq!(second.status.code(), Some(1));
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains("already runs") && words.contains("nearside quit"), "{words}");
    // The first still has its sockets.
    agent.check_healthy()
}

#[test]
fn an_agent_whose_terminal_is_closed_leaves_no_socket() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut agent = Agent::start(&place)?;
    process::signal(agent.pid(), Signal::HUP)?;
    assert!(agent.wait_ended()?, "{}", agent.log());
    assert!(!agent.channel_socket().exists() && !agent.control_socket().exists());
    Ok(())
}

#[test]
fn a_pipe_in_the_place_of_the_lock_is_not_waited_for() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut agent = Agent::start(&place)?;
    let lock = agent.folder().join("agent.lock");
    process::signal(agent.pid(), Signal::TERM)?;
    assert!(agent.wait_ended()?);
    std::fs::remove_file(&lock)?;
    rustix::fs::mkfifoat(rustix::fs::CWD, &lock, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    let refused = nearside(&place, &["agent", "--headless"])?;
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("lock file"), "{words}");
    Ok(())
}

#[test]
fn sockets_of_an_agent_that_crashed_are_replaced() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut crashed = Agent::start(&place)?;
    crashed.crash()?;
    assert!(crashed.channel_socket().exists() && crashed.control_socket().exists());
    let agent = Agent::start(&place)?;
    assert!(agent.log().contains("stale socket"), "{}", agent.log());
    agent.check_healthy()
}
