//! One channel: greeting, credits, pages and their stages. The task owns all of it.
//!
//! Everything that arrives is hostile: it is framed, credited and validated before anything
//! else sees it, and a violation ends the connection with its reason in the log.

mod logs;
mod playback;
mod rdp_file;
mod spare;
mod stages;
mod streams;

use super::AgentOptions;
use super::endpoint::{Arrival, peer_pid};
use super::hub::{ConnectionId, GlobalPage, Hub, Order, Update, unix_ms};
use super::page::{MAX_PLAYERS, Page};
use super::stage;
use nearside::stage_link::ToStage;
use nearside::status::{Session, Severity};
use nearside_channel::codec;
use nearside_channel::link::{Acceptance, DeviceInput, DeviceLink, DeviceOutput};
use nearside_channel::message::{
    DeviceMessage, DeviceSettings, Hello, HostMessage, PageId, PlayerCommand, PlayerEvent,
    PlayerId, Reason, ReasonCode, StreamId,
};
use nearside_channel::plugin::ConnectionFacts;
use nearside_channel::policy::{Inputs, Playback};
use nearside_channel::stream::{CREDITS, Inflow};
use nearside_channel::wire::{Frame, FrameReader, Kind};
use spare::Spare;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use streams::StreamEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;

/// Pages of one connection, each with a process of its own.
const MAX_PAGES: usize = 16;

/// Control frames that may wait for the transport. Credits and states are small; a transport
/// that does not move for this many is as good as lost.
const OUTBOX: usize = 512;

/// Between two pings to a stage, and how many it may miss before it counts as hung.
const STAGE_PING: Duration = Duration::from_secs(2);
const STAGE_MISSES: u32 = 3;

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);
static NEXT_PAGE: AtomicU32 = AtomicU32::new(1);

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the transport closed")]
    Eof,
    #[error("the transport failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the transport does not take what is sent")]
    Clogged,
    #[error("{0}")]
    Link(nearside_channel::link::Closed),
    #[error("protocol violation: {0}")]
    Violation(String),
    #[error("the agent ends")]
    Asked,
}

/// Serves one channel until it ends, then ends its stages.
pub(super) async fn run(arrival: Arrival, hub: Hub, options: AgentOptions) {
    let Arrival { stream, early, facts } = arrival;
    let id = ConnectionId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed));
    let pid = peer_pid(&stream);
    let client = facts.as_ref().map_or("", |facts| facts.client.as_str());
    tracing::info!(connection = id.0, pid, client, "channel opened");
    let (reader, writer) = stream.into_split();
    let (outbox, queued) = mpsc::channel(OUTBOX);
    let mut writing = tokio::spawn(write(writer, queued));
    let (stage_events, from_stages) = mpsc::channel(256);
    let mut connection = Connection {
        id,
        hub: hub.clone(),
        options,
        facts,
        inputs: Inputs::default(),
        playback: Playback::On,
        link: DeviceLink::new(Instant::now()),
        outbox,
        stage_events,
        settings: hub.status().settings,
        logs_since: 0,
        pages: BTreeMap::new(),
        spare: None,
        streams: BTreeMap::new(),
        inflow: Inflow::new(false),
        received_bytes: 0,
        round_trip_ms: None,
        announced: false,
        orders: None,
    };
    let end = connection.serve(&early, reader, from_stages).await;
    match &end {
        End::Violation(_) | End::Clogged => tracing::warn!(connection = id.0, %end, "channel ends"),
        _ => tracing::info!(connection = id.0, %end, "channel ends"),
    }
    if let End::Violation(detail) = &end {
        let reason = Reason::new(
            ReasonCode::ProtocolViolation,
            format!("The session sent something that is not allowed: {detail}."),
            "The connection was closed and pages play in the session. Update both sides.",
        );
        hub.notice(Severity::Error, reason).await;
    }
    connection.drop_pages().await;
    connection.end_spare().await;
    drop(connection);
    // What is queued (a refusal) still goes out, but a peer that does not read cannot hold us.
    if tokio::time::timeout(Duration::from_millis(500), &mut writing).await.is_err() {
        writing.abort();
    }
    hub.report(Update::Disconnected { id }).await;
}

async fn write(mut writer: OwnedWriteHalf, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

struct Connection {
    id: ConnectionId,
    hub: Hub,
    options: AgentOptions,
    /// The RDP client that shows the session; `None` when no plugin brought the channel.
    facts: Option<ConnectionFacts>,
    /// What the sources of policy say.
    inputs: Inputs,
    playback: Playback,
    link: DeviceLink,
    outbox: mpsc::Sender<Vec<u8>>,
    stage_events: mpsc::Sender<(GlobalPage, stage::Event)>,
    settings: DeviceSettings,
    /// Line of the log at which the collection under way began.
    logs_since: u64,
    pages: BTreeMap<PageId, Page>,
    /// For the next page.
    spare: Option<Spare>,
    streams: BTreeMap<StreamId, StreamEntry>,
    inflow: Inflow,
    received_bytes: u64,
    round_trip_ms: Option<f64>,
    announced: bool,
    orders: Option<mpsc::Receiver<Order>>,
}

impl Connection {
    async fn serve(
        &mut self,
        early: &[u8],
        mut reader: tokio::net::unix::OwnedReadHalf,
        mut from_stages: mpsc::Receiver<(GlobalPage, stage::Event)>,
    ) -> End {
        let mut frames = FrameReader::default();
        let mut buffer = vec![0; 64 << 10];
        let mut stage_ping = Instant::now() + STAGE_PING;
        if let Err(end) = self.on_bytes(&mut frames, early).await {
            return end;
        }
        loop {
            let wait = match self.drain_link().await {
                Ok(wait) => wait,
                Err(end) => return end,
            };
            let pinging = !self.pages.is_empty();
            let spare_until = self.spare_until();
            let orders = &mut self.orders;
            let result = tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(0) => Err(End::Eof),
                    Ok(count) => {
                        let chunk = buffer.get(..count).unwrap_or_default();
                        self.on_bytes(&mut frames, chunk).await
                    }
                    Err(error) => Err(error.into()),
                },
                Some((page, event)) = from_stages.recv() => self.on_stage(page, event).await,
                Some(order) = next_order(orders) => self.on_order(order).await,
                () = sleep_until(wait) => {
                    self.link.handle(Instant::now(), DeviceInput::Timeout);
                    Ok(())
                }
                () = sleep_until(spare_until) => {
                    self.end_spare().await;
                    Ok(())
                }
                () = sleep_until(Some(stage_ping)), if pinging => {
                    stage_ping = Instant::now() + STAGE_PING;
                    self.ping_stages().await
                }
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn on_bytes(&mut self, frames: &mut FrameReader, mut chunk: &[u8]) -> Result<(), End> {
        loop {
            match frames.next_frame(&mut chunk) {
                Ok(Some(frame)) => self.on_frame(frame).await?,
                Ok(None) => return Ok(()),
                Err(error) => return Err(End::Violation(error.to_string())),
            }
        }
    }

    async fn on_frame(&mut self, frame: Frame<'_>) -> Result<(), End> {
        let now = Instant::now();
        if frame.kind() == Kind::Control {
            let message = codec::decode_host(&frame.body)
                .map_err(|error| End::Violation(error.to_string()))?;
            self.link.handle(now, DeviceInput::Message(message));
            self.drain_link().await?;
            return Ok(());
        }
        self.link.handle(now, DeviceInput::Traffic);
        if !self.link.is_open() {
            self.drain_link().await?;
            return Ok(());
        }
        self.on_media(now, &frame)
    }

    /// Carries out what the link asks for; when to call it again.
    async fn drain_link(&mut self) -> Result<Option<Instant>, End> {
        loop {
            match self.link.poll() {
                DeviceOutput::Send(message) => self.send(&message)?,
                DeviceOutput::Greeted(hello) => self.on_hello(*hello).await,
                DeviceOutput::Deliver(message) => self.on_message(message).await?,
                DeviceOutput::RoundTrip(time) => {
                    self.inflow.round_trip(time);
                    self.round_trip_ms = Some(time.as_secs_f64() * 1e3);
                    self.report_session().await;
                }
                DeviceOutput::Closed(closed) => return Err(End::Link(closed)),
                DeviceOutput::WaitUntil(until) => return Ok(until),
            }
        }
    }

    async fn on_hello(&mut self, hello: Hello) {
        self.drop_pages().await;
        // What it was told of the connection may be untrue now.
        self.end_spare().await;
        self.inflow = Inflow::new(hello.services.iter().any(|service| service == "credits"));
        let connection_id = format!("{:x}-{:x}", unix_ms(), self.id.0);
        let (orders, receive) = mpsc::channel(64);
        self.orders = Some(receive);
        let session = Session {
            name: hello.session_name.clone(),
            connected_unix_ms: unix_ms(),
            host_version: hello.host_version.clone(),
            extension_version: hello.extension_version.clone(),
            activity_id: hello.activity_id.clone(),
            connection_id: connection_id.clone(),
            ..Session::default()
        };
        self.hub.report(Update::Connected { id: self.id, session, orders }).await;
        self.announced = true;
        self.settings = self.hub.status().settings;
        if let (Some(facts), Some(desktop)) = (&mut self.facts, hello.desktop) {
            // The host sees the desktop as it is now, the client as it was asked for.
            facts.desktop = Some(desktop);
        }
        let (session, device) = (hello.policy.clone(), self.options.policy);
        let connection = rdp_file::properties(self.facts.as_ref()).await;
        self.inputs = Inputs { session, connection, device, ..Inputs::default() };
        let playback_refused = self.weigh().await;
        let acceptance = Acceptance {
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            connection_id,
            credits: CREDITS,
            capabilities: playback::capabilities(),
            settings: self.settings,
            playback_refused,
        };
        self.link.handle(Instant::now(), DeviceInput::Accept(Box::new(acceptance)));
        self.keep_spare().await;
    }

    async fn on_message(&mut self, message: HostMessage) -> Result<(), End> {
        match message {
            HostMessage::PageOpen { page, site, title } => self.open_page(page, site, title).await,
            HostMessage::PageClose { page } => {
                self.close_page(page).await;
                self.keep_spare().await;
                Ok(())
            }
            HostMessage::Player { page, player, command } => {
                self.on_player(page, player, command).await
            }
            HostMessage::Switch { switch, on } => {
                self.hub.report(Update::Switch { switch, on }).await;
                Ok(())
            }
            HostMessage::CollectLogs { start } => self.collect_logs(start),
            // The link's own business.
            HostMessage::Hello(_)
            | HostMessage::Ping { .. }
            | HostMessage::Pong { .. }
            | HostMessage::Goodbye { .. } => Ok(()),
        }
    }

    async fn open_page(&mut self, id: PageId, site: String, title: String) -> Result<(), End> {
        if self.pages.contains_key(&id) {
            return Err(End::Violation(format!("page {} is open already", id.0)));
        }
        let refused = if self.settings.paused {
            Some(paused())
        } else if MAX_PAGES <= self.pages.len() {
            Some(Reason::new(
                ReasonCode::LimitReached,
                format!("{MAX_PAGES} pages are redirected already."),
                "Close one of them and reload this page.",
            ))
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.send(&DeviceMessage::PageFailed { page: id, reason });
        }
        let started = self.spare.take().map_or_else(|| self.start_stage(false), Ok);
        match started {
            Ok(Spare { global, stage, adapter, .. }) => {
                if stage.send(&ToStage::Page { title: title.clone() }).is_err() {
                    stage.kill();
                }
                let pid = stage.pid;
                self.pages.insert(id, Page::new(global, site, title, stage));
                self.hub.report(Update::ProcessStarted { role: "stage", pid }).await;
                adapter.map_or(Ok(()), |adapter| self.page_ready(id, &adapter))
            }
            Err(reason) => {
                self.hub.notice(Severity::Error, reason.clone()).await;
                self.send(&DeviceMessage::PageFailed { page: id, reason })
            }
        }
    }

    async fn on_player(
        &mut self,
        page_id: PageId,
        player: PlayerId,
        command: PlayerCommand,
    ) -> Result<(), End> {
        self.book_streams(page_id, player, &command)?;
        let Some(page) = self.pages.get_mut(&page_id) else {
            // A refused or closed page: the refusal is on its way to the host.
            return Ok(());
        };
        let command = match playback::checked(self.playback, command) {
            Ok(command) => command,
            Err(reason) => return self.refuse_player(page_id, player, reason),
        };
        if matches!(command, PlayerCommand::Open { .. }) && MAX_PLAYERS <= page.players.len() {
            let reason = Reason::new(
                ReasonCode::LimitReached,
                format!("This page plays {MAX_PLAYERS} videos on the device already."),
                "This one plays in the session.",
            );
            return self.refuse_player(page_id, player, reason);
        }
        if let PlayerCommand::AddStream { stream, .. } = &command
            && let Some(entry) = self.streams.get_mut(stream)
        {
            entry.to_stage = page.players.contains_key(&player);
            if !entry.to_stage {
                return Ok(());
            }
        }
        let global = page.global;
        let changed = page.on_command(player, &command);
        let closed = matches!(command, PlayerCommand::Close);
        if closed {
            page.players.remove(&player);
        }
        if let Some(stage) = &page.stage
            && stage.send(&ToStage::Player { player, command }).is_err()
        {
            stage.kill();
        }
        if closed {
            let player = Some(player);
            self.hub.report(Update::ItemGone { id: self.id, page: global, player }).await;
        } else if changed {
            self.report_item(page_id, player).await;
        }
        Ok(())
    }

    fn refuse_player(&self, page: PageId, player: PlayerId, reason: Reason) -> Result<(), End> {
        let event = PlayerEvent::Failed { reason, position_micros: 0 };
        self.send(&DeviceMessage::Player { page, player, event })
    }

    async fn on_order(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Settings(settings) => {
                self.settings = settings;
                let of_pages = self.pages.values().filter_map(|page| page.stage.as_ref());
                for stage in of_pages.chain(self.spare.as_ref().map(|spare| &spare.stage)) {
                    if stage.send(&ToStage::Settings(settings)).is_err() {
                        stage.kill();
                    }
                }
                self.weigh().await;
                if settings.paused {
                    self.pause().await?;
                }
                self.send(&DeviceMessage::Settings(settings))
            }
            Order::Steer { page, player, command } => {
                let owner = self.pages.iter().find(|(_, candidate)| candidate.global == page);
                match owner {
                    // The page owns its state: it carries the wish out as if it came from itself.
                    Some((id, _)) => {
                        let page = *id;
                        self.send(&DeviceMessage::Steer { page, player, command })
                    }
                    None => Ok(()),
                }
            }
            Order::Screenshot { page, path, answer } => {
                let page = self.pages.values_mut().find(|candidate| candidate.global == page);
                if let Some(page) = page
                    && let Some(stage) = &page.stage
                    && stage.send(&ToStage::Screenshot { path }).is_ok()
                {
                    page.screenshot = Some(answer);
                }
                Ok(())
            }
            Order::End => Err(End::Asked),
        }
    }

    async fn close_page(&mut self, id: PageId) {
        self.remove_streams(id, None);
        let Some(page) = self.pages.remove(&id) else { return };
        let pid = page.stage.as_ref().map(|stage| stage.pid);
        let page_gone = Update::ItemGone { id: self.id, page: page.global, player: None };
        // Dropping the stage closes its input, which ends it.
        drop(page);
        self.hub.report(page_gone).await;
        if let Some(pid) = pid {
            self.hub.report(Update::ProcessEnded { pid }).await;
        }
    }

    async fn drop_pages(&mut self) {
        let ids: Vec<_> = self.pages.keys().copied().collect();
        for id in ids {
            self.close_page(id).await;
        }
    }

    async fn report_item(&self, page: PageId, player: PlayerId) {
        let item = self.pages.get(&page).and_then(|page| page.players.get(&player));
        if let Some(item) = item {
            self.hub.report(Update::Item { id: self.id, item: Box::new(item.clone()) }).await;
        }
    }

    async fn report_session(&self) {
        let (round_trip_ms, received_bytes) = (self.round_trip_ms, self.received_bytes);
        self.hub.report(Update::Session { id: self.id, round_trip_ms, received_bytes }).await;
    }

    fn send(&self, message: &DeviceMessage) -> Result<(), End> {
        let mut frame = Vec::new();
        if let Err(error) = codec::encode_device(message, &mut frame) {
            // A stage made it: what the host would refuse is not passed on.
            tracing::warn!(%error, "a message was out of bounds and was dropped");
            return Ok(());
        }
        self.outbox.try_send(frame).map_err(|_| End::Clogged)
    }
}

fn paused() -> Reason {
    Reason::new(
        ReasonCode::PausedByUser,
        "Redirection is paused on this device.",
        "Resume it in the Nearside panel.",
    )
}

async fn next_order(orders: &mut Option<mpsc::Receiver<Order>>) -> Option<Order> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
