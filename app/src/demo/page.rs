//! The demo's page: a media element and its SourceBuffers as a streaming page would drive them.
//!
//! It appends one segment at a time to each SourceBuffer and waits for the device's answer, as
//! players wait for `updateend`; it keeps half a minute ahead, seeks inside what is buffered
//! without appending, and falls back when the device cannot go on. Owner of the wish to play:
//! the panel's buttons arrive as messages and are carried out here.

use super::actions::Action;
use super::feeder::{Facts, Feeder};
use super::remux::TIMESTAMP_LEAD_MICROS;
use super::transport::Transport;
use bytes::Bytes;
use nearside_channel::message::{
    DeviceMessage, HostMessage, PageId, PlaybackState, PlayerCommand, PlayerEvent, PlayerId,
    PlayerKind, Reason, ReasonCode, Source, StreamCommand, StreamEvent, StreamId, TimeRange,
};
use std::collections::VecDeque;
use std::time::Instant;

/// Media kept ahead of the position.
const GOAL_MICROS: i64 = 30_000_000;

/// Segments read ahead of what has been appended, for each track.
const READ_AHEAD: usize = 4;

/// How often the page goes back to the device after a failure.
const MAX_REOPENED: u32 = 3;

/// How often a gap at a seek target is forgiven: decoding begins at the next picture.
const SEEK_SLACK_MICROS: i64 = 100_000;

struct Track {
    id: StreamId,
    is_video: bool,
    pending: VecDeque<Bytes>,
    /// The rest of the append under way.
    current: Bytes,
    /// Bytes of the append under way, to append them again when the buffer was full.
    appending: Option<(u32, Bytes)>,
    last: Bytes,
    buffered: Vec<TimeRange>,
    until_micros: i64,
    /// The position at which a full buffer is tried again.
    full_until_micros: Option<i64>,
    abort_next: bool,
    ended: bool,
}

/// What the page wants and has seen.
pub(crate) struct Page {
    transport: Transport,
    feeder: Feeder,
    facts: Facts,
    site: String,
    title: String,
    page: PageId,
    player: PlayerId,
    tracks: Vec<Track>,
    next_stream: u16,
    next_seq: u32,
    next_token: u32,
    wants_play: bool,
    rate: (f64, bool),
    volume: (f64, bool),
    looping: bool,
    corrupt_next: bool,
    end_of_file: bool,
    reopened: u32,
    opened_at: Instant,
    pub(crate) stage_ready_ms: Option<f64>,
    pub(crate) state: Option<PlaybackState>,
    pub(crate) position_micros: i64,
    /// Playing has begun at this instant.
    pub(crate) playing_since: Option<Instant>,
    pub(crate) errors: Vec<Reason>,
    /// The device cannot play this, and why: nothing follows.
    pub(crate) gave_up: Option<Reason>,
}

impl Page {
    pub(crate) fn new(
        transport: Transport,
        feeder: Feeder,
        facts: Facts,
        title: String,
    ) -> anyhow::Result<Self> {
        let position_micros = facts.begin_micros;
        let mut page = Self {
            transport,
            feeder,
            facts,
            site: "demo".to_owned(),
            title,
            page: PageId(0),
            player: PlayerId(0),
            tracks: Vec::new(),
            next_stream: 1,
            next_seq: 1,
            next_token: 1,
            wants_play: true,
            rate: (1.0, true),
            volume: (1.0, false),
            looping: false,
            corrupt_next: false,
            end_of_file: false,
            reopened: 0,
            opened_at: Instant::now(),
            stage_ready_ms: None,
            state: None,
            position_micros,
            playing_since: None,
            errors: Vec::new(),
            gave_up: None,
        };
        // The player follows when the stage is ready, as a page's media follows its scripts.
        page.open_page()?;
        Ok(page)
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One step: waits for the device or the file, and moves what can be moved. Cancel safe.
    pub(crate) async fn step(&mut self) -> anyhow::Result<()> {
        self.feed()?;
        tokio::select! {
            message = self.transport.next() => {
                if let Some(message) = message? {
                    self.on_message(message)?;
                }
            }
            Some(answer) = self.feeder.answer() => {
                let fragments = answer?;
                self.end_of_file = fragments.is_empty();
                for fragment in fragments {
                    if let Some(track) = self.tracks.get_mut(fragment.track) {
                        track.until_micros = fragment.until_micros;
                        track.pending.push_back(fragment.bytes.into());
                    }
                }
            }
        }
        self.feed()
    }

    /// Does what the user or the script wants.
    pub(crate) fn act(&mut self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Play => self.set_playing(true),
            Action::Pause => self.set_playing(false),
            Action::Seek { to_ms } => {
                self.seek(i64::try_from(to_ms.saturating_mul(1000)).unwrap_or(i64::MAX))
            }
            Action::Rate { rate, preserves_pitch } => {
                self.rate = (*rate, *preserves_pitch);
                let (rate, preserves_pitch) = self.rate;
                self.command(PlayerCommand::Rate { rate, preserves_pitch })
            }
            Action::Volume { volume, muted } => {
                self.volume = (*volume, *muted);
                let (volume, muted) = self.volume;
                self.command(PlayerCommand::Volume { volume, muted })
            }
            Action::Loop { enabled } => {
                self.looping = *enabled;
                self.command(PlayerCommand::Loop { enabled: self.looping })
            }
            Action::CorruptNextAppend => {
                self.corrupt_next = true;
                // Everything may have been appended already: then the last one comes again.
                if let Some(track) = self.tracks.first_mut()
                    && track.pending.is_empty()
                {
                    let again = track.last.clone();
                    track.pending.push_back(again);
                }
                Ok(())
            }
            // Carried out by the one who knows the processes.
            Action::KillStage => Ok(()),
        }
    }

    /// Goodbye to the device.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        let page = self.page;
        self.transport.send(&HostMessage::PageClose { page })?;
        self.transport.close().await;
        Ok(())
    }

    fn set_playing(&mut self, play: bool) -> anyhow::Result<()> {
        self.wants_play = play;
        self.command(if play { PlayerCommand::Play } else { PlayerCommand::Pause })
    }

    fn seek(&mut self, to_micros: i64) -> anyhow::Result<()> {
        let end = self.facts.duration_micros.unwrap_or(i64::MAX);
        let to_micros = to_micros.clamp(0, end);
        let is_buffered = |track: &Track| {
            track.buffered.iter().any(|range| {
                range.start_micros <= to_micros.saturating_add(SEEK_SLACK_MICROS)
                    && to_micros < range.end_micros.saturating_add(SEEK_SLACK_MICROS)
            })
        };
        if !self.tracks.iter().all(is_buffered) {
            self.read_from(to_micros);
        }
        self.position_micros = to_micros;
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        self.command(PlayerCommand::Seek { to_micros, token })
    }

    /// Reads the file anew from `to_micros`, as a page fetches other segments after a seek.
    fn read_from(&mut self, to_micros: i64) {
        self.feeder.seek(to_micros);
        self.end_of_file = false;
        for track in &mut self.tracks {
            track.pending.clear();
            track.until_micros = to_micros;
            track.abort_next = true;
            track.ended = false;
        }
    }

    fn command(&mut self, command: PlayerCommand) -> anyhow::Result<()> {
        let (page, player) = (self.page, self.player);
        self.transport.send(&HostMessage::Player { page, player, command })
    }

    fn open_page(&mut self) -> anyhow::Result<()> {
        self.page = PageId(self.page.0 + 1);
        self.opened_at = Instant::now();
        let (page, site, title) = (self.page, self.site.clone(), self.title.clone());
        self.transport.send(&HostMessage::PageOpen { page, site, title })
    }

    fn open_player(&mut self) -> anyhow::Result<()> {
        self.player = PlayerId(self.player.0 + 1);
        let video = self.facts.tracks.iter().any(|track| track.video);
        let kind = if video { PlayerKind::Video } else { PlayerKind::Audio };
        self.command(PlayerCommand::Open { kind, source: Source::Mse })?;
        let duration_micros = self.facts.duration_micros;
        self.command(PlayerCommand::Duration { duration_micros })?;
        self.tracks.clear();
        for facts in self.facts.tracks.clone() {
            let id = StreamId(self.next_stream);
            self.next_stream = self.next_stream.wrapping_add(1).max(1);
            self.command(PlayerCommand::AddStream { stream: id, mime: facts.mime })?;
            self.transport.open_stream(id, facts.video)?;
            self.tracks.push(Track {
                id,
                is_video: facts.video,
                pending: VecDeque::new(),
                current: Bytes::new(),
                appending: None,
                last: Bytes::new(),
                buffered: Vec::new(),
                until_micros: self.position_micros,
                full_until_micros: None,
                abort_next: false,
                ended: false,
            });
        }
        let ((rate, preserves_pitch), (volume, muted)) = (self.rate, self.volume);
        self.command(PlayerCommand::Rate { rate, preserves_pitch })?;
        self.command(PlayerCommand::Volume { volume, muted })?;
        self.command(PlayerCommand::Loop { enabled: self.looping })?;
        if self.wants_play {
            self.command(PlayerCommand::Play)?;
        }
        Ok(())
    }

    /// Moves segments towards the device as far as it takes them.
    fn feed(&mut self) -> anyhow::Result<()> {
        if self.gave_up.is_some() {
            return Ok(());
        }
        for track in &mut self.tracks {
            if !track.current.is_empty() {
                self.transport.media(track.id, &mut track.current)?;
                continue;
            }
            let waits = track.full_until_micros.is_some_and(|until| self.position_micros < until);
            if track.appending.is_some() || waits {
                continue;
            }
            if track.abort_next {
                track.abort_next = !self.transport.command(track.id, &StreamCommand::Abort)?;
                continue;
            }
            if let Some(media) = track.pending.pop_front() {
                let media = if self.corrupt_next {
                    self.corrupt_next = false;
                    corrupted(&media)
                } else {
                    media
                };
                let seq = self.next_seq;
                let append = StreamCommand::Append {
                    seq,
                    bytes: u32::try_from(media.len()).unwrap_or(u32::MAX),
                    timestamp_offset_micros: -TIMESTAMP_LEAD_MICROS,
                    window_start_micros: 0,
                    window_end_micros: None,
                    mode: Default::default(),
                };
                if self.transport.command(track.id, &append)? {
                    tracing::debug!(stream = track.id.0, seq, bytes = media.len(), "append");
                    self.next_seq = self.next_seq.wrapping_add(1);
                    track.full_until_micros = None;
                    track.last = media.clone();
                    track.appending = Some((seq, media.clone()));
                    track.current = media;
                    self.transport.media(track.id, &mut track.current)?;
                } else {
                    track.pending.push_front(media);
                }
            } else if self.end_of_file && !track.ended {
                track.ended = self
                    .transport
                    .command(track.id, &StreamCommand::EndOfStream { failed: false })?;
            }
        }
        let goal = self.position_micros.saturating_add(GOAL_MICROS);
        let hungry =
            self.tracks.iter().any(|track| track.pending.is_empty() && track.until_micros < goal);
        let full = self.tracks.iter().any(|track| READ_AHEAD <= track.pending.len());
        if hungry && !full && !self.end_of_file {
            self.feeder.ask();
        }
        Ok(())
    }

    fn on_message(&mut self, message: DeviceMessage) -> anyhow::Result<()> {
        match message {
            DeviceMessage::PageReady { page } if page == self.page => {
                self.stage_ready_ms.get_or_insert(self.opened_at.elapsed().as_secs_f64() * 1e3);
                self.begin()
            }
            DeviceMessage::PageFailed { page, reason } if page == self.page => {
                self.fall_back(reason, true)
            }
            DeviceMessage::Player { page, player, event }
                if (page, player) == (self.page, self.player) =>
            {
                self.on_player(event)
            }
            DeviceMessage::Stream { page, stream, event } if page == self.page => {
                self.on_stream(stream, event);
                self.jump_gap()
            }
            DeviceMessage::Steer { page, player, command }
                if (page, player) == (self.page, self.player) =>
            {
                self.on_steer(&command)
            }
            _ => Ok(()),
        }
    }

    /// The user wants this in the panel.
    fn on_steer(&mut self, command: &PlayerCommand) -> anyhow::Result<()> {
        match *command {
            PlayerCommand::Play => self.set_playing(true),
            PlayerCommand::Pause => self.set_playing(false),
            PlayerCommand::Seek { to_micros, .. } => self.seek(to_micros),
            PlayerCommand::Rate { rate, preserves_pitch } => {
                self.act(&Action::Rate { rate, preserves_pitch })
            }
            PlayerCommand::Volume { volume, muted } => self.act(&Action::Volume { volume, muted }),
            PlayerCommand::Loop { enabled } => self.act(&Action::Loop { enabled }),
            _ => Ok(()),
        }
    }

    fn on_player(&mut self, event: PlayerEvent) -> anyhow::Result<()> {
        match event {
            PlayerEvent::State { state, position_micros, .. } => {
                self.state = Some(state);
                self.position_micros = position_micros;
                if state == PlaybackState::Playing {
                    self.playing_since.get_or_insert_with(Instant::now);
                }
                if state == PlaybackState::Ended && self.looping {
                    self.seek(0)?;
                    return self.set_playing(true);
                }
                Ok(())
            }
            PlayerEvent::Failed { reason, position_micros } => {
                self.position_micros = position_micros;
                self.fall_back(reason, false)
            }
            PlayerEvent::Warning { reason } => {
                tracing::warn!(%reason, "the device warns");
                if !self.errors.contains(&reason) {
                    self.errors.push(reason);
                }
                Ok(())
            }
            PlayerEvent::Resized { .. }
            | PlayerEvent::Seeked { .. }
            | PlayerEvent::FirstFrame { .. }
            | PlayerEvent::Quality { .. } => Ok(()),
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent) {
        let position = self.position_micros;
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == stream) else { return };
        tracing::debug!(stream = stream.0, ?event, "answer");
        match event {
            StreamEvent::Appended { seq, buffered } => {
                track.buffered = buffered;
                if track.appending.as_ref().is_some_and(|(appending, _)| *appending == seq) {
                    track.appending = None;
                }
            }
            StreamEvent::Removed { buffered } | StreamEvent::Evicted { buffered } => {
                track.buffered = buffered;
            }
            StreamEvent::Refused { seq, reason } => {
                let appending = track.appending.take();
                if reason.code == ReasonCode::BufferFull
                    && let Some((appending, media)) = appending
                    && appending == seq
                {
                    // As players do on QuotaExceededError: again when some has been played.
                    track.pending.push_front(media);
                    track.full_until_micros = Some(position.saturating_add(2_000_000));
                }
            }
        }
    }

    /// Goes on where there are pictures, as players do over a gap that nothing will fill: they
    /// may begin after the sound. Sound that begins after them is not waited for.
    fn jump_gap(&mut self) -> anyhow::Result<()> {
        let waits = matches!(self.state, None | Some(PlaybackState::Stalled));
        let position = self.position_micros.saturating_add(SEEK_SLACK_MICROS);
        let next = self
            .tracks
            .iter()
            .find(|track| track.is_video)
            .and_then(|track| track.buffered.iter().find(|range| position < range.end_micros));
        match next.map(|range| range.start_micros) {
            Some(start) if waits && position < start => self.seek(start),
            _ => Ok(()),
        }
    }

    /// Where a browser would play natively: this page says why, and goes back to the device from
    /// the same position when that can help.
    fn fall_back(&mut self, reason: Reason, page_gone: bool) -> anyhow::Result<()> {
        tracing::warn!(%reason, "the page falls back");
        let hopeless = !matches!(
            reason.code,
            ReasonCode::StageCrashed
                | ReasonCode::MalformedMedia
                | ReasonCode::TooLarge
                | ReasonCode::DecodeFailed
        );
        self.errors.push(reason.clone());
        self.state = None;
        if hopeless || MAX_REOPENED <= self.reopened {
            self.gave_up = Some(reason);
            return Ok(());
        }
        self.reopened += 1;
        for track in &self.tracks {
            self.transport.remove_stream(track.id);
        }
        self.tracks.clear();
        if page_gone {
            let page = self.page;
            self.transport.send(&HostMessage::PageClose { page })?;
            return self.open_page();
        }
        self.command(PlayerCommand::Close)?;
        self.begin()
    }

    /// Opens a player on a stage that is ready, at the position where the last one stopped.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.open_player()?;
        if self.reopened == 0 && self.position_micros == 0 {
            return Ok(());
        }
        let position = self.position_micros;
        if self.reopened != 0 {
            self.read_from(position);
            for track in &mut self.tracks {
                track.abort_next = false;
            }
        }
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        self.command(PlayerCommand::Seek { to_micros: position, token })
    }

    /// What the page plays, for people.
    pub(crate) fn describe(&self) -> String {
        let tracks = self.facts.tracks.iter();
        let kinds: Vec<_> = tracks.map(|track| track.mime.as_str()).collect();
        format!("{} ({})", self.title, kinds.join(", "))
    }
}

/// A segment whose first box or element claims an absurd length, the rest noise.
fn corrupted(media: &[u8]) -> Bytes {
    let mut bytes = media.to_vec();
    for (at, byte) in bytes.iter_mut().enumerate().take(4096) {
        *byte = if at < 4 { 0xff } else { *byte ^ 0x5a };
    }
    bytes.into()
}
