//! The broker's core: many browsers with their pages on one side, one channel on the other.
//!
//! ```text
//!  on_browser ──▶ pages → players → logs ──▶ Scheduler ──▶ next_frame
//!  next_event ◀── translation of ids     ◀── on_device
//! ```
//!
//! Browsers, pages and players are the truth and survive every connection; what the device
//! knows of them is rebuilt on each new connection, and on each new stage of a page. Owner:
//! the broker's task. Pure: no I/O, time is an argument.
//!
//! INVARIANT: a browser reaches its own pages only; a number of the channel never names two
//! things, because pages get a new one each time they are opened on the device.
//! INVARIANT: everything that browsers make grow has a bound: pages, players, streams, and
//! the bytes of their logs.

mod browser;
mod desktop;
mod device;
mod feed;
mod ids;
mod model;
mod pages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use nearside_channel::extension::{ChannelState, HostEvent};
use nearside_channel::log::LogRing;
use nearside_channel::message::{PageId, Reason, ReasonCode, SessionPolicy, StreamId, Welcome};
use nearside_channel::scheduler::Scheduler;

use self::ids::StreamIds;
pub(crate) use self::model::BrowserId;
use self::model::{Page, PageKey, PlayerKey};
use crate::desktop::Desktop;

/// Most pages of all browsers together.
const MAX_PAGES: usize = 256;
/// Most players of a page.
const MAX_PLAYERS: usize = 64;
/// Bytes that one stream may keep.
const MAX_KEPT_STREAM: usize = 192 << 20;
/// Bytes that all streams together may keep.
const MAX_KEPT: usize = 512 << 20;

/// What does not change while the broker runs.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) host_version: &'static str,
    pub(crate) activity_id: String,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    identity: Identity,
    policy: SessionPolicy,
    ring: LogRing,
    browsers: BTreeMap<BrowserId, Browser>,
    pages: BTreeMap<PageKey, Page>,
    /// Which player a browser's stream belongs to.
    streams: BTreeMap<(BrowserId, StreamId), PlayerKey>,
    /// `None` while there is no device.
    device: Option<Device>,
    /// Why there is none.
    absent: Option<Reason>,
    events: VecDeque<(BrowserId, Event)>,
    /// Rises with each player, so that the oldest is known.
    players_opened: u64,
    /// Of the session's desktop, the lowest first.
    desktop: Desktop,
    /// Since the last [`Session::take_demand`] a device would have been of new use.
    demand: bool,
}

/// What a browser is told.
#[derive(Debug)]
pub(crate) enum Event {
    Say(Box<HostEvent>),
    /// Nothing more: its port is to be closed.
    Close,
}

#[derive(Debug, Default)]
struct Browser {
    greeted: bool,
    extension_version: String,
    /// Its own process and those around it, see [`crate::desktop::Page`].
    processes: Vec<u32>,
    /// Line of the log at which the collection under way began.
    collecting_since: Option<u64>,
    /// Characters of media that were read, and that it has not been told of.
    taken: usize,
    /// It has ended a collection, and the device's part of it is still to come.
    awaits_logs: bool,
}

/// The open connection.
#[derive(Debug)]
struct Device {
    welcome: Welcome,
    scheduler: Scheduler,
    pages: BTreeMap<PageId, PageKey>,
    streams: BTreeMap<StreamId, (PlayerKey, StreamId)>,
    next_page: u32,
    stream_ids: StreamIds,
}

/// What the device must not be told, because it broke the rules or stands still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error(transparent)]
    Credit(#[from] nearside_channel::stream::CreditError),
    #[error("the channel does not move")]
    Clogged,
}

impl Session {
    pub(crate) fn new(identity: Identity, policy: SessionPolicy, ring: LogRing) -> Self {
        Self {
            identity,
            policy,
            ring,
            browsers: BTreeMap::new(),
            pages: BTreeMap::new(),
            streams: BTreeMap::new(),
            device: None,
            absent: None,
            events: VecDeque::new(),
            players_opened: 0,
            desktop: Desktop::default(),
            demand: false,
        }
    }

    /// A port was opened; nothing is said to it before its hello.
    pub(crate) fn browser_came(&mut self, browser: BrowserId) {
        self.browsers.insert(browser, Browser::default());
    }

    /// A port was closed: everything of it ends.
    pub(crate) fn browser_gone(&mut self, browser: BrowserId) {
        self.browsers.remove(&browser);
        self.close_pages_of(browser);
        self.events.retain(|(other, _)| *other != browser);
    }

    /// The next thing to tell a browser.
    pub(crate) fn next_event(&mut self) -> Option<(BrowserId, Event)> {
        self.events.pop_front()
    }

    /// Whether a browser is there that a device would be of use to.
    pub(crate) fn wants_device(&self) -> bool {
        self.browsers.values().any(|browser| browser.greeted)
    }

    /// Ports, open or still greeting.
    pub(crate) fn browser_count(&self) -> usize {
        self.browsers.len()
    }

    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Bytes of all logs.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.pages.values().map(Page::kept_bytes).sum()
    }

    pub(crate) fn policy(&self) -> &SessionPolicy {
        &self.policy
    }

    /// The session host's policy, read again. Whether it has changed: then it holds from the
    /// next greeting on, which is up to the caller.
    pub(crate) fn set_policy(&mut self, policy: SessionPolicy) -> bool {
        let changed = self.policy != policy;
        self.policy = policy;
        if changed && self.device.is_none() {
            self.tell_state();
        }
        changed
    }

    /// Whether a page or browser came since the last call that a device would be of use to.
    pub(crate) fn take_demand(&mut self) -> bool {
        std::mem::take(&mut self.demand)
    }

    /// Why there is no device, or why it does not play.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match &self.device {
            None => self.absent.clone(),
            Some(_) => self.blocked(),
        }
    }

    /// Version of the extension for the greeting: of the browser that came last.
    pub(crate) fn extension_version(&self) -> String {
        let last = self.browsers.values().rev().find(|browser| browser.greeted);
        last.map(|browser| browser.extension_version.clone()).unwrap_or_default()
    }

    /// There is no device now, and why.
    pub(crate) fn no_device(&mut self, reason: Option<Reason>) {
        let had = self.device.take().is_some();
        for page in self.pages.values_mut() {
            page.forget_device();
        }
        if had || self.absent != reason {
            self.absent = reason;
            self.tell_state();
        }
    }

    /// When [`Session::on_time`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.device.as_ref()?;
        let retries = self.pages.values().filter_map(Page::retry_at);
        retries.chain(self.pictures_due()).min()
    }

    /// Opens pages again whose time has come, and takes pages at their last word.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub(crate) fn on_time(&mut self, now: Instant) -> Result<(), DeviceError> {
        let due: Vec<_> = self
            .pages
            .iter()
            .filter(|(_, page)| page.retry_at().is_some_and(|at| at <= now))
            .map(|(key, _)| *key)
            .collect();
        due.into_iter().try_for_each(|key| self.open_on_device(key))?;
        self.settle_pictures(now)
    }

    /// The channel's state as browsers see it.
    pub(crate) fn state(&self) -> ChannelState {
        let mut state = ChannelState {
            reason: self.reason(),
            host_version: self.identity.host_version.to_owned(),
            activity_id: self.identity.activity_id.clone(),
            policy: self.policy.clone(),
            ..ChannelState::default()
        };
        if let Some(Device { welcome, .. }) = &self.device {
            state.connected = true;
            state.client_version.clone_from(&welcome.client_version);
            state.connection_id.clone_from(&welcome.connection_id);
            state.capabilities = welcome.capabilities.clone();
            state.settings = welcome.settings;
        }
        state
    }

    /// Why nothing is played on the device although it is there.
    fn blocked(&self) -> Option<Reason> {
        if self.policy.disable_playback == Some(true) {
            return Some(Reason::new(
                ReasonCode::Policy,
                "Video playback redirection is off, because the session host's policy fDisableCam says so.",
                "Ask the administrator of the session host.",
            ));
        }
        let welcome = &self.device.as_ref()?.welcome;
        // A pause ends with a change of settings; every other refusal holds for the connection.
        let refused = welcome.playback_refused.clone();
        let refused = refused.filter(|reason| reason.code != ReasonCode::PausedByUser);
        refused.or_else(|| {
            welcome.settings.paused.then(|| {
                Reason::new(
                    ReasonCode::PausedByUser,
                    "Redirection is paused on this device.",
                    "Resume it in the Nearside panel.",
                )
            })
        })
    }

    fn tell_state(&mut self) {
        let greeted: Vec<_> = self
            .browsers
            .iter()
            .filter(|(_, browser)| browser.greeted)
            .map(|(id, _)| *id)
            .collect();
        for browser in greeted {
            self.tell(browser, HostEvent::Channel(self.state()));
        }
    }

    fn tell(&mut self, browser: BrowserId, event: HostEvent) {
        if self.browsers.contains_key(&browser) {
            self.events.push_back((browser, Event::Say(Box::new(event))));
        }
    }
}

/// Before a page whose stage died is opened again; after the last only a new connection does.
const RETRIES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// A stage that lived so long starts with the first of [`RETRIES`] again.
const STABLE_AFTER: Duration = Duration::from_secs(120);
