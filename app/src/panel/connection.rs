//! The panel's end of the control socket: newest status in, requests out.
//!
//! Owner: the window. Two named threads, both stopped and joined in `drop`:
//! ```text
//!  agent ── status lines ──▶ "panel status" ── newest only ──▶ take() by the window
//!  window ── send() ── 64, refuses when full ──▶ "panel requests" ──▶ agent
//! ```
//! `wake` is called after every change; it must not block. A lost agent is looked for again
//! after 0.1 s, then after twice that, up to 2 s.

use nearside::control::{self, Reply, Request, Sender};
use nearside::status::Status;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Requests on their way to the agent. A dragged slider makes one a frame.
const REQUEST_DEPTH: usize = 64;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is known of the agent.
#[derive(Debug)]
pub(crate) enum Link {
    Away { starting: bool, problem: Option<String> },
    Here { status: Box<Status>, unix_ms: u64 },
}

/// The agent's word on the last request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Refused(String),
}

/// What changed since the last look.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub link: Option<Link>,
    pub answer: Option<Answer>,
}

#[derive(Debug, Default)]
struct State {
    news: News,
    /// Where requests go, while there is a connection.
    sender: Option<Arc<Mutex<Sender>>>,
    /// The same connection, to be hung up even while a request is being written.
    line: Option<Sender>,
    start_wanted: bool,
    stop: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement, so a panicked thread leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the threads. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    requests: Option<SyncSender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl Connection {
    /// Connects to `socket` and stays connected. `program` is what [`Self::start_agent`] runs.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn open(
        socket: PathBuf,
        program: PathBuf,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (requests, request_rx) = sync_channel(REQUEST_DEPTH);
        let reader = std::thread::Builder::new().name("panel status".into()).spawn({
            let shared = Arc::clone(&shared);
            let agent = Agent { socket, program, shared, wake, child: None };
            move || agent.run()
        })?;
        let mut connection = Self { shared, requests: Some(requests), threads: vec![reader] };
        let shared = Arc::clone(&connection.shared);
        let writer = std::thread::Builder::new()
            .name("panel requests".into())
            .spawn(move || write_requests(&request_rx, &shared))?;
        connection.threads.push(writer);
        Ok(connection)
    }

    /// What changed since the last call. Never waits for the agent.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut self.shared.state().news)
    }

    /// Sends `request`, or says in the next news that it could not.
    pub(crate) fn send(&self, request: Request) {
        let Some(requests) = &self.requests else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            requests.try_send(request)
        {
            let message = "Nearside does not answer. Close this window and start it again.";
            self.shared.state().news.answer = Some(Answer::Refused(message.to_owned()));
        }
    }

    /// Starts the agent, unless one answers first.
    pub(crate) fn start_agent(&self) {
        self.shared.state().start_wanted = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.requests = None;
        {
            let mut state = self.shared.state();
            state.stop = true;
            if let Some(line) = state.line.take() {
                line.hang_up();
            }
        }
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a connection thread panicked");
            }
        }
    }
}

/// The status thread.
struct Agent<W> {
    socket: PathBuf,
    program: PathBuf,
    shared: Arc<Shared>,
    wake: W,
    /// The agent started from here, until it answers.
    child: Option<Child>,
}

impl<W: Fn()> Agent<W> {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        let mut problem = None;
        let mut said = None;
        while !self.shared.state().stop {
            match control::Connection::open_at(&self.socket).and_then(|agent| self.watch(agent)) {
                // It answered before it went, so it may be back soon.
                Ok(()) => (pause, problem, said) = (FIRST_PAUSE, None, None),
                Err(error) if nobody_listens(&error) => {}
                Err(error) => (problem, said) = (Some(explain(&error)), None),
            }
            if let Some(why) = self.child_gone() {
                problem = Some(why);
            }
            // Said once, so that a window without an agent draws nothing while it waits.
            let away = Some((self.child.is_some(), problem.clone()));
            if said != away {
                said = away;
                self.report(Link::Away {
                    starting: self.child.is_some(),
                    problem: problem.clone(),
                });
            }
            if self.wait(pause) {
                (pause, problem) = (FIRST_PAUSE, None);
                if self.child.is_none() {
                    problem = self.start();
                }
            } else {
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Passes on statuses until the connection ends. `Ok` when there was at least one.
    fn watch(&mut self, mut agent: control::Connection) -> io::Result<()> {
        agent.send(&Request::Watch)?;
        let (sender, line) = (agent.sender()?, agent.sender()?);
        {
            let mut state = self.shared.state();
            if state.stop {
                return Ok(());
            }
            state.line = Some(line);
            state.sender = Some(Arc::new(Mutex::new(sender)));
        }
        let mut answered = false;
        let ended = loop {
            match agent.receive() {
                Ok(Reply::Status(status)) => {
                    answered = true;
                    self.child = None;
                    self.report(Link::Here { status, unix_ms: unix_ms() });
                }
                Ok(Reply::Done | Reply::Logs { .. }) => self.answer(Answer::Done),
                Ok(Reply::Refused { message }) => self.answer(Answer::Refused(message)),
                Err(error) => break error,
            }
        };
        let mut state = self.shared.state();
        (state.line, state.sender) = (None, None);
        let gone = ended.kind() != io::ErrorKind::InvalidData;
        if answered && gone { Ok(()) } else { Err(ended) }
    }

    fn report(&self, link: Link) {
        self.shared.state().news.link = Some(link);
        (self.wake)();
    }

    fn answer(&self, answer: Answer) {
        self.shared.state().news.answer = Some(answer);
        (self.wake)();
    }

    /// Waits until `pause` is over, the end is near or a start is wanted (then true).
    fn wait(&self, pause: Duration) -> bool {
        let state = self.shared.state();
        let quiet = |state: &mut State| !state.stop && !state.start_wanted;
        let waited = self.shared.changed.wait_timeout_while(state, pause, quiet);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.start_wanted)
    }

    /// Starts the agent as a process that outlives the panel. Returns why that failed.
    fn start(&mut self) -> Option<String> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(&self.program);
        command.arg("agent").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => {
                self.child = Some(child);
                None
            }
            Err(error) => Some(format!(
                "The program `nearside` could not be run ({error}). Install Nearside again."
            )),
        }
    }

    /// Why the agent that was started from here ended, if it did.
    fn child_gone(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        (!status.success()).then(|| {
            format!(
                "Nearside ended at once ({status}). Run `nearside agent` in a terminal to see why."
            )
        })
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "The running Nearside speaks another version. Quit it and \
                                       start it from here."
            .to_owned(),
        io::ErrorKind::PermissionDenied => {
            "The running Nearside belongs to another user. Start your own.".to_owned()
        }
        _ => format!("The connection to Nearside ended ({error}). Start it again."),
    }
}

/// The request thread. The lock is not held while writing: the window never waits for the agent.
fn write_requests(requests: &Receiver<Request>, shared: &Shared) {
    for request in requests {
        let Some(sender) = shared.state().sender.clone() else { continue };
        let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = sender.send(&request) {
            tracing::warn!(%error, "the agent takes no requests");
            sender.hang_up();
        }
    }
}

/// Watches `socket` for `span` and hands each status with its arrival to `seen`, at least one.
///
/// # Errors
/// When nobody listens, or no status arrives within `span` plus two seconds.
pub(crate) fn watch_for(
    socket: &Path,
    span: Duration,
    mut seen: impl FnMut(Status, u64),
) -> io::Result<()> {
    let begin = Instant::now();
    let mut agent = control::Connection::open_at(socket)?;
    agent.set_patience(Some(span + Duration::from_secs(2)))?;
    agent.send(&Request::Watch)?;
    let mut any = false;
    loop {
        match agent.receive() {
            Ok(Reply::Status(status)) => {
                any = true;
                seen(*status, unix_ms());
            }
            Ok(Reply::Done | Reply::Logs { .. } | Reply::Refused { .. }) => {}
            // The end of `span`, or of the agent: what was seen is enough.
            Err(_) if any => return Ok(()),
            Err(error) => return Err(error),
        }
        let left = span.saturating_sub(begin.elapsed());
        if any && left.is_zero() {
            return Ok(());
        }
        if any {
            agent.set_patience(Some(left))?;
        }
    }
}

/// The wall clock.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside::control::MAX_LINE;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::mpsc::sync_channel;

    /// Long enough for any machine; reached only when something is broken.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Rig {
        folder: tempfile::TempDir,
        connection: Connection,
        woken: Receiver<()>,
        answers: Vec<Answer>,
    }

    impl Rig {
        fn new(program: impl Into<PathBuf>) -> Self {
            let folder = tempfile::tempdir().expect("a folder for the socket");
            let (wake, woken) = sync_channel(1);
            // A full queue is fine: one wake-up is enough to look again.
            let wake = move || wake.try_send(()).unwrap_or_default();
            let socket = folder.path().join("control.sock");
            let connection = Connection::open(socket, program.into(), wake).expect("threads");
            Self { folder, connection, woken, answers: Vec::new() }
        }

        fn listen(&self) -> UnixListener {
            UnixListener::bind(self.folder.path().join("control.sock")).expect("bind")
        }

        /// Waits for news that `wanted` accepts.
        #[track_caller]
        fn wait(&mut self, wanted: impl Fn(&Link) -> bool) {
            loop {
                let news = self.connection.take();
                self.answers.extend(news.answer);
                if news.link.is_some_and(|link| wanted(&link)) {
                    return;
                }
                self.woken.recv_timeout(PATIENCE).expect("the wanted news");
            }
        }
    }

    fn here(revision: u64) -> impl Fn(&Link) -> bool {
        move |link| matches!(link, Link::Here { status, .. } if status.revision == revision)
    }

    fn away(part: &str) -> impl Fn(&Link) -> bool {
        move |link| matches!(link, Link::Away { problem: Some(why), starting: false } if why.contains(part))
    }

    fn status(revision: u64) -> String {
        let status = Box::new(Status { revision, ..Status::default() });
        serde_json::to_string(&Reply::Status(status)).expect("a status is JSON") + "\n"
    }

    fn accept(listener: &UnixListener) -> BufReader<UnixStream> {
        BufReader::new(listener.accept().expect("the panel connects").0)
    }

    fn request(agent: &mut BufReader<UnixStream>) -> Request {
        let mut line = String::new();
        agent.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("a request")
    }

    fn say(agent: &mut BufReader<UnixStream>, text: &str) {
        agent.get_mut().write_all(text.as_bytes()).expect("the panel reads");
    }

    #[test]
    fn statuses_come_requests_go_and_a_lost_agent_is_found_again() {
        let mut rig = Rig::new("nothing");
        rig.wait(|link| matches!(link, Link::Away { problem: None, .. }));
        let listener = rig.listen();
        for revision in [1, 2] {
            let mut agent = accept(&listener);
            assert_eq!(request(&mut agent), Request::Watch);
            say(&mut agent, &status(revision));
            rig.wait(here(revision));
            rig.connection.send(Request::Quit);
            assert_eq!(request(&mut agent), Request::Quit);
            say(&mut agent, "{\"type\":\"refused\",\"message\":\"not now\"}\n");
            drop(agent);
            rig.wait(|link| matches!(link, Link::Away { problem: None, .. }));
        }
        rig.answers.extend(rig.connection.take().answer);
        assert_eq!(rig.answers, [(); 2].map(|()| Answer::Refused("not now".into())));
    }

    #[test]
    fn only_the_newest_status_is_kept() {
        let mut rig = Rig::new("nothing");
        let listener = rig.listen();
        let mut agent = accept(&listener);
        for revision in 0..500 {
            say(&mut agent, &status(revision));
        }
        rig.wait(here(499));
    }

    #[test]
    fn what_is_not_understood_ends_the_connection_and_is_said() {
        for line in ["nonsense\n".to_owned(), "x".repeat(MAX_LINE + 1)] {
            let mut rig = Rig::new("nothing");
            let listener = rig.listen();
            let mut agent = accept(&listener);
            // The panel may hang up in the middle of a long line.
            drop(agent.get_mut().write_all(line.as_bytes()));
            rig.wait(away("another version"));
        }
    }

    #[test]
    fn an_agent_that_does_not_start_is_said() {
        let mut rig = Rig::new("/nonexistent/nearside");
        rig.connection.start_agent();
        rig.wait(away("could not be run"));

        let mut rig = Rig::new("false");
        rig.connection.start_agent();
        rig.wait(away("ended at once"));
    }

    #[test]
    fn one_look_at_the_agent_takes_the_first_status() {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let socket = folder.path().join("control.sock");
        assert!(watch_for(&socket, Duration::ZERO, |_, _| ()).is_err());
        let listener = UnixListener::bind(&socket).expect("bind");
        let agent = std::thread::Builder::new().name("test agent".into()).spawn(move || {
            let mut agent = accept(&listener);
            say(&mut agent, &status(7));
            request(&mut agent)
        });
        let mut seen = Vec::new();
        watch_for(&socket, Duration::ZERO, |status, _| seen.push(status.revision)).expect("seen");
        assert_eq!(seen, [7]);
        let asked = agent.expect("a thread").join().expect("no panic");
        assert_eq!(asked, Request::Watch);
    }
}
