//! The command line and the sockets: what scripts rely on, and what nobody else may see.

use anyhow::{Context as _, bail, ensure};
use nearside::control::{Connection, MAX_LINE, Reply, Request};
use nearside::status::Status;
use nearside_channel::message::{
    DeviceMessage, DeviceSettings, DeviceSwitch, HostMessage, PageId, ReasonCode,
};
use nearside_tests::agent::{Agent, nearside};
use nearside_tests::demo::Demo;
use nearside_tests::host::{Host, PAGE};
use nearside_tests::place::Place;
use nearside_tests::process::Running;
use nearside_tests::{STEP, clips};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks at something that cannot be waited for.
const LOOK: Duration = Duration::from_millis(10);

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
fn an_agent_that_nobody_finds_any_more_ends() -> anyhow::Result<()> {
    for removed in ["control.sock", "channel.sock", ""] {
        let place = Place::new()?;
        let mut agent = Agent::start(&place)?;
        let (mut host, _) = Host::open(&agent.channel_socket())?;
        match removed {
            "" => std::fs::remove_dir_all(agent.folder())?,
            socket => std::fs::remove_file(agent.folder().join(socket))?,
        }
        host.wait_closed()?;
        assert!(agent.wait_ended()?, "{}", agent.log());
    }
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
fn a_paused_device_says_so_to_session_and_scripts_and_remembers_it() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_page(PAGE)?;
    host.page_ready(PAGE)?;
    let settings = DeviceSettings { paused: true, ..DeviceSettings::default() };
    let mut connection = Connection::open_at(&agent.control_socket())?;
    connection.set_patience(Some(STEP))?;
    connection.send(&Request::SetSettings { settings })?;
    assert_eq!(connection.receive()?, Reply::Done);
    // What plays goes back to the session, whatever the session makes of the settings.
    let reason = host.page_failed(PAGE)?;
    assert_eq!(reason.code, ReasonCode::PausedByUser);
    host.wait("the new settings", |message| match message {
        DeviceMessage::Settings(said) => Some(*said == settings),
        _ => None,
    })?;
    let has_stage = |status: &Status| status.processes.iter().any(|it| it.role.contains("stage"));
    agent.wait_for("the stage's end", |status| !has_stage(status))?;
    let other = PageId(PAGE.0 + 1);
    host.open_page(other)?;
    let reason = host.page_failed(other)?;
    assert!(reason.code == ReasonCode::PausedByUser && !reason.next_step.is_empty(), "{reason:?}");
    connection.send(&Request::Quit)?;
    assert!(agent.wait_ended()?, "{}", agent.log());
    let next = Agent::start(&place)?;
    assert_eq!(next.status()?.settings, settings);
    let (_, welcome) = Host::open(&next.channel_socket())?;
    let refused = welcome.playback_refused.context("a refusal")?;
    assert_eq!(refused.code, ReasonCode::PausedByUser);
    Ok(())
}

#[test]
fn the_sessions_user_may_move_switches_of_the_picture() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    for (switch, on) in [
        (DeviceSwitch::VideoOutlines, true),
        (DeviceSwitch::VideoStatusOverlay, true),
        (DeviceSwitch::VideoOutlines, false),
    ] {
        host.send(&HostMessage::Switch { switch, on })?;
        let settings = host.wait("the new settings", |message| match message {
            DeviceMessage::Settings(said) => Some(*said),
            _ => None,
        })?;
        let field = match switch {
            DeviceSwitch::VideoOutlines => settings.video_outlines,
            DeviceSwitch::VideoStatusOverlay => settings.video_status_overlay,
        };
        assert_eq!(field, on, "{switch:?}");
        assert_eq!(agent.status()?.settings, settings);
    }
    let settings = DeviceSettings { video_status_overlay: true, ..DeviceSettings::default() };
    assert_eq!(agent.status()?.settings, settings);
    Ok(())
}

#[test]
fn collected_logs_hold_what_agent_and_stages_said_meanwhile() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    let collect = |host: &mut Host, start| host.send(&HostMessage::CollectLogs { start });
    let collected = |host: &mut Host| {
        host.wait("the logs", |message| match message {
            DeviceMessage::Logs { lines, last: true } => Some(lines.clone()),
            _ => None,
        })
    };
    collect(&mut host, true)?;
    host.open_player(&["video/mp4; codecs=\"avc1.42c00d\""])?;
    let mut connection = Connection::open_at(&agent.control_socket())?;
    connection.set_patience(Some(STEP))?;
    let mut logs = |since| {
        connection.send(&Request::Logs { since })?;
        let Reply::Logs { lines, next } = connection.receive()? else { bail!("no logs") };
        Ok((lines, next))
    };
    let since = Instant::now();
    while !logs(0)?.0.iter().any(|line| line.contains("the stage has a page")) {
        ensure!(since.elapsed() < STEP, "the stage does not say that it has a page");
        std::thread::sleep(LOOK);
    }
    collect(&mut host, false)?;
    let lines = collected(&mut host)?;
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("stage ready") && has("the stage has a page"), "{lines:?}");
    // What was before the start is not part of it.
    assert!(!has("agent runs"), "{lines:?}");
    // Without a start it is all that is kept, also for the control socket.
    collect(&mut host, false)?;
    assert!(collected(&mut host)?.iter().any(|line| line.contains("agent runs")));
    let (lines, next) = logs(0)?;
    assert!(lines.iter().any(|line| line.contains("agent runs")), "{lines:?}");
    assert_eq!(logs(next)?, (Vec::new(), next));
    Ok(())
}

#[test]
fn nonsense_on_the_control_socket_is_refused_in_words() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let long = vec![b' '; MAX_LINE + 1];
    let rows: [&[u8]; 5] = [
        b"\n",
        b"{\"type\":\"fly\"}\n",
        b"\xff\xfe\n",
        b"{\"type\":\"steer\",\"page\":7,\"player\":1,\"command\":{\"type\":\"play\"}}\n",
        &long,
    ];
    for row in rows {
        let mut stream = UnixStream::connect(agent.control_socket())?;
        stream.set_read_timeout(Some(STEP))?;
        stream.write_all(row)?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        let reply: Reply = serde_json::from_str(&line)?;
        assert!(matches!(&reply, Reply::Refused { message } if !message.is_empty()), "{reply:?}");
    }
    agent.check_healthy()
}

#[test]
fn who_says_nothing_goes_and_one_too_many_is_told() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mut silent: Vec<_> =
        (0..32).map(|_| UnixStream::connect(agent.control_socket())).collect::<Result<_, _>>()?;
    let told = |stream: &UnixStream| -> anyhow::Result<String> {
        stream.set_read_timeout(Some(STEP))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        match serde_json::from_str(&line)? {
            Reply::Refused { message } => Ok(message),
            reply => anyhow::bail!("{reply:?}"),
        }
    };
    let words = nearside(&place, &["status"])?.stderr;
    let words = String::from_utf8(words)?;
    assert!(words.contains("32 programs ask already"), "{words}");
    while let Some(stream) = silent.pop() {
        assert_eq!(told(&stream)?, "nothing was asked");
    }
    agent.check_healthy()
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
