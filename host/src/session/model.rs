//! What the broker remembers of pages, independent of any device.

use std::collections::BTreeMap;
use std::time::Instant;

use nearside_channel::message::{PageId, PlayerId, PlayerKind, Source, StreamId};
use nearside_channel::stream::AppendAssembler;

use crate::desktop::Picture;
use crate::kept::Log;

/// One port of a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BrowserId(pub(crate) u64);

/// A page by the browser's own number.
pub(super) type PageKey = (BrowserId, PageId);

/// A player by the browser's own numbers.
pub(super) type PlayerKey = (BrowserId, PageId, PlayerId);

#[derive(Debug)]
pub(super) struct Page {
    pub(super) site: String,
    pub(super) title: String,
    pub(super) players: BTreeMap<PlayerId, Player>,
    pub(super) stage: Stage,
    /// Stages in a row that died.
    pub(super) failures: usize,
    /// When its present stage was ready.
    pub(super) ready_at: Option<Instant>,
}

/// Where the page is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nowhere, and nothing is due.
    None,
    /// Announced under this number of the channel.
    Open(PageId),
    /// To be announced again then.
    RetryAt(Instant),
}

#[derive(Debug)]
pub(super) struct Player {
    pub(super) kind: PlayerKind,
    pub(super) source: Source,
    /// As the page said last; `None`: nothing was said.
    pub(super) duration_micros: Option<Option<i64>>,
    pub(super) streams: BTreeMap<StreamId, Stream>,
    /// Rises from player to player.
    pub(super) number: u64,
    /// It plays natively for good: what still comes for it is ignored.
    pub(super) failed: bool,
    /// Where it is on the desktop, once the page has said so.
    pub(super) picture: Option<Picture>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) log: Log,
    pub(super) order: AppendAssembler,
    /// Its number on the channel, while its page is open there.
    pub(super) channel: Option<StreamId>,
}

impl Page {
    pub(super) fn new(site: String, title: String) -> Self {
        Self {
            site,
            title,
            players: BTreeMap::new(),
            stage: Stage::None,
            failures: 0,
            ready_at: None,
        }
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.players.values().map(Player::kept_bytes).sum()
    }

    pub(super) fn channel_id(&self) -> Option<PageId> {
        match self.stage {
            Stage::Open(id) => Some(id),
            Stage::None | Stage::RetryAt(_) => None,
        }
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::RetryAt(at) => Some(at),
            Stage::None | Stage::Open(_) => None,
        }
    }

    /// The connection is gone; the next one starts with a clean slate.
    pub(super) fn forget_device(&mut self) {
        self.stage = Stage::None;
        self.failures = 0;
        self.ready_at = None;
        for stream in self.players.values_mut().flat_map(|player| player.streams.values_mut()) {
            stream.channel = None;
        }
    }
}

impl Player {
    pub(super) fn new(kind: PlayerKind, source: Source, number: u64) -> Self {
        let streams = BTreeMap::new();
        Self { kind, source, duration_micros: None, streams, number, failed: false, picture: None }
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.streams.values().map(|stream| stream.log.bytes()).sum()
    }
}

impl Stream {
    pub(super) fn new(mime: &str) -> Self {
        Self { log: Log::new(mime), order: AppendAssembler::default(), channel: None }
    }
}
