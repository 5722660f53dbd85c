//! What browsers say. Everything in it is hostile until it is checked here.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use nearside_channel::extension::{
    EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent, MAX_PIECE, TAKEN_STEP,
};
use nearside_channel::message::{
    DeviceMessage, HostMessage, PageId, PlayerCommand, Reason, ReasonCode, StreamCommand, StreamId,
    TimeRange,
};
use nearside_channel::stream::MAX_STREAMS;
use nearside_channel::validate::{self, Invalid, clipped};

use super::model::{Page, Player, PlayerKey, Stream};
use super::{
    BrowserId, Device, DeviceError, Event, MAX_KEPT, MAX_KEPT_STREAM, MAX_PAGES, MAX_PLAYERS,
    Session,
};

/// What an extension may not say. Its port is closed.
#[derive(Debug, thiserror::Error)]
enum Violation {
    #[error("something before its greeting")]
    NotGreeted,
    #[error("another greeting")]
    GreetedTwice,
    #[error("protocol version {0}")]
    Version(u32),
    #[error("a value out of bounds: {0}")]
    Invalid(#[from] Invalid),
    #[error("media that is not base64 or longer than {MAX_PIECE} bytes")]
    Media,
    #[error("a stream twice")]
    StreamTwice,
    /// Not the browser's fault.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl Session {
    /// Takes a browser's message.
    ///
    /// # Errors
    /// The connection to the device is of no use any more. What the browser did wrong is
    /// answered to it.
    pub(crate) fn on_browser(
        &mut self,
        browser: BrowserId,
        message: ExtensionMessage,
        now: Instant,
    ) -> Result<(), DeviceError> {
        match self.obey(browser, message, now) {
            Ok(()) => Ok(()),
            Err(Violation::Device(error)) => Err(error),
            Err(violation) => {
                self.refuse(browser, &violation);
                Ok(())
            }
        }
    }

    /// Closes the port of a browser whose bytes are no messages.
    pub(crate) fn refuse_unreadable(&mut self, browser: BrowserId) {
        self.refuse_with(browser, ReasonCode::ProtocolViolation, "sent what is no message");
    }

    fn refuse(&mut self, browser: BrowserId, violation: &Violation) {
        let code = match violation {
            Violation::Version(_) => ReasonCode::VersionMismatch,
            _ => ReasonCode::ProtocolViolation,
        };
        self.refuse_with(browser, code, &format!("sent {violation}"));
    }

    fn refuse_with(&mut self, browser: BrowserId, code: ReasonCode, what: &str) {
        tracing::warn!(browser = browser.0, what, "a browser is refused");
        let reason = Reason::new(
            code,
            format!("The Nearside extension {what}."),
            "Update Nearside in this session: extension and host belong together.",
        );
        self.tell(browser, HostEvent::Refused { reason });
        self.browsers.remove(&browser);
        self.close_pages_of(browser);
        self.events.push_back((browser, Event::Close));
    }

    fn obey(
        &mut self,
        id: BrowserId,
        message: ExtensionMessage,
        now: Instant,
    ) -> Result<(), Violation> {
        // Refused already: what was under way is read no more.
        let Some(browser) = self.browsers.get(&id) else { return Ok(()) };
        if !browser.greeted && !matches!(message, ExtensionMessage::Hello { .. }) {
            return Err(Violation::NotGreeted);
        }
        match message {
            ExtensionMessage::Hello { protocol, extension_version, browser } => {
                self.greet(id, protocol, &extension_version, &browser)
            }
            ExtensionMessage::PageOpen { page, site, title } => {
                self.open_page(id, page, &site, &title)
            }
            ExtensionMessage::PageClose { page } => Ok(self.drop_page((id, page))?),
            ExtensionMessage::Player { page, player, command } => {
                self.on_player((id, page, player), command, now)
            }
            ExtensionMessage::Stream { page: _, stream, command } => {
                self.on_stream(id, stream, command)
            }
            ExtensionMessage::Media { stream, data } => {
                self.on_media(id, stream, &data)?;
                self.count_taken(id, data.len());
                Ok(())
            }
            ExtensionMessage::Buffered { stream, seq, buffered } => {
                self.on_buffered(id, stream, seq, buffered)
            }
            ExtensionMessage::CollectLogs { start } => Ok(self.collect_logs(id, start)?),
            ExtensionMessage::Switch { switch, on } => match self.device_with("switches") {
                Some(device) => Ok(device.push(&HostMessage::Switch { switch, on })?),
                None => Ok(()),
            },
        }
    }

    fn greet(
        &mut self,
        id: BrowserId,
        protocol: u32,
        extension_version: &str,
        name: &str,
    ) -> Result<(), Violation> {
        if protocol != EXTENSION_PROTOCOL_VERSION {
            return Err(Violation::Version(protocol));
        }
        let Some(browser) = self.browsers.get_mut(&id) else { return Ok(()) };
        if browser.greeted {
            return Err(Violation::GreetedTwice);
        }
        let name = clipped(name, validate::MAX_NAME);
        let version = clipped(extension_version, validate::MAX_NAME);
        tracing::info!(browser = id.0, name, version, "a browser came");
        browser.greeted = true;
        browser.extension_version = version.to_owned();
        self.demand = true;
        let state = self.state();
        self.tell(id, HostEvent::Channel(state));
        Ok(())
    }

    fn open_page(
        &mut self,
        id: BrowserId,
        page: PageId,
        site: &str,
        title: &str,
    ) -> Result<(), Violation> {
        self.drop_page((id, page))?;
        if MAX_PAGES <= self.pages.len() {
            let reason = Reason::new(
                ReasonCode::LimitReached,
                format!("{MAX_PAGES} pages of this session are redirected already."),
                "Close one of them and reload this page.",
            );
            let message = DeviceMessage::PageFailed { page, reason };
            self.tell(id, HostEvent::Device { message });
            return Ok(());
        }
        let site = clipped(site, validate::MAX_SITE).to_owned();
        let title = clipped(title, validate::MAX_TITLE).to_owned();
        self.pages.insert((id, page), Page::new(site, title));
        self.demand = true;
        Ok(self.open_on_device((id, page))?)
    }

    fn on_player(
        &mut self,
        key: PlayerKey,
        command: PlayerCommand,
        now: Instant,
    ) -> Result<(), Violation> {
        let (id, page_id, player_id) = key;
        let message = HostMessage::Player { page: page_id, player: player_id, command };
        validate::host_message(&message)?;
        let HostMessage::Player { command, .. } = message else { return Ok(()) };
        let Some(page) = self.pages.get_mut(&(id, page_id)) else { return Ok(()) };
        if let PlayerCommand::Open { kind, source } = command {
            let is_new = !page.players.contains_key(&player_id);
            if is_new && MAX_PLAYERS <= page.players.len() {
                let reason = limit(format!("This page has {MAX_PLAYERS} players already."));
                return Ok(self.fail_player(key, reason)?);
            }
            self.close_player(key)?;
            self.players_opened += 1;
            let player = Player::new(kind, source, self.players_opened);
            if let Some(page) = self.pages.get_mut(&(id, page_id)) {
                page.players.insert(player_id, player);
            }
            return Ok(self.open_player(key)?);
        }
        let channel = page.channel_id();
        let Some(player) = page.players.get_mut(&player_id) else { return Ok(()) };
        if player.failed && !matches!(command, PlayerCommand::Close) {
            return Ok(());
        }
        match command {
            PlayerCommand::Close => {
                self.close_player(key)?;
                if let Some(page) = self.pages.get_mut(&(id, page_id)) {
                    page.players.remove(&player_id);
                }
                Ok(())
            }
            PlayerCommand::AddStream { stream, mime } => {
                if self.streams.contains_key(&(id, stream)) {
                    return Err(Violation::StreamTwice);
                }
                if MAX_STREAMS <= self.streams.len() {
                    let reason =
                        limit(format!("This session has {MAX_STREAMS} media streams already."));
                    return Ok(self.fail_player(key, reason)?);
                }
                player.streams.insert(stream, Stream::new(&mime));
                self.streams.insert((id, stream), key);
                Ok(self.open_stream(key, stream)?)
            }
            PlayerCommand::RemoveStream { stream } => {
                // A stream of another player is not this one's to remove.
                if self.streams.get(&(id, stream)) == Some(&key) {
                    self.drop_stream(key, stream, true)?;
                }
                Ok(())
            }
            command => {
                if let PlayerCommand::Duration { duration_micros } = command {
                    player.duration_micros = Some(duration_micros);
                }
                if let PlayerCommand::Layout(layout) = command {
                    return Ok(self.on_layout(key, layout, now)?);
                }
                match (&mut self.device, channel) {
                    (Some(device), Some(page)) => Ok(device.player(page, player_id, command)?),
                    // The page says it all again once its stage is ready.
                    _ => Ok(()),
                }
            }
        }
    }

    fn on_stream(
        &mut self,
        id: BrowserId,
        stream_id: StreamId,
        command: StreamCommand,
    ) -> Result<(), Violation> {
        validate::stream_command(&command)?;
        let Some((key, stream)) = self.stream(id, stream_id) else { return Ok(()) };
        if let Err(error) = stream.order.command(&command) {
            return Ok(self.fail_player(key, out_of_order(&error))?);
        }
        stream.log.command(command);
        self.bound_kept(key, stream_id)
    }

    fn on_media(
        &mut self,
        id: BrowserId,
        stream_id: StreamId,
        data: &str,
    ) -> Result<(), Violation> {
        if MAX_PIECE.div_ceil(3) * 4 < data.len() {
            return Err(Violation::Media);
        }
        let Some((key, stream)) = self.stream(id, stream_id) else { return Ok(()) };
        let media = STANDARD.decode(data).map_err(|_| Violation::Media)?;
        if media.is_empty() {
            return Ok(());
        }
        if let Err(error) = stream.order.media(media.len()) {
            return Ok(self.fail_player(key, out_of_order(&error))?);
        }
        stream.log.media(Bytes::from(media));
        self.bound_kept(key, stream_id)
    }

    fn count_taken(&mut self, id: BrowserId, length: usize) {
        let Some(browser) = self.browsers.get_mut(&id) else { return };
        browser.taken += length;
        if TAKEN_STEP <= browser.taken
            && let Ok(length) = u32::try_from(std::mem::take(&mut browser.taken))
        {
            self.tell(id, HostEvent::Taken { length });
        }
    }

    fn on_buffered(
        &mut self,
        id: BrowserId,
        stream_id: StreamId,
        seq: u32,
        buffered: Vec<TimeRange>,
    ) -> Result<(), Violation> {
        let message = nearside_channel::message::StreamEvent::Removed { buffered };
        let message =
            DeviceMessage::Stream { page: PageId(0), stream: StreamId(1), event: message };
        validate::device_message(&message)?;
        let DeviceMessage::Stream { event, .. } = message else { return Ok(()) };
        let nearside_channel::message::StreamEvent::Removed { buffered } = event else {
            return Ok(());
        };
        if let Some((_, stream)) = self.stream(id, stream_id) {
            stream.log.buffered(seq, buffered);
        }
        Ok(())
    }

    /// A stream that is known; one of a closed player is not.
    fn stream(&mut self, id: BrowserId, stream: StreamId) -> Option<(PlayerKey, &mut Stream)> {
        let key = *self.streams.get(&(id, stream))?;
        let page = self.pages.get_mut(&(key.0, key.1))?;
        Some((key, page.players.get_mut(&key.2)?.streams.get_mut(&stream)?))
    }

    /// Comes back within the bounds of what is kept.
    fn bound_kept(&mut self, key: PlayerKey, stream_id: StreamId) -> Result<(), Violation> {
        if let Some((_, stream)) = self.stream(key.0, stream_id)
            && MAX_KEPT_STREAM < stream.log.bytes()
        {
            stream.log.shed();
            if MAX_KEPT_STREAM < stream.log.bytes() {
                self.fail_player(key, too_much_kept())?;
            }
        }
        while MAX_KEPT < self.kept_bytes() {
            let players = self.pages.iter().flat_map(|((browser, page), entry)| {
                let players = entry.players.iter();
                players.map(|(player, entry)| ((*browser, *page, *player), entry))
            });
            let oldest =
                players.filter(|(_, player)| 0 < player.kept_bytes()).min_by_key(|(_, p)| p.number);
            let Some((key, _)) = oldest else { return Ok(()) };
            self.fail_player(key, too_much_kept())?;
        }
        Ok(())
    }

    fn collect_logs(&mut self, id: BrowserId, start: bool) -> Result<(), DeviceError> {
        let has_logs = self.device_with("logs").is_some();
        let Some(browser) = self.browsers.get_mut(&id) else { return Ok(()) };
        if start {
            browser.collecting_since = Some(self.ring.end());
        } else {
            browser.awaits_logs = has_logs;
            let since = browser.collecting_since.take().unwrap_or(0);
            let lines = self.ring.since(since);
            self.tell(id, HostEvent::Logs { lines });
        }
        match self.device_with("logs") {
            Some(device) => device.push(&HostMessage::CollectLogs { start }),
            None => Ok(()),
        }
    }

    /// The device, if it takes the messages of this service.
    fn device_with(&mut self, service: &str) -> Option<&mut Device> {
        let device = self.device.as_mut()?;
        let services = &device.welcome.capabilities.services;
        services.iter().any(|it| it == service).then_some(device)
    }
}

fn limit(message: String) -> Reason {
    Reason::new(ReasonCode::LimitReached, message, "This one plays in the session.")
}

fn too_much_kept() -> Reason {
    Reason::new(
        ReasonCode::BufferFull,
        "The session host keeps as much media as it may.",
        "This one plays in the session; reload the page to try again.",
    )
}

fn out_of_order(error: &nearside_channel::stream::AppendError) -> Reason {
    Reason::new(
        ReasonCode::ProtocolViolation,
        format!("The Nearside extension broke the order of a stream: {error}."),
        "This one plays in the session; reload the page to try again.",
    )
}
