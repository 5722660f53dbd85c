//! The device's side of a link.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::heartbeat::{Due, Heartbeat};
use super::{Closed, GREETING_TIMEOUT, speaks_our_version, version_mismatch};
use crate::message::{
    Capabilities, CreditLimits, DeviceMessage, DeviceSettings, Hello, HostMessage,
    PROTOCOL_VERSION, Reason, Welcome,
};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum DeviceInput {
    /// A control message of the session host arrived.
    Message(HostMessage),
    /// A stream command or media arrived: the host is alive.
    Traffic,
    /// Answers [`DeviceOutput::Greeted`]: the connection is taken.
    Accept(Box<Acceptance>),
    /// Answers [`DeviceOutput::Greeted`], or ends an open connection with a reason.
    Refuse(Reason),
    /// The deadline of [`DeviceOutput::WaitUntil`] passed. Feed what has arrived first.
    Timeout,
}

/// What the device says of itself in its welcome; version and nonce are the link's business.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    pub client_version: String,
    pub connection_id: String,
    pub credits: CreditLimits,
    pub capabilities: Capabilities,
    pub settings: DeviceSettings,
    pub playback_refused: Option<Reason>,
}

/// Something the caller must do now.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceOutput {
    Send(DeviceMessage),
    /// A new connection of our version: drop all state of the one before, if any, and answer
    /// with [`DeviceInput::Accept`] or [`DeviceInput::Refuse`].
    Greeted(Box<Hello>),
    /// A message that is not the link's own business. Only while open.
    Deliver(HostMessage),
    /// Measured round trip of a ping.
    RoundTrip(Duration),
    /// Nothing follows; close the stream after everything has been sent.
    Closed(Closed),
    /// Nothing left to do before this instant. `None`: never again.
    WaitUntil(Option<Instant>),
}

/// The device's side.
#[derive(Debug)]
pub struct DeviceLink {
    state: State,
    /// Of the connection under way; empty before the first greeting.
    nonce: String,
    /// INVARIANT: empty whenever `poll` has returned `WaitUntil`.
    pending: VecDeque<DeviceOutput>,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Greeted { until: Instant },
    Open(Heartbeat),
    Closed,
}

impl DeviceLink {
    /// Waits for the session host's greeting.
    pub fn new(now: Instant) -> Self {
        let until = now + GREETING_TIMEOUT;
        Self { state: State::Waiting { until }, nonce: String::new(), pending: VecDeque::new() }
    }

    /// Media and stream commands may be used only while this is true.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub fn handle(&mut self, now: Instant, input: DeviceInput) {
        match input {
            DeviceInput::Message(message) => self.on_message(now, message),
            DeviceInput::Traffic => match &mut self.state {
                State::Open(heartbeat) => heartbeat.on_traffic(now),
                State::Closed => {}
                State::Waiting { .. } | State::Greeted { .. } => {
                    self.close(Closed::OutOfOrder { message: "media" });
                }
            },
            DeviceInput::Accept(acceptance) => self.accept(now, *acceptance),
            DeviceInput::Refuse(reason) => self.refuse(reason),
            DeviceInput::Timeout => self.on_timeout(now),
        }
    }

    pub fn poll(&mut self) -> DeviceOutput {
        if let Some(output) = self.pending.pop_front() {
            return output;
        }
        DeviceOutput::WaitUntil(match &self.state {
            State::Waiting { until } | State::Greeted { until } => Some(*until),
            State::Open(heartbeat) => Some(heartbeat.deadline()),
            State::Closed => None,
        })
    }

    fn on_message(&mut self, now: Instant, message: HostMessage) {
        match (&mut self.state, message) {
            (State::Closed, _) => {}
            (_, HostMessage::Hello(hello)) => self.on_hello(now, hello),
            (_, HostMessage::Goodbye { reason }) => self.close(Closed::Goodbye(reason)),
            (State::Open(heartbeat), message) => {
                heartbeat.on_traffic(now);
                match message {
                    HostMessage::Ping { seq } => {
                        self.pending.push_back(DeviceOutput::Send(DeviceMessage::Pong { seq }));
                    }
                    HostMessage::Pong { seq } => {
                        let round_trip = heartbeat.on_pong(now, seq);
                        self.pending.extend(round_trip.map(DeviceOutput::RoundTrip));
                    }
                    message => self.pending.push_back(DeviceOutput::Deliver(message)),
                }
            }
            (State::Waiting { .. } | State::Greeted { .. }, _) => {
                self.close(Closed::OutOfOrder { message: "message" });
            }
        }
    }

    fn on_hello(&mut self, now: Instant, hello: Hello) {
        if !speaks_our_version(hello.protocol) {
            return self.refuse(version_mismatch(hello.protocol, PROTOCOL_VERSION));
        }
        if hello.nonce == self.nonce {
            // Said twice: the same connection.
            if let State::Open(heartbeat) = &mut self.state {
                heartbeat.on_traffic(now);
            }
            return;
        }
        self.nonce.clone_from(&hello.nonce);
        self.state = State::Greeted { until: now + GREETING_TIMEOUT };
        // What the old connection was still owed is of no use to the new one.
        self.pending.clear();
        self.pending.push_back(DeviceOutput::Greeted(Box::new(hello)));
    }

    fn accept(&mut self, now: Instant, acceptance: Acceptance) {
        if !matches!(self.state, State::Greeted { .. }) {
            return; // closed or greeted anew meanwhile
        }
        let Acceptance {
            client_version,
            connection_id,
            credits,
            capabilities,
            settings,
            playback_refused,
        } = acceptance;
        let welcome = Welcome {
            protocol: PROTOCOL_VERSION,
            client_version,
            nonce: self.nonce.clone(),
            connection_id,
            credits,
            capabilities,
            settings,
            playback_refused,
        };
        self.state = State::Open(Heartbeat::new(now));
        self.pending.push_back(DeviceOutput::Send(DeviceMessage::Welcome(welcome)));
        self.on_timeout(now);
    }

    fn refuse(&mut self, reason: Reason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let refused = DeviceMessage::Refused { reason: reason.clone() };
        self.pending.push_back(DeviceOutput::Send(refused));
        self.close(Closed::Refused(reason));
    }

    fn on_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { until } | State::Greeted { until } if *until <= now => {
                self.close(Closed::NoGreeting);
            }
            State::Waiting { .. } | State::Greeted { .. } | State::Closed => {}
            State::Open(heartbeat) => match heartbeat.due(now) {
                Due::Nothing => {}
                Due::Ping { seq } => {
                    self.pending.push_back(DeviceOutput::Send(DeviceMessage::Ping { seq }));
                }
                Due::Lost => self.close(Closed::Lost),
            },
        }
    }

    fn close(&mut self, why: Closed) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            self.pending.push_back(DeviceOutput::Closed(why));
        }
    }
}
