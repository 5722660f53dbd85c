//! What the device says. Checked by the codec; here it meets the pages it is about.

use std::collections::BTreeMap;
use std::time::Instant;

use nearside_channel::extension::HostEvent;
use nearside_channel::message::{
    DeviceMessage, PageId, PlayerCommand, PlayerEvent, PlayerId, Reason, ReasonCode, Welcome,
};
use nearside_channel::scheduler::Scheduler;

use super::feed::STREAM_QUEUE;
use super::ids::StreamIds;
use super::model::{Page, PageKey, Stage};
use super::{BrowserId, Device, DeviceError, RETRIES, STABLE_AFTER, Session};

impl Session {
    /// The device took the connection: everything is given to it.
    ///
    /// # Errors
    /// The connection is of no use.
    pub(crate) fn opened(&mut self, welcome: Welcome) -> Result<(), DeviceError> {
        self.absent = None;
        self.device = Some(Device {
            scheduler: Scheduler::new(welcome.credits, STREAM_QUEUE),
            welcome,
            pages: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_page: 1,
            stream_ids: StreamIds::new(),
        });
        self.tell_state();
        self.open_all()
    }

    /// Takes a message of the device.
    ///
    /// # Errors
    /// It broke the rules.
    pub(crate) fn on_device(
        &mut self,
        message: DeviceMessage,
        now: Instant,
    ) -> Result<(), DeviceError> {
        match message {
            DeviceMessage::Credit { stream, bytes } => {
                if let Some(device) = &mut self.device {
                    device.scheduler.grant(stream, bytes)?;
                }
                Ok(())
            }
            DeviceMessage::Credits(limits) => {
                if let Some(device) = &mut self.device {
                    device.scheduler.raise(limits);
                }
                Ok(())
            }
            DeviceMessage::Settings(settings) => {
                let was_blocked = self.blocked().is_some();
                if let Some(device) = &mut self.device {
                    device.welcome.settings = settings;
                }
                self.tell_state();
                if was_blocked && self.blocked().is_none() {
                    return self.open_all();
                }
                Ok(())
            }
            DeviceMessage::PageReady { page } => {
                if let Some(key) = self.page_of(page) {
                    if let Some(page) = self.pages.get_mut(&key) {
                        page.ready_at = Some(now);
                    }
                    self.pass_on(key, DeviceMessage::PageReady { page: key.1 });
                }
                Ok(())
            }
            DeviceMessage::PageFailed { page, reason } => match self.page_of(page) {
                Some(key) => self.page_failed(key, reason, now),
                None => Ok(()),
            },
            DeviceMessage::Player { page, player, event } => {
                let Some(key) = self.page_with(page, player) else { return Ok(()) };
                let failed = matches!(event, PlayerEvent::Failed { .. });
                self.pass_on(key, DeviceMessage::Player { page: key.1, player, event });
                if failed {
                    self.close_player((key.0, key.1, player))?;
                    let entry = self.pages.get_mut(&key);
                    if let Some(entry) = entry.and_then(|page| page.players.get_mut(&player)) {
                        entry.failed = true;
                    }
                }
                Ok(())
            }
            DeviceMessage::Stream { page, stream, event } => {
                let Some(key) = self.page_of(page) else { return Ok(()) };
                let streams = self.device.as_ref().map(|device| &device.streams);
                let owner = streams.and_then(|streams| streams.get(&stream)).copied();
                if let Some(((browser, page, _), stream)) = owner
                    && (browser, page) == key
                {
                    self.pass_on(key, DeviceMessage::Stream { page, stream, event });
                }
                Ok(())
            }
            DeviceMessage::Steer { page, player, command } => {
                // Only what a person can do at the controls of a player.
                let is_control = matches!(
                    command,
                    PlayerCommand::Play
                        | PlayerCommand::Pause
                        | PlayerCommand::Seek { .. }
                        | PlayerCommand::Rate { .. }
                        | PlayerCommand::Volume { .. }
                        | PlayerCommand::Loop { .. }
                );
                if let Some(key) = self.page_with(page, player).filter(|_| is_control) {
                    self.pass_on(key, DeviceMessage::Steer { page: key.1, player, command });
                }
                Ok(())
            }
            DeviceMessage::Logs { lines, last } => {
                let waiting = self.browsers.iter_mut().filter(|(_, browser)| browser.awaits_logs);
                let waiting: Vec<_> = waiting
                    .map(|(id, browser)| {
                        browser.awaits_logs = !last;
                        *id
                    })
                    .collect();
                for browser in waiting {
                    let message = DeviceMessage::Logs { lines: lines.clone(), last };
                    self.tell(browser, HostEvent::Device { message });
                }
                Ok(())
            }
            // The link's own business.
            DeviceMessage::Welcome(_)
            | DeviceMessage::Refused { .. }
            | DeviceMessage::Ping { .. }
            | DeviceMessage::Pong { .. }
            | DeviceMessage::Goodbye { .. } => Ok(()),
        }
    }

    /// A browser hears nothing and so plays by itself: its pages are taken from the device, and
    /// given to it again a little later, where they wait for the browser.
    ///
    /// # Errors
    /// The connection to the device is of no use any more.
    pub(crate) fn browser_stands_still(
        &mut self,
        browser: BrowserId,
        now: Instant,
    ) -> Result<(), DeviceError> {
        let of = |(key, page): (&PageKey, &Page)| {
            (key.0 == browser && page.channel_id().is_some()).then_some(*key)
        };
        let keys: Vec<_> = self.pages.iter().filter_map(of).collect();
        let reason = Reason::new(
            ReasonCode::StageUnavailable,
            "The browser did not answer.",
            "It plays in the session until the browser is back.",
        );
        keys.into_iter().try_for_each(|key| self.page_failed(key, reason.clone(), now))
    }

    /// The page's stage is gone or was refused: it is tried again, ever more slowly.
    fn page_failed(
        &mut self,
        key: PageKey,
        reason: Reason,
        now: Instant,
    ) -> Result<(), DeviceError> {
        self.close_on_device(key)?;
        if let Some(page) = self.pages.get_mut(&key) {
            let ready_at = page.ready_at.take();
            if ready_at.is_some_and(|at| STABLE_AFTER <= now.saturating_duration_since(at)) {
                page.failures = 0;
            }
            // A refusal by the user or by policy is no accident: it holds until they change.
            let is_decision = matches!(reason.code, ReasonCode::PausedByUser | ReasonCode::Policy);
            page.stage = match RETRIES.get(page.failures) {
                Some(wait) if !is_decision => Stage::RetryAt(now + *wait),
                _ => Stage::None,
            };
            page.failures += usize::from(!is_decision);
        }
        self.pass_on(key, DeviceMessage::PageFailed { page: key.1, reason });
        Ok(())
    }

    /// Gives the device all pages that it does not have.
    fn open_all(&mut self) -> Result<(), DeviceError> {
        let keys: Vec<_> = self
            .pages
            .iter()
            .filter(|(_, page)| page.channel_id().is_none())
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.open_on_device(key)?;
        }
        Ok(())
    }

    fn page_of(&self, page: PageId) -> Option<PageKey> {
        self.device.as_ref()?.pages.get(&page).copied()
    }

    /// The page of that number, if it has that player.
    fn page_with(&self, page: PageId, player: PlayerId) -> Option<PageKey> {
        let key = self.page_of(page)?;
        let player = self.pages.get(&key)?.players.get(&player)?;
        (!player.failed).then_some(key)
    }

    fn pass_on(&mut self, key: PageKey, message: DeviceMessage) {
        self.tell(key.0, HostEvent::Device { message });
    }
}
