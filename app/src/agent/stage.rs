//! One stage process: started, fed, listened to, and found when it hangs or dies.
//!
//! ```text
//!  connection ── frames (bounded by the channel's credits) ─▶ writer task ─▶ stdin
//!  connection ◀─ Event (bounded) ◀── reader task ◀── stdout;  exit status ◀── waiter
//! ```
//! The stage is not trusted: what it sends is framed, bounded, parsed and checked like a peer's.

use super::sound_server;
use nearside::stage_link::{FromStage, StageOptions, ToStage};
use nearside::{client_display, paths};
use nearside_channel::message::{Reason, ReasonCode, StreamId};
use nearside_channel::plugin::ConnectionFacts;
use nearside_channel::validate::{self, Invalid};
use nearside_channel::wire::{self, FrameReader, Kind};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// Frames that may wait for the stage. What comes on streams is bounded by credits, 2 MiB at most:
/// so many commands of the smallest appends. More is control, and a stage that does not read it
/// is hung. Memory is taken only for what waits.
const QUEUE: usize = 32 << 10;

/// Processes at a time, those that are ending among them: a program of the remote user can open
/// and close pages faster than processes end.
static PROCESSES: Semaphore = Semaphore::const_new(24);

/// What a stage reports to its connection.
pub(super) enum Event {
    Said(FromStage),
    /// The process is gone; nothing follows.
    Ended(Reason),
}

/// Handle of a running stage. Dropping it closes the stage's input and, if that is not enough,
/// kills it.
pub(super) struct Stage {
    frames: mpsc::Sender<Vec<u8>>,
    kill: mpsc::Sender<()>,
    pub(super) pid: u32,
    /// Pings without an answer.
    pub(super) unanswered: u32,
}

/// The stage does not take frames any more.
#[derive(Debug, thiserror::Error)]
#[error("the stage does not read")]
pub(super) struct Stuck;

impl Stage {
    /// Starts a process, on the RDP client's display if there is one; its events come with
    /// `tag`.
    pub(super) fn start<T: Copy + Send + 'static>(
        tag: T,
        events: mpsc::Sender<(T, Event)>,
        options: &StageOptions,
        facts: Option<&ConnectionFacts>,
    ) -> Result<Self, Reason> {
        let unavailable = |detail: String| {
            Reason::new(
                ReasonCode::StageUnavailable,
                format!("The player process does not start: {detail}."),
                "The page plays in the session. Reinstall Nearside if this stays.",
            )
        };
        let permit = PROCESSES.try_acquire().map_err(|_| {
            Reason::new(
                ReasonCode::LimitReached,
                "Too many players are starting and ending at once.",
                "The page plays in the session. Reload it to try again.",
            )
        })?;
        let program =
            paths::sibling("nearside-stage").map_err(|error| unavailable(error.to_string()))?;
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if let Ok(runtime_dir) = paths::runtime_dir() {
            command.envs(sound_server::variables(&runtime_dir));
        }
        if options.headless {
            // Mesa's device selection would look for a compositor, and complain on the terminal.
            command.env("NODEVICE_SELECT", "1");
        } else if let Some(facts) = facts {
            command.envs(client_display::variables(facts));
        }
        let mut child = command.spawn().map_err(|error| unavailable(error.to_string()))?;
        let pid = child.id().unwrap_or_default();
        let (frames, queued) = mpsc::channel(QUEUE);
        let (kill, killed) = mpsc::channel(1);
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unavailable("it has no pipes".to_owned()));
        };
        tokio::spawn(write(stdin, queued));
        tokio::spawn(supervise(tag, child, stdout, events, killed, permit));
        Ok(Self { frames, kill, pid, unanswered: 0 })
    }

    /// Queues a message.
    pub(super) fn send(&self, message: &ToStage) -> Result<(), Stuck> {
        let body = serde_json::to_vec(message).map_err(|_| Stuck)?;
        let mut frame = Vec::with_capacity(body.len() + wire::HEADER_SIZE);
        wire::encode(Kind::Control, StreamId(0), &body, &mut frame).map_err(|_| Stuck)?;
        self.forward(frame)
    }

    /// Queues a whole frame as it came from the channel.
    pub(super) fn forward(&self, frame: Vec<u8>) -> Result<(), Stuck> {
        self.frames.try_send(frame).map_err(|_| Stuck)
    }

    /// Ends the process at once.
    pub(super) fn kill(&self) {
        let _ = self.kill.try_send(());
    }
}

async fn write(mut stdin: ChildStdin, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if stdin.write_all(&frame).await.is_err() {
            // The supervisor sees the end of the process and reports it.
            return;
        }
    }
}

async fn supervise<T: Copy>(
    tag: T,
    mut child: Child,
    stdout: ChildStdout,
    events: mpsc::Sender<(T, Event)>,
    mut killed: mpsc::Receiver<()>,
    permit: SemaphorePermit<'static>,
) {
    let said = {
        let reading = read(tag, stdout, &events);
        tokio::pin!(reading);
        tokio::select! {
            said = &mut reading => said,
            // The handle was dropped or asks for it: time to leave, then force.
            asked = killed.recv() => {
                if asked.is_some() {
                    let _ = child.start_kill();
                }
                let grace = std::time::Duration::from_millis(500);
                tokio::time::timeout(grace, &mut reading).await.unwrap_or(Ok(()))
            }
        }
    };
    let grace = std::time::Duration::from_millis(500);
    let status = match tokio::time::timeout(grace, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    drop(permit);
    let how = match (said, status) {
        (Err(reason), _) => reason,
        (Ok(()), Ok(status)) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("it was ended by signal {signal}"),
            (None, Some(0)) => "it ended".to_owned(),
            (None, code) => format!("it ended with status {}", code.unwrap_or(-1)),
        },
        (Ok(()), Err(error)) => error.to_string(),
    };
    let reason = Reason::new(
        ReasonCode::StageCrashed,
        format!("The player process stopped: {how}."),
        "The page goes on in the session from the same position, until a new player is ready.",
    );
    // Fails only when the connection is gone, and then nobody waits for it.
    let _ = events.send((tag, Event::Ended(reason))).await;
}

/// Reads until the end of the pipe. An error is a stage that speaks nonsense.
async fn read<T: Copy>(
    tag: T,
    mut stdout: ChildStdout,
    events: &mpsc::Sender<(T, Event)>,
) -> Result<(), String> {
    let mut frames = FrameReader::default();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = match stdout.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => count,
        };
        let mut chunk = buffer.get(..count).unwrap_or_default();
        while let Some(frame) = frames.next_frame(&mut chunk).map_err(|error| error.to_string())? {
            let message = serde_json::from_slice(&frame.body)
                .map_err(|_| "it sent a message that is not known".to_owned())?;
            check(&message).map_err(|error| format!("it sent what is not allowed: {error}"))?;
            if events.send((tag, Event::Said(message))).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// What goes on to the session or to people is as short as the session would take it.
fn check(message: &FromStage) -> Result<(), Invalid> {
    match message {
        FromStage::Player { player: _, event } => validate::player_event(event),
        FromStage::Stream { stream: _, event } => validate::stream_event(event),
        FromStage::Failed { reason } | FromStage::Screenshot { error: Some(reason) } => {
            validate::reason(reason)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_stage_are_as_short_as_a_sessions() {
        for (length, allowed) in [(validate::MAX_SENTENCE, true), (1 << 20, false)] {
            let reason = Reason::new(ReasonCode::StageCrashed, "x".repeat(length), "");
            let failed = FromStage::Failed { reason };
            assert_eq!(check(&failed).is_ok(), allowed);
        }
    }
}
