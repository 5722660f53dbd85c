//! The session host's side of a link.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::heartbeat::{Due, Heartbeat};
use super::{Closed, GREETING_TIMEOUT, speaks_our_version, version_mismatch};
use crate::message::{DeviceMessage, Hello, HostMessage, Welcome};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum HostInput {
    /// A control message of the device arrived.
    Message(Box<DeviceMessage>),
    /// The deadline of [`HostOutput::WaitUntil`] passed. Feed what has arrived first.
    Timeout,
    /// The host ends the connection; the words are for the device's log.
    Goodbye { reason: String },
}

/// Something the caller must do now.
#[derive(Clone, Debug, PartialEq)]
pub enum HostOutput {
    Send(HostMessage),
    /// The device took the connection.
    Opened(Box<Welcome>),
    /// A message that is not the link's own business. Only while open.
    Deliver(DeviceMessage),
    /// Measured round trip of a ping.
    RoundTrip(Duration),
    /// Nothing follows; close the stream after everything has been sent.
    Closed(Closed),
    /// Nothing left to do before this instant. `None`: never again.
    WaitUntil(Option<Instant>),
}

/// The session host's side.
#[derive(Debug)]
pub struct HostLink {
    state: State,
    nonce: String,
    /// INVARIANT: empty whenever `poll` has returned `WaitUntil`.
    pending: VecDeque<HostOutput>,
}

#[derive(Debug)]
enum State {
    Greeting { until: Instant },
    Open(Heartbeat),
    Closed,
}

impl HostLink {
    /// Greets the device. `hello.nonce` must be fresh, and known to nobody else.
    pub fn new(now: Instant, hello: Hello) -> Self {
        let nonce = hello.nonce.clone();
        let pending = VecDeque::from([HostOutput::Send(HostMessage::Hello(hello))]);
        Self { state: State::Greeting { until: now + GREETING_TIMEOUT }, nonce, pending }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub fn handle(&mut self, now: Instant, input: HostInput) {
        match input {
            HostInput::Message(message) => self.on_message(now, *message),
            HostInput::Timeout => self.on_timeout(now),
            HostInput::Goodbye { reason } => {
                if self.is_open() {
                    let goodbye = HostMessage::Goodbye { reason: reason.clone() };
                    self.pending.push_back(HostOutput::Send(goodbye));
                }
                self.close(Closed::Goodbye(reason));
            }
        }
    }

    pub fn poll(&mut self) -> HostOutput {
        if let Some(output) = self.pending.pop_front() {
            return output;
        }
        HostOutput::WaitUntil(match &self.state {
            State::Greeting { until } => Some(*until),
            State::Open(heartbeat) => Some(heartbeat.deadline()),
            State::Closed => None,
        })
    }

    fn on_message(&mut self, now: Instant, message: DeviceMessage) {
        match &mut self.state {
            State::Closed => {}
            State::Greeting { .. } => match message {
                DeviceMessage::Welcome(welcome) => self.on_welcome(now, welcome),
                DeviceMessage::Refused { reason } => self.close(Closed::Refused(reason)),
                // Left over from an earlier connection on the same stream.
                _ => {}
            },
            State::Open(heartbeat) => {
                heartbeat.on_traffic(now);
                match message {
                    // An earlier greeting's answer: the one that counts has been here.
                    DeviceMessage::Welcome(_) => {}
                    DeviceMessage::Refused { reason } => self.close(Closed::Refused(reason)),
                    DeviceMessage::Goodbye { reason } => self.close(Closed::Goodbye(reason)),
                    DeviceMessage::Ping { seq } => {
                        self.pending.push_back(HostOutput::Send(HostMessage::Pong { seq }));
                    }
                    DeviceMessage::Pong { seq } => {
                        let round_trip = heartbeat.on_pong(now, seq);
                        self.pending.extend(round_trip.map(HostOutput::RoundTrip));
                    }
                    message => self.pending.push_back(HostOutput::Deliver(message)),
                }
            }
        }
    }

    fn on_welcome(&mut self, now: Instant, welcome: Welcome) {
        if welcome.nonce != self.nonce {
            return; // the answer to an earlier connection
        }
        if !speaks_our_version(welcome.protocol) {
            let reason = version_mismatch(crate::message::PROTOCOL_VERSION, welcome.protocol);
            return self.close(Closed::Refused(reason));
        }
        self.state = State::Open(Heartbeat::new(now));
        self.pending.push_back(HostOutput::Opened(Box::new(welcome)));
        self.on_timeout(now);
    }

    fn on_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Greeting { until } if *until <= now => self.close(Closed::NoGreeting),
            State::Greeting { .. } | State::Closed => {}
            State::Open(heartbeat) => match heartbeat.due(now) {
                Due::Nothing => {}
                Due::Ping { seq } => {
                    self.pending.push_back(HostOutput::Send(HostMessage::Ping { seq }));
                }
                Due::Lost => self.close(Closed::Lost),
            },
        }
    }

    fn close(&mut self, why: Closed) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            self.pending.push_back(HostOutput::Closed(why));
        }
    }
}
