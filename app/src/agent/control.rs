//! Serves the control socket: one JSON value a line, see [`nearside::control`].

use super::endpoint;
use super::hub::{GlobalPage, Hub, Order, Update};
use nearside::control::{MAX_LINE, Reply, Request};
use nearside::paths;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// Snapshots to one watcher are at least this far apart.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// A stage that takes longer for a screenshot hangs.
const SCREENSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// Clients at once; one more is told so.
const MAX_CLIENTS: usize = 32;

/// A client that has not asked for anything by then goes, or has not taken an answer.
const SILENT: Duration = Duration::from_secs(5);

pub(super) async fn serve(listener: UnixListener, hub: Hub, quit: mpsc::Sender<()>) {
    let slots = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) if endpoint::is_own(&stream) => {
                let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                    turn_away(&stream);
                    continue;
                };
                let (hub, quit) = (hub.clone(), quit.clone());
                tokio::spawn(async move {
                    if let Err(error) = client(stream, hub, quit).await {
                        tracing::debug!(%error, "a control client left");
                    }
                    drop(slot);
                });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control client");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn client(stream: UnixStream, hub: Hub, quit: mpsc::Sender<()>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut watch: Option<tokio::sync::watch::Receiver<_>> = None;
    let mut line = Vec::new();
    let silent = tokio::time::sleep(SILENT);
    tokio::pin!(silent);
    let mut has_asked = false;
    loop {
        // A line that arrives in parts stays in `line` while snapshots go out between them.
        let limit = u64::try_from(MAX_LINE.saturating_sub(line.len())).unwrap_or(0);
        let mut limited = (&mut reader).take(limit);
        tokio::select! {
            read = limited.read_until(b'\n', &mut line) => {
                let read = read?;
                if line.last() != Some(&b'\n') {
                    if read == 0 && line.len() < MAX_LINE {
                        return Ok(());
                    }
                    if MAX_LINE <= line.len() {
                        return refuse(&mut writer, "the request is too long").await;
                    }
                    continue;
                }
                let reply = match serde_json::from_slice(&line) {
                    Ok(Request::Watch) => {
                        let mut receiver = hub.watch();
                        let status = receiver.borrow_and_update().clone();
                        watch = Some(receiver);
                        Reply::Status(Box::new((*status).clone()))
                    }
                    Ok(request) => handle(request, &hub, &quit).await,
                    Err(error) => Reply::Refused {
                        message: format!("not a request of this version: {error}"),
                    },
                };
                line.clear();
                has_asked = true;
                send(&mut writer, &reply).await?;
            }
            () = &mut silent, if !has_asked => {
                return refuse(&mut writer, "nothing was asked").await;
            }
            changed = changed(&mut watch) => {
                let Some(status) = changed else { return Ok(()) };
                send(&mut writer, &Reply::Status(Box::new((*status).clone()))).await?;
            }
        }
    }
}

/// The next snapshot for a watcher; never for a client that does not watch.
async fn changed(
    watch: &mut Option<tokio::sync::watch::Receiver<Arc<nearside::status::Status>>>,
) -> Option<Arc<nearside::status::Status>> {
    let Some(receiver) = watch else { return std::future::pending().await };
    receiver.changed().await.ok()?;
    tokio::time::sleep(WATCH_INTERVAL).await;
    Some(receiver.borrow_and_update().clone())
}

async fn handle(request: Request, hub: &Hub, quit: &mpsc::Sender<()>) -> Reply {
    match request {
        Request::Status | Request::Watch => Reply::Status(Box::new((*hub.status()).clone())),
        Request::SetSettings { settings } => {
            hub.report(Update::Settings(settings)).await;
            Reply::Done
        }
        Request::Steer { page, player, command } => {
            let page = GlobalPage(page.0);
            if !hub.status().items.iter().any(|item| item.page == page.0) {
                return Reply::Refused { message: "there is no such page any more".to_owned() };
            }
            hub.report(Update::Order(Order::Steer { page, player, command })).await;
            Reply::Done
        }
        Request::Screenshot { page, path } => {
            let page = GlobalPage(page.0);
            let (answer, mut answered) = mpsc::channel(1);
            hub.report(Update::Order(Order::Screenshot { page, path, answer })).await;
            match tokio::time::timeout(SCREENSHOT_TIMEOUT, answered.recv()).await {
                Ok(Some(None)) => Reply::Done,
                Ok(Some(Some(reason))) => Reply::Refused { message: reason.message },
                Ok(None) => Reply::Refused { message: "there is no such page".to_owned() },
                Err(_) => Reply::Refused { message: "the stage does not answer".to_owned() },
            }
        }
        Request::Logs { since } => {
            let next = hub.logs.end();
            Reply::Logs { lines: hub.logs.since(since), next }
        }
        Request::OpenPanel => match start_panel(hub) {
            Ok(()) => Reply::Done,
            Err(message) => Reply::Refused { message },
        },
        Request::Quit => {
            let _ = quit.try_send(());
            Reply::Done
        }
    }
}

/// Opens the panel, or brings it to the front.
pub(super) fn open_panel(hub: &Hub) {
    if let Err(message) = start_panel(hub) {
        tracing::warn!(message);
    }
}

/// # Errors
/// What hinders, for people.
fn start_panel(hub: &Hub) -> Result<(), String> {
    let panel = paths::sibling("nearside-panel").map_err(|error| error.to_string())?;
    let mut child = tokio::process::Command::new(panel)
        .spawn()
        .map_err(|error| format!("the panel does not start: {error}"))?;
    let hub = hub.clone();
    tokio::spawn(async move {
        let Some(pid) = child.id() else { return };
        hub.report(Update::ProcessStarted { role: "panel", pid }).await;
        let _ = child.wait().await;
        hub.report(Update::ProcessEnded { pid }).await;
    });
    Ok(())
}

async fn send(writer: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    let line = line_of(reply)?;
    // One that does not read keeps others from asking.
    tokio::time::timeout(SILENT, writer.write_all(&line))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// A client takes no longer line than the agent itself does: of a longer one the older half is
/// left out until it fits.
fn line_of(reply: &Reply) -> std::io::Result<Vec<u8>> {
    let encode = |reply: &Reply| {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        Ok::<_, std::io::Error>(line)
    };
    let mut line = encode(reply)?;
    let mut rest = None;
    while MAX_LINE <= line.len() {
        let rest = rest.get_or_insert_with(|| reply.clone());
        match rest {
            Reply::Status(status) if !status.items.is_empty() => halve(&mut status.items),
            Reply::Status(status) if !status.notices.is_empty() => halve(&mut status.notices),
            Reply::Logs { lines, .. } if !lines.is_empty() => halve(lines),
            _ => *rest = Reply::Refused { message: "the answer is too long".to_owned() },
        }
        line = encode(rest)?;
    }
    Ok(line)
}

fn halve<T>(list: &mut Vec<T>) {
    list.drain(..list.len().div_ceil(2));
}

/// Says why and leaves; a client that does not read hears nothing.
fn turn_away(stream: &UnixStream) {
    let message = format!("{MAX_CLIENTS} programs ask already; close some of them");
    if let Ok(line) = serde_json::to_string(&Reply::Refused { message }) {
        let _ = stream.try_write(format!("{line}\n").as_bytes());
    }
}

async fn refuse(writer: &mut OwnedWriteHalf, message: &str) -> std::io::Result<()> {
    send(writer, &Reply::Refused { message: message.to_owned() }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside::status::{Item, Status};

    #[test]
    fn an_answer_is_as_long_as_a_client_takes() {
        let item = |page| Item { page, title: "\u{1}".repeat(1024), ..Item::default() };
        let status = Status { items: (0..512).map(item).collect(), ..Status::default() };
        let line = line_of(&Reply::Status(Box::new(status))).unwrap();
        assert!(line.len() < MAX_LINE && line.ends_with(b"\n"));
        let Ok(Reply::Status(status)) = serde_json::from_slice(&line) else { panic!("no status") };
        assert_eq!(status.items.last().map(|item| item.page), Some(511), "the newest stay");
        let logs = Reply::Logs { lines: vec!["\u{1}".repeat(400); 1000], next: 1 };
        assert!(line_of(&logs).unwrap().len() < MAX_LINE);
        assert_eq!(line_of(&Reply::Done).unwrap(), b"{\"type\":\"done\"}\n");
    }
}
