//! Both link machines against each other, on virtual time.

use std::time::{Duration, Instant};

use nearside_channel::link::{
    Acceptance, Closed, DeviceInput, DeviceLink, DeviceOutput, GREETING_TIMEOUT, HostInput,
    HostLink, HostOutput, LOST_AFTER, PING_PERIOD,
};
use nearside_channel::message::*;

use crate::samples::{hello, welcome};

fn acceptance() -> Acceptance {
    let Welcome {
        client_version,
        connection_id,
        credits,
        capabilities,
        settings,
        playback_refused,
        ..
    } = welcome();
    Acceptance { client_version, connection_id, credits, capabilities, settings, playback_refused }
}

/// Both ends, a wire that takes `delay` each way, and a clock that moves only here.
struct Rig {
    host: HostLink,
    device: DeviceLink,
    start: Instant,
    now: Instant,
    delay: Duration,
    /// Cut: what is sent is lost.
    is_cut: bool,
    to_device: Vec<(Instant, HostMessage)>,
    to_host: Vec<(Instant, DeviceMessage)>,
    host_events: Vec<HostOutput>,
    device_events: Vec<DeviceOutput>,
    sent: usize,
}

impl Rig {
    fn new(hello: Hello, delay: Duration) -> Self {
        let now = Instant::now();
        Self {
            host: HostLink::new(now, hello),
            device: DeviceLink::new(now),
            start: now,
            now,
            delay,
            is_cut: false,
            to_device: Vec::new(),
            to_host: Vec::new(),
            host_events: Vec::new(),
            device_events: Vec::new(),
            sent: 0,
        }
    }

    fn open() -> Self {
        let mut rig = Self::new(hello(), Duration::from_millis(5));
        rig.run(Duration::from_millis(50));
        assert!(rig.host.is_open() && rig.device.is_open());
        rig.host_events.clear();
        rig.device_events.clear();
        rig
    }

    /// Runs until `duration` from now, from deadline to deadline.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let wake = self.drain();
            let arrivals = (self.to_device.iter().map(|(at, _)| *at))
                .chain(self.to_host.iter().map(|(at, _)| *at));
            match arrivals.chain(wake).min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            self.deliver();
            self.host.handle(self.now, HostInput::Timeout);
            self.device.handle(self.now, DeviceInput::Timeout);
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        let now = self.now;
        for (_, message) in self.to_device.extract_if(.., |(at, _)| *at <= now) {
            self.device.handle(now, DeviceInput::Message(message));
        }
        for (_, message) in self.to_host.extract_if(.., |(at, _)| *at <= now) {
            self.host.handle(now, HostInput::Message(Box::new(message)));
        }
    }

    /// Does what both ask for and returns when they want to be woken.
    fn drain(&mut self) -> Vec<Instant> {
        let mut wakes = Vec::new();
        let arrival = self.now + self.delay;
        loop {
            match self.host.poll() {
                HostOutput::WaitUntil(wake) => break wakes.extend(wake),
                HostOutput::Send(message) => {
                    self.sent += 1;
                    if !self.is_cut {
                        self.to_device.push((arrival, message));
                    }
                }
                event => self.host_events.push(event),
            }
        }
        loop {
            match self.device.poll() {
                DeviceOutput::WaitUntil(wake) => break wakes.extend(wake),
                DeviceOutput::Send(message) => {
                    self.sent += 1;
                    if !self.is_cut {
                        self.to_host.push((arrival, message));
                    }
                }
                DeviceOutput::Greeted(hello) => {
                    self.device_events.push(DeviceOutput::Greeted(hello));
                    self.device.handle(self.now, DeviceInput::Accept(Box::new(acceptance())));
                }
                event => self.device_events.push(event),
            }
        }
        wakes
    }
}

#[test]
fn opens_and_measures_the_round_trip() {
    let mut rig = Rig::new(hello(), Duration::from_millis(20));
    rig.run(Duration::from_millis(100));
    let round_trip = Duration::from_millis(40);
    assert_eq!(
        rig.host_events,
        [HostOutput::Opened(Box::new(welcome())), HostOutput::RoundTrip(round_trip)]
    );
    assert_eq!(
        rig.device_events,
        [DeviceOutput::Greeted(Box::new(hello())), DeviceOutput::RoundTrip(round_trip)]
    );
}

#[test]
fn an_idle_link_costs_a_heartbeat_a_second() {
    let mut rig = Rig::open();
    let sent = rig.sent;
    rig.run(60 * PING_PERIOD);
    // A ping and a pong each way.
    assert_eq!(rig.sent - sent, 4 * 60);
    assert!(rig.host.is_open() && rig.device.is_open());
}

#[test]
fn both_ends_notice_a_cut_after_three_seconds() {
    let mut rig = Rig::open();
    rig.is_cut = true;
    // What is under way still arrives, and then nothing.
    rig.run(LOST_AFTER - Duration::from_millis(100));
    assert!(rig.host.is_open() && rig.device.is_open());
    rig.run(Duration::from_millis(200));
    assert!(!rig.host.is_open() && !rig.device.is_open());
    assert_eq!(rig.host_events.last(), Some(&HostOutput::Closed(Closed::Lost)));
    assert_eq!(rig.device_events.last(), Some(&DeviceOutput::Closed(Closed::Lost)));
    assert_eq!(rig.host.poll(), HostOutput::WaitUntil(None));
    assert_eq!(rig.device.poll(), DeviceOutput::WaitUntil(None));
}

#[test]
fn a_machine_that_stood_still_does_not_lose_the_other_side() {
    let mut rig = Rig::open();
    for _ in 0..3 {
        // Both ends on one machine; the clocks go on, and the timers fire before anything is read.
        rig.now += 4 * LOST_AFTER;
        rig.host.handle(rig.now, HostInput::Timeout);
        rig.device.handle(rig.now, DeviceInput::Timeout);
        rig.run(2 * PING_PERIOD);
        assert!(rig.host.is_open() && rig.device.is_open());
    }
    // Whose other side has really gone notices when it would have.
    rig.now += 4 * LOST_AFTER;
    rig.is_cut = true;
    rig.host.handle(rig.now, HostInput::Timeout);
    rig.device.handle(rig.now, DeviceInput::Timeout);
    rig.run(LOST_AFTER);
    assert!(!rig.host.is_open() && !rig.device.is_open());
}

#[test]
fn media_keeps_the_device_from_giving_up() {
    let mut rig = Rig::open();
    rig.is_cut = true;
    for _ in 0..20 {
        rig.run(Duration::from_millis(500));
        rig.device.handle(rig.now, DeviceInput::Traffic);
    }
    assert!(rig.device.is_open());
}

#[test]
fn another_version_is_refused_in_words() {
    let old = Hello { protocol: PROTOCOL_VERSION + 1, ..hello() };
    let mut rig = Rig::new(old, Duration::ZERO);
    rig.run(PING_PERIOD);
    let reason = Reason::new(
        ReasonCode::VersionMismatch,
        "The session host speaks protocol version 2, the device version 1.",
        "Update Nearside on the device.",
    );
    assert_eq!(rig.host_events, [HostOutput::Closed(Closed::Refused(reason.clone()))]);
    assert_eq!(rig.device_events, [DeviceOutput::Closed(Closed::Refused(reason))]);
}

#[test]
fn a_welcome_of_another_version_is_refused_too() {
    let now = Instant::now();
    let mut host = HostLink::new(now, hello());
    let other = Welcome { protocol: 0, ..welcome() };
    host.handle(now, HostInput::Message(Box::new(DeviceMessage::Welcome(other))));
    assert!(matches!(host.poll(), HostOutput::Send(HostMessage::Hello(_))));
    let HostOutput::Closed(Closed::Refused(reason)) = host.poll() else { panic!("not refused") };
    assert_eq!(reason.code, ReasonCode::VersionMismatch);
}

#[test]
fn the_device_may_refuse() {
    let now = Instant::now();
    let mut device = DeviceLink::new(now);
    device.handle(now, DeviceInput::Message(HostMessage::Hello(hello())));
    assert!(matches!(device.poll(), DeviceOutput::Greeted(_)));
    let busy = Reason::new(ReasonCode::Busy, "Another session is connected.", "End it first.");
    device.handle(now, DeviceInput::Refuse(busy.clone()));
    assert_eq!(device.poll(), DeviceOutput::Send(DeviceMessage::Refused { reason: busy.clone() }));
    assert_eq!(device.poll(), DeviceOutput::Closed(Closed::Refused(busy)));
    device.handle(now, DeviceInput::Accept(Box::new(acceptance())));
    assert_eq!(device.poll(), DeviceOutput::WaitUntil(None));
}

#[test]
fn another_nonce_is_a_new_connection() {
    let mut rig = Rig::open();
    // Asked of the old connection, never answered to the new one.
    rig.device.handle(rig.now, DeviceInput::Message(HostMessage::Ping { seq: 77 }));
    let again = Hello { nonce: "another nonce".to_owned(), ..hello() };
    rig.device.handle(rig.now, DeviceInput::Message(HostMessage::Hello(again.clone())));
    assert_eq!(rig.device.poll(), DeviceOutput::Greeted(Box::new(again)));
    assert!(!rig.device.is_open());
    rig.device.handle(rig.now, DeviceInput::Accept(Box::new(acceptance())));
    let DeviceOutput::Send(DeviceMessage::Welcome(welcome)) = rig.device.poll() else {
        panic!("no welcome")
    };
    assert_eq!(welcome.nonce, "another nonce");
    // The host that asked with the first nonce takes no answer to the other.
    let mut host = HostLink::new(rig.now, hello());
    host.handle(rig.now, HostInput::Message(Box::new(DeviceMessage::Welcome(welcome))));
    assert!(!host.is_open());
}

#[test]
fn the_same_hello_twice_is_one_connection() {
    let mut rig = Rig::open();
    rig.device.handle(rig.now, DeviceInput::Message(HostMessage::Hello(hello())));
    assert!(rig.device.is_open());
    assert!(matches!(rig.device.poll(), DeviceOutput::WaitUntil(Some(_))));
}

#[test]
fn nothing_passes_before_the_greeting() {
    let now = Instant::now();
    let early = [
        DeviceInput::Message(HostMessage::Ping { seq: 0 }),
        DeviceInput::Message(HostMessage::PageClose { page: PageId(1) }),
        DeviceInput::Traffic,
    ];
    for input in early {
        let mut device = DeviceLink::new(now);
        device.handle(now, input);
        let closed = device.poll();
        assert!(matches!(closed, DeviceOutput::Closed(Closed::OutOfOrder { .. })), "{closed:?}");
    }
    // To the host it is what an earlier connection left in the stream.
    let mut host = HostLink::new(now, hello());
    host.handle(now, HostInput::Message(Box::new(DeviceMessage::PageReady { page: PageId(1) })));
    assert!(matches!(host.poll(), HostOutput::Send(HostMessage::Hello(_))));
    assert_eq!(host.poll(), HostOutput::WaitUntil(Some(now + GREETING_TIMEOUT)));
}

#[test]
fn silence_instead_of_a_greeting() {
    let mut rig = Rig::new(hello(), Duration::ZERO);
    rig.is_cut = true;
    rig.run(GREETING_TIMEOUT);
    assert_eq!(rig.host_events, [HostOutput::Closed(Closed::NoGreeting)]);
    assert_eq!(rig.device_events, [DeviceOutput::Closed(Closed::NoGreeting)]);
}

#[test]
fn everything_else_is_delivered() {
    let mut rig = Rig::open();
    let close = HostMessage::PageClose { page: PageId(4) };
    rig.to_device.push((rig.now, close.clone()));
    let ready = DeviceMessage::PageReady { page: PageId(4) };
    rig.to_host.push((rig.now, ready.clone()));
    rig.run(Duration::from_millis(1));
    assert_eq!(rig.device_events, [DeviceOutput::Deliver(close)]);
    assert_eq!(rig.host_events, [HostOutput::Deliver(ready)]);
}

#[test]
fn a_device_that_is_gone_is_known_before_its_silence() {
    let mut rig = Rig::open();
    let reason = "the agent is gone".to_owned();
    rig.to_host.push((rig.now, DeviceMessage::Goodbye { reason: reason.clone() }));
    rig.run(Duration::from_millis(1));
    assert_eq!(rig.host_events, [HostOutput::Closed(Closed::Goodbye(reason))]);
}

#[test]
fn goodbye_is_said_and_heard() {
    let mut rig = Rig::open();
    let reason = "browser closed".to_owned();
    rig.host.handle(rig.now, HostInput::Goodbye { reason: reason.clone() });
    rig.run(Duration::from_millis(50));
    assert_eq!(rig.host_events, [HostOutput::Closed(Closed::Goodbye(reason.clone()))]);
    assert_eq!(rig.device_events, [DeviceOutput::Closed(Closed::Goodbye(reason))]);
    assert!(rig.now < rig.start + PING_PERIOD);
}

#[test]
fn pongs_that_nobody_asked_for_measure_nothing() {
    let mut rig = Rig::open();
    for seq in [0, 999, u32::MAX] {
        rig.host.handle(rig.now, HostInput::Message(Box::new(DeviceMessage::Pong { seq })));
    }
    assert!(matches!(rig.host.poll(), HostOutput::WaitUntil(Some(_))));
}
