//! From no device to a device and back: attempts, pauses between them, the open connection.
//!
//! ```text
//!        a browser greets               stream             welcome
//!  Idle ─────────────────▶ Connecting ─────────▶ Connected ───────▶ (open)
//!   ▲          ┌── change, pause ── ▲ │                │
//!   └──────────┴──────────────────── Waiting ◀─────────┘ gone, lost, refused
//! ```
//!
//! Owner: the broker's task, through [`Device::turn`].

use std::time::{Duration, Instant};

use nearside_channel::link;
use nearside_channel::message::{Hello, PROTOCOL_VERSION, Reason, ReasonCode};
use tokio::task::JoinHandle;

use crate::connection::{Connection, Ended, sleep_until};
use crate::session::Session;
use crate::status::RoundTrips;
use crate::transport::{ByteStream, Change, Retry, Transport, Unavailable};

/// Seconds between attempts; the last is repeated.
const SOON: [u64; 4] = [1, 5, 10, 30];
/// As [`SOON`], where an attempt in vain costs something.
const SELDOM: [u64; 5] = [5, 10, 30, 60, 300];
/// Attempts in vain that may cost something; then only a client that connects anew helps.
const MAX_COSTLY: usize = 100;
/// A page that opens is worth an attempt if the last one is so long ago.
const ON_DEMAND: Duration = Duration::from_secs(5);

/// What the greeting says of this host.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) session_name: String,
    pub(crate) activity_id: String,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Device {
    transport: Transport,
    greeting: Greeting,
    state: State,
    /// Attempts in a row without a welcome.
    attempts: usize,
    /// Attempts of [`Retry::Seldom`], ever.
    costly: usize,
    pub(crate) sent_bytes: u64,
    pub(crate) round_trips: RoundTrips,
}

#[derive(Debug)]
enum State {
    Idle,
    Connecting(JoinHandle<Result<ByteStream, Unavailable>>),
    Connected(Box<Connection>),
    Waiting {
        since: Instant,
        /// `None`: only a change of the transport helps.
        until: Option<Instant>,
    },
}

impl Device {
    pub(crate) fn new(transport: Transport, greeting: Greeting) -> Self {
        Self {
            transport,
            greeting,
            state: State::Idle,
            attempts: 0,
            costly: 0,
            sent_bytes: 0,
            round_trips: RoundTrips::default(),
        }
    }

    pub(crate) fn transport_name(&self) -> &'static str {
        self.transport.name()
    }

    /// Waits for one thing to happen and does what it asks for. Cancel safe.
    pub(crate) async fn turn(&mut self, session: &mut Session) {
        if matches!(self.state, State::Idle) && session.wants_device() {
            self.connect();
        }
        match &mut self.state {
            State::Idle => std::future::pending().await,
            State::Connecting(attempt) => {
                let result = tokio::select! {
                    biased;
                    change = self.transport.changed() => {
                        // Either way what is under way was for the client before.
                        attempt.abort();
                        return self.on_change(change, session);
                    }
                    result = &mut *attempt => result,
                };
                match result {
                    Ok(Ok(stream)) => self.on_stream(stream, session),
                    Ok(Err(unavailable)) => self.pause(unavailable, session),
                    // Aborted: the runtime ends.
                    Err(_) => self.state = State::Idle,
                }
            }
            State::Connected(connection) => {
                let result = connection.turn(session, &mut self.transport).await;
                let (sent, round_trips) = connection.take_counts();
                self.sent_bytes += sent;
                round_trips.into_iter().for_each(|time| self.round_trips.push(time));
                if let Err(ended) = result {
                    let was_opened = connection.was_opened();
                    self.on_end(&ended, was_opened, session);
                }
            }
            State::Waiting { since, until } => {
                if session.take_demand() {
                    *until = until.map(|until| until.min(*since + ON_DEMAND));
                }
                let until = *until;
                tokio::select! {
                    change = self.transport.changed() => self.on_change(change, session),
                    () = sleep_until(until) => self.connect(),
                }
            }
        }
    }

    /// The device broke the rules in what the session was told.
    pub(crate) fn give_up(&mut self, ended: &Ended, session: &mut Session) {
        self.on_end(ended, true, session);
    }

    /// Greets the device anew, because something in the greeting has changed.
    pub(crate) fn restart(&mut self, session: &mut Session) {
        if matches!(self.state, State::Connected(_)) {
            self.close();
            session.no_device(None);
        }
    }

    /// Ends the connection on purpose.
    pub(crate) fn close(&mut self) {
        if let State::Connected(connection) = std::mem::replace(&mut self.state, State::Idle) {
            connection.close(&mut self.transport);
        }
    }

    fn connect(&mut self) {
        self.state = State::Connecting(tokio::spawn(self.transport.connect()));
    }

    fn on_change(&mut self, change: Change, session: &mut Session) {
        match change {
            Change::Appeared => {
                self.attempts = 0;
                self.connect();
            }
            Change::Gone => self.on_end(&Ended::Gone, true, session),
        }
    }

    fn on_stream(&mut self, stream: ByteStream, session: &mut Session) {
        let nonce = match random_hex() {
            Ok(nonce) => nonce,
            Err(reason) => return self.pause(Unavailable { reason, retry: Retry::Soon }, session),
        };
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            extension_version: session.extension_version(),
            nonce,
            session_name: self.greeting.session_name.clone(),
            activity_id: self.greeting.activity_id.clone(),
            // Pages say it with their layouts.
            desktop: None,
            policy: session.policy().clone(),
            services: vec!["credits".to_owned()],
        };
        self.state = State::Connected(Box::new(Connection::new(stream, hello)));
    }

    fn on_end(&mut self, ended: &Ended, was_opened: bool, session: &mut Session) {
        tracing::info!(%ended, "the connection ended");
        let reason = match ended {
            Ended::Link(link::Closed::Refused(reason)) => reason.clone(),
            Ended::Gone => Reason::new(
                ReasonCode::Network,
                "No remote desktop client is connected to this session.",
                "Connect to it with a client that has Nearside.",
            ),
            Ended::Closed | Ended::Io(_) | Ended::Link(_) => Reason::new(
                ReasonCode::Network,
                "No Nearside client is connected: the connection to the device was lost.",
                "It is tried again by itself; start Nearside on the device if it does not run.",
            ),
            Ended::Wire(_) | Ended::Unexpected(_) | Ended::Message(_) | Ended::Device(_) => {
                Reason::new(
                    ReasonCode::ProtocolViolation,
                    "The device broke the rules of the channel.",
                    "Update Nearside on the device and in this session to the same version.",
                )
            }
        };
        // One that breaks the rules after each greeting is not asked each second for ever.
        if was_opened && reason.code != ReasonCode::ProtocolViolation {
            self.attempts = 0;
        }
        // Without its client nothing helps until the next one comes.
        let retry = if matches!(ended, Ended::Gone) { Retry::OnChange } else { Retry::Soon };
        self.pause(Unavailable { reason, retry }, session);
    }

    fn pause(&mut self, unavailable: Unavailable, session: &mut Session) {
        let pauses: &[u64] = match unavailable.retry {
            Retry::OnChange => &[],
            Retry::Soon => &SOON,
            Retry::Seldom => {
                self.costly = self.costly.saturating_add(1);
                if self.costly < MAX_COSTLY { &SELDOM } else { &[] }
            }
        };
        let pause = pauses.get(self.attempts).or(pauses.last());
        let since = Instant::now();
        let until = pause.map(|seconds| since + Duration::from_secs(*seconds));
        self.attempts = self.attempts.saturating_add(1);
        self.state = State::Waiting { since, until };
        session.no_device(Some(unavailable.reason));
    }
}

/// 32 random hexadecimal characters.
pub(crate) fn random_hex() -> Result<String, Reason> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| {
        Reason::new(
            ReasonCode::Network,
            "This machine gives no random numbers.",
            "Restart this session.",
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
