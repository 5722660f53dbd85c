//! The owner of the status. Tasks report [`Update`]s, everyone else watches snapshots.

use super::settings;
use nearside::status::{
    Item, MAX_NOTICES, Notice, PolicyValue, Process, Session, Severity, Status,
};
use nearside_channel::log::LogRing;
use nearside_channel::message::{DeviceSettings, DeviceSwitch, PlayerCommand, PlayerId, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};

/// Updates that may wait; senders wait when it is full.
const UPDATES: usize = 256;

/// One connected channel, unique in the life of this agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

/// A page, unique over all connections of this agent: what status and commands call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GlobalPage(pub(super) u32);

/// What the hub tells a connection.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Settings(DeviceSettings),
    Steer {
        page: GlobalPage,
        player: PlayerId,
        command: PlayerCommand,
    },
    /// `answer` gets what went wrong, or `None`.
    Screenshot {
        page: GlobalPage,
        path: String,
        answer: mpsc::Sender<Option<Reason>>,
    },
    End,
}

/// What tasks report.
pub(super) enum Update {
    Connected {
        id: ConnectionId,
        session: Session,
        orders: mpsc::Sender<Order>,
    },
    Disconnected {
        id: ConnectionId,
    },
    Session {
        id: ConnectionId,
        round_trip_ms: Option<f64>,
        received_bytes: u64,
    },
    Policy {
        id: ConnectionId,
        policy: Vec<PolicyValue>,
        /// Why nothing is played.
        blocked: Option<Reason>,
    },
    Item {
        id: ConnectionId,
        item: Box<Item>,
    },
    ItemGone {
        id: ConnectionId,
        page: GlobalPage,
        player: Option<PlayerId>,
    },
    Notice {
        severity: Severity,
        reason: Reason,
    },
    ProcessStarted {
        role: &'static str,
        pid: u32,
    },
    ProcessEnded {
        pid: u32,
    },
    Settings(DeviceSettings),
    /// From the session.
    Switch {
        switch: DeviceSwitch,
        on: bool,
    },
    Order(Order),
    ShutDown {
        done: tokio::sync::oneshot::Sender<()>,
    },
}

/// A handle to the hub.
#[derive(Clone)]
pub(super) struct Hub {
    updates: mpsc::Sender<Update>,
    status: watch::Receiver<Arc<Status>>,
    /// Lines of the agent and its stages.
    pub(super) logs: LogRing,
}

impl Hub {
    pub(super) async fn report(&self, update: Update) {
        // Fails only while the agent ends.
        let _ = self.updates.send(update).await;
    }

    pub(super) async fn notice(&self, severity: Severity, reason: Reason) {
        self.report(Update::Notice { severity, reason }).await;
    }

    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// Ends all connections with their stages, and waits for them.
    pub(super) async fn shut_down(&self) {
        let (done, ended) = tokio::sync::oneshot::channel();
        self.report(Update::ShutDown { done }).await;
        let _ = tokio::time::timeout(Duration::from_secs(3), ended).await;
    }
}

/// The hub's handle, and the task to run.
pub(super) fn start(settings: DeviceSettings, logs: LogRing) -> (Hub, impl Future<Output = ()>) {
    let (updates, received) = mpsc::channel(UPDATES);
    let status = Status {
        client_version: env!("CARGO_PKG_VERSION").to_owned(),
        settings,
        processes: vec![Process { role: "agent".to_owned(), pid: std::process::id() }],
        ..Status::default()
    };
    let (publish, watching) = watch::channel(Arc::new(status.clone()));
    let state = State { status, connections: BTreeMap::new(), ending: None };
    (Hub { updates, status: watching, logs }, run(state, received, publish))
}

struct Connection {
    session: Session,
    blocked: Option<Reason>,
    orders: mpsc::Sender<Order>,
    items: BTreeMap<(GlobalPage, PlayerId), Item>,
}

struct State {
    status: Status,
    connections: BTreeMap<ConnectionId, Connection>,
    ending: Option<tokio::sync::oneshot::Sender<()>>,
}

async fn run(
    mut state: State,
    mut updates: mpsc::Receiver<Update>,
    publish: watch::Sender<Arc<Status>>,
) {
    while let Some(update) = updates.recv().await {
        state.apply(update);
        // What has queued up meanwhile becomes one snapshot.
        while let Ok(update) = updates.try_recv() {
            state.apply(update);
        }
        if state.refresh() {
            publish.send_replace(Arc::new(state.status.clone()));
        }
    }
}

impl State {
    fn apply(&mut self, update: Update) {
        match update {
            Update::Connected { id, session, orders } => {
                let items = BTreeMap::new();
                self.connections.insert(id, Connection { session, blocked: None, orders, items });
                if self.ending.is_some() {
                    self.order(id, Order::End);
                }
            }
            Update::Disconnected { id } => {
                self.connections.remove(&id);
                if self.connections.is_empty()
                    && let Some(done) = self.ending.take()
                {
                    let _ = done.send(());
                }
            }
            Update::Session { id, round_trip_ms, received_bytes } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.session.round_trip_ms = round_trip_ms;
                    connection.session.received_bytes = received_bytes;
                }
            }
            Update::Policy { id, policy, blocked } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.blocked = blocked;
                    connection.session.policy = policy;
                }
            }
            Update::Item { id, item } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    let key = (GlobalPage(item.page), PlayerId(item.player));
                    connection.items.insert(key, *item);
                }
            }
            Update::ItemGone { id, page, player } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.items.retain(|(of_page, of_player), _| {
                        *of_page != page || player.is_some_and(|player| player != *of_player)
                    });
                }
            }
            Update::Notice { severity, reason } => self.notice(severity, reason),
            Update::ProcessStarted { role, pid } => {
                // A spare stage that is a page's from now on has been here before.
                self.status.processes.retain(|process| process.pid != pid);
                self.status.processes.push(Process { role: role.to_owned(), pid });
            }
            Update::ProcessEnded { pid } => {
                self.status.processes.retain(|process| process.pid != pid);
            }
            Update::Settings(settings) => self.set_settings(settings),
            Update::Switch { switch, on } => {
                let mut settings = self.status.settings;
                switch.set(&mut settings, on);
                if settings != self.status.settings {
                    self.set_settings(settings);
                }
            }
            Update::Order(order) => {
                let ids: Vec<_> = self.connections.keys().copied().collect();
                for id in ids {
                    self.order(id, order.clone());
                }
            }
            Update::ShutDown { done } => {
                if self.connections.is_empty() {
                    let _ = done.send(());
                    return;
                }
                self.ending = Some(done);
                let ids: Vec<_> = self.connections.keys().copied().collect();
                for id in ids {
                    self.order(id, Order::End);
                }
            }
        }
    }

    fn set_settings(&mut self, settings: DeviceSettings) {
        self.status.settings = settings;
        if let Err(error) = settings::save(&settings) {
            self.notice(
                Severity::Warning,
                Reason::new(
                    nearside_channel::message::ReasonCode::LimitReached,
                    format!("The settings could not be saved: {error}."),
                    "They hold until Nearside ends. Check that the settings folder is writable.",
                ),
            );
        }
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.order(id, Order::Settings(settings));
        }
    }

    /// Never waits: a connection that does not take orders is about to end anyway.
    fn order(&self, id: ConnectionId, order: Order) {
        if let Some(connection) = self.connections.get(&id)
            && connection.orders.try_send(order).is_err()
        {
            tracing::warn!(connection = id.0, "a connection does not take orders");
        }
    }

    fn notice(&mut self, severity: Severity, reason: Reason) {
        let notices = &mut self.status.notices;
        // The same thing again is one line with the newer time.
        notices.retain(|notice| notice.reason != reason);
        if MAX_NOTICES <= notices.len() {
            notices.remove(0);
        }
        notices.push(Notice { unix_ms: unix_ms(), severity, reason });
    }

    /// Builds the parts that derive from connections; true when the snapshot changed.
    fn refresh(&mut self) -> bool {
        let newest = self.connections.values().next_back();
        let session = newest.map(|connection| connection.session.clone());
        let blocked = newest.and_then(|connection| connection.blocked.clone());
        let items: Vec<Item> =
            self.connections.values().flat_map(|c| c.items.values().cloned()).collect();
        let next = Status { session, blocked, items, ..self.status.clone() };
        self.status = next;
        self.status.revision += 1;
        true
    }
}

/// Now, in Unix milliseconds.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
