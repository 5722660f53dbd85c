//! Pages on the device: opened with everything they hold, closed, opened again.

use nearside_channel::extension::HostEvent;
use nearside_channel::message::{
    DeviceMessage, HostMessage, PageId, PlayerCommand, PlayerEvent, PlayerId, Reason, StreamId,
};
use nearside_channel::scheduler::{Class, PushError};
use nearside_channel::stream::MAX_STREAMS;

use super::model::{PageKey, PlayerKey, Stage};
use super::{BrowserId, Device, DeviceError, Session};

impl Session {
    /// Announces a page with its players and starts their logs anew; or says why not.
    pub(super) fn open_on_device(&mut self, key: PageKey) -> Result<(), DeviceError> {
        let blocked = self.blocked();
        let (Some(device), Some(page)) = (&mut self.device, self.pages.get_mut(&key)) else {
            return Ok(());
        };
        page.stage = Stage::None;
        if let Some(reason) = blocked {
            let message = DeviceMessage::PageFailed { page: key.1, reason };
            self.tell(key.0, HostEvent::Device { message });
            return Ok(());
        }
        let id = PageId(device.next_page);
        device.next_page = device.next_page.wrapping_add(1);
        let (site, title) = (page.site.clone(), page.title.clone());
        device.push(&HostMessage::PageOpen { page: id, site, title })?;
        device.pages.insert(id, key);
        page.stage = Stage::Open(id);
        let players: Vec<PlayerId> =
            page.players.iter().filter(|(_, player)| !player.failed).map(|(id, _)| *id).collect();
        players.into_iter().try_for_each(|player| self.open_player((key.0, key.1, player)))
    }

    /// Announces a player and its streams, if its page is open on the device.
    pub(super) fn open_player(&mut self, key: PlayerKey) -> Result<(), DeviceError> {
        let (browser, page_id, player_id) = key;
        let Some(page) = self.pages.get(&(browser, page_id)) else { return Ok(()) };
        let (Some(device), Some(channel), Some(player)) =
            (&mut self.device, page.channel_id(), page.players.get(&player_id))
        else {
            return Ok(());
        };
        let (kind, source) = (player.kind, player.source.clone());
        device.player(channel, player_id, PlayerCommand::Open { kind, source })?;
        if let Some(duration_micros) = player.duration_micros {
            device.player(channel, player_id, PlayerCommand::Duration { duration_micros })?;
        }
        let streams: Vec<StreamId> = player.streams.keys().copied().collect();
        streams.into_iter().try_for_each(|stream| self.open_stream(key, stream))
    }

    /// Announces a stream and starts its log anew, if its page is open on the device.
    pub(super) fn open_stream(
        &mut self,
        key: PlayerKey,
        stream_id: StreamId,
    ) -> Result<(), DeviceError> {
        let (browser, page_id, player_id) = key;
        let Some(page) = self.pages.get_mut(&(browser, page_id)) else { return Ok(()) };
        let (Some(device), Some(channel)) = (&mut self.device, page.channel_id()) else {
            return Ok(());
        };
        let streams = page.players.get_mut(&player_id).map(|player| &mut player.streams);
        let Some(stream) = streams.and_then(|streams| streams.get_mut(&stream_id)) else {
            return Ok(());
        };
        // Streams of all browsers are at most as many as the channel has.
        let Some(id) = device.stream_ids.take(MAX_STREAMS) else { return Ok(()) };
        stream.log.rewind();
        stream.channel = Some(id);
        device.streams.insert(id, (key, stream_id));
        let mime = stream.log.mime().to_owned();
        let class =
            if mime.trim_start().starts_with("audio/") { Class::Audio } else { Class::Video };
        device.player(channel, player_id, PlayerCommand::AddStream { stream: id, mime })?;
        device.scheduler.open(id, class)?;
        Ok(())
    }

    /// Takes a page from the device; it is remembered.
    pub(super) fn close_on_device(&mut self, key: PageKey) -> Result<(), DeviceError> {
        let Some(page) = self.pages.get_mut(&key) else { return Ok(()) };
        let channel = page.channel_id();
        page.stage = Stage::None;
        for stream in page.players.values_mut().flat_map(|player| player.streams.values_mut()) {
            if let (Some(device), Some(id)) = (&mut self.device, stream.channel.take()) {
                device.drop_stream(id);
            }
        }
        match (&mut self.device, channel) {
            (Some(device), Some(page)) => {
                device.pages.remove(&page);
                device.push(&HostMessage::PageClose { page })
            }
            _ => Ok(()),
        }
    }

    /// Forgets a stream and takes it from the device. `announced`: by itself, not with its
    /// player.
    pub(super) fn drop_stream(
        &mut self,
        key: PlayerKey,
        stream_id: StreamId,
        announced: bool,
    ) -> Result<(), DeviceError> {
        let (browser, page_id, player_id) = key;
        self.streams.remove(&(browser, stream_id));
        let Some(page) = self.pages.get_mut(&(browser, page_id)) else { return Ok(()) };
        let channel = page.channel_id();
        let player = page.players.get_mut(&player_id);
        let stream = player.and_then(|player| player.streams.remove(&stream_id));
        let id = stream.and_then(|stream| stream.channel);
        if let (Some(device), Some(id)) = (&mut self.device, id) {
            device.drop_stream(id);
            if let (true, Some(channel)) = (announced, channel) {
                let command = PlayerCommand::RemoveStream { stream: id };
                return device.player(channel, player_id, command);
            }
        }
        Ok(())
    }

    /// Takes a player from the device and frees its logs.
    pub(super) fn close_player(&mut self, key: PlayerKey) -> Result<(), DeviceError> {
        let (browser, page_id, player_id) = key;
        let Some(page) = self.pages.get(&(browser, page_id)) else { return Ok(()) };
        let channel = page.channel_id();
        let Some(player) = page.players.get(&player_id) else { return Ok(()) };
        let was_open = !player.failed;
        let streams: Vec<StreamId> = player.streams.keys().copied().collect();
        for stream in streams {
            self.drop_stream(key, stream, false)?;
        }
        match (&mut self.device, channel) {
            (Some(device), Some(channel)) if was_open => {
                device.player(channel, player_id, PlayerCommand::Close)
            }
            _ => Ok(()),
        }
    }

    /// The host cannot go on with a player: it plays natively for good.
    pub(super) fn fail_player(
        &mut self,
        key: PlayerKey,
        reason: Reason,
    ) -> Result<(), DeviceError> {
        let (browser, page, player) = key;
        self.close_player(key)?;
        let entry = self.pages.get_mut(&(browser, page));
        if let Some(entry) = entry.and_then(|page| page.players.get_mut(&player)) {
            entry.failed = true;
        }
        tracing::warn!(code = ?reason.code, "a player goes back to the session");
        let event = PlayerEvent::Failed { reason, position_micros: 0 };
        let message = DeviceMessage::Player { page, player, event };
        self.tell(browser, HostEvent::Device { message });
        Ok(())
    }

    /// Forgets a page and takes it from the device.
    pub(super) fn drop_page(&mut self, key: PageKey) -> Result<(), DeviceError> {
        let result = self.close_on_device(key);
        self.pages.remove(&key);
        self.streams.retain(|_, (browser, page, _)| (*browser, *page) != key);
        result
    }

    pub(super) fn close_pages_of(&mut self, browser: BrowserId) {
        let keys: Vec<_> =
            self.pages.keys().filter(|(owner, _)| *owner == browser).copied().collect();
        for key in keys {
            if self.drop_page(key).is_err() {
                // The connection will be found to stand still.
                tracing::debug!("a page could not be taken from the device");
            }
        }
    }
}

impl Device {
    /// Queues a control message.
    pub(super) fn push(&mut self, message: &HostMessage) -> Result<(), DeviceError> {
        match self.scheduler.push_control(message) {
            Ok(()) => Ok(()),
            Err(PushError::Encode(error)) => {
                // It was checked when it came; what slips through concerns only itself.
                tracing::warn!(%error, "a message was out of bounds and was dropped");
                Ok(())
            }
            Err(_) => Err(DeviceError::Clogged),
        }
    }

    pub(super) fn player(
        &mut self,
        page: PageId,
        player: PlayerId,
        command: PlayerCommand,
    ) -> Result<(), DeviceError> {
        self.push(&HostMessage::Player { page, player, command })
    }

    fn drop_stream(&mut self, id: StreamId) {
        self.scheduler.remove(id);
        self.streams.remove(&id);
        self.stream_ids.free(id);
    }
}
