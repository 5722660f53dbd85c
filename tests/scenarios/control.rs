//! The command line and the sockets: what scripts rely on, and what nobody else may see.

use anyhow::Context as _;
use nearside::status::Status;
use nearside_tests::agent::{Agent, nearside};
use nearside_tests::demo::Demo;
use nearside_tests::host::Host;
use nearside_tests::place::Place;
use nearside_tests::process::Running;
use nearside_tests::{STEP, clips};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[test]
fn status_is_json_for_scripts_and_sentences_for_people() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let json = nearside(&place, &["status", "--json"])?;
    assert!(json.status.success());
    let status: Status = serde_json::from_slice(&json.stdout)?;
    let [process] = status.processes.as_slice() else { panic!("{:?}", status.processes) };
    assert_eq!((process.role.as_str(), process.pid), ("agent", agent.pid()));
    assert!(status.session.is_none() && status.items.is_empty() && status.notices.is_empty());
    let people = nearside(&place, &["status"])?;
    assert_eq!(String::from_utf8(people.stdout)?, "Not loaded\nWaiting for a session\n");
    Ok(())
}

#[test]
fn watch_prints_a_snapshot_after_each_change() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mut command = place.program("nearside")?;
    command.args(["status", "--json", "--watch"]);
    let mut watch = Running::start(command, place.path(), "watch")?;
    let first = watch.wait_for_lines(1, STEP)?;
    let first: Status = serde_json::from_str(first.last().context("a line")?)?;
    assert!(first.session.is_none());
    let (_host, _) = Host::open(&agent.channel_socket())?;
    let second = watch.wait_for_lines(2, STEP)?;
    let second: Status = serde_json::from_str(second.last().context("a line")?)?;
    assert_eq!(second.session.context("a session")?.name, "a test");
    assert!(first.revision < second.revision);
    Ok(())
}

#[test]
fn quit_ends_the_agent_and_removes_its_sockets() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    assert!(nearside(&place, &["quit"])?.status.success());
    host.wait_closed()?;
    assert!(agent.wait_ended()?, "{}", agent.log());
    assert!(!agent.channel_socket().exists() && !agent.control_socket().exists());
    Ok(())
}

#[test]
fn without_an_agent_the_next_step_is_said() -> anyhow::Result<()> {
    let place = Place::new()?;
    for command in [["status"], ["quit"]] {
        let output = nearside(&place, &command)?;
        assert_eq!(output.status.code(), Some(1));
        let words = String::from_utf8(output.stderr)?;
        assert!(words.contains("does not run") && words.contains("nearside agent"), "{words}");
    }
    Ok(())
}

#[test]
fn sockets_are_for_their_owner_only() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mode = |path: &Path| -> anyhow::Result<u32> {
        Ok(std::fs::symlink_metadata(path)?.permissions().mode() & 0o777)
    };
    assert_eq!(mode(agent.folder())?, 0o700);
    for socket in [agent.channel_socket(), agent.control_socket()] {
        assert_eq!(mode(&socket)?, 0o600, "{}", socket.display());
    }
    Ok(())
}

#[test]
fn logs_never_name_what_is_played() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("private-matter.mp4");
    clips::usual(&clip, 2)?;
    let outcome = Demo::new(&place)?.media(&clip).verbose().run()?;
    outcome.success()?;
    // The log is there, so its silence means something.
    assert!(outcome.stderr.contains("channel opened"), "{}", outcome.stderr);
    let line = outcome.stderr.lines().find(|line| line.contains("private-matter"));
    assert_eq!(line, None);
    Ok(())
}
