//! `nearside status` and `nearside quit`: the control socket for people and scripts.

use anyhow::{Context as _, bail};
use nearside::control::{Connection, Reply, Request};
use nearside::status::{Playback, Status};
use std::io::Write as _;

const NOT_RUNNING: &str =
    "Nearside does not run. Start it with `nearside agent`, or try `nearside demo`.";

pub(crate) fn status(json: bool, watch: bool) -> anyhow::Result<()> {
    let mut connection = Connection::open().context(NOT_RUNNING)?;
    connection.send(if watch { &Request::Watch } else { &Request::Status })?;
    loop {
        let status = match connection.receive()? {
            Reply::Status(status) => status,
            Reply::Done | Reply::Logs { .. } => continue,
            Reply::Refused { message } => bail!(message),
        };
        let text = if json { serde_json::to_string(&status)? } else { for_people(&status) };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()?;
        if !watch {
            return Ok(());
        }
    }
}

pub(crate) fn quit() -> anyhow::Result<()> {
    let mut connection = Connection::open().context(NOT_RUNNING)?;
    connection.send(&Request::Quit)?;
    match connection.receive()? {
        Reply::Refused { message } => bail!(message),
        Reply::Done | Reply::Status(_) | Reply::Logs { .. } => Ok(()),
    }
}

fn for_people(status: &Status) -> String {
    let mut lines: Vec<String> = status.headlines().into_iter().map(str::to_owned).collect();
    lines.push(status.subtitle());
    for item in &status.items {
        let state = match (&item.failed, item.playback) {
            (Some(reason), _) => format!("in the session: {} {}", reason.message, reason.next_step),
            (None, Playback::Paused) => "paused".to_owned(),
            (None, Playback::Playing) => {
                let placement = item.video.as_ref().and_then(|video| video.placement);
                match placement {
                    Some(placement) => format!("playing {}", placement.for_people()),
                    None => "playing".to_owned(),
                }
            }
            (None, Playback::Stalled) => "waiting for data".to_owned(),
            (None, Playback::Seeking) => "seeking".to_owned(),
            (None, Playback::Ended) => "ended".to_owned(),
        };
        lines.push(format!("{} ({}): {state}", item.title, item.site));
    }
    for notice in &status.notices {
        lines.push(format!("{} {}", notice.reason.message, notice.reason.next_step));
    }
    lines.join("\n")
}
