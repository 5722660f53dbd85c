//! One page of a connection: its stage, its players, and what the status shows of them.

use super::hub::{GlobalPage, unix_ms};
use super::stage::Stage;
use nearside::stage_link::PlayerStats;
use nearside::status::{Item, ItemKind, Measurements, Playback};
use nearside_channel::message::{
    PlaybackState, PlayerCommand, PlayerEvent, PlayerId, PlayerKind, Reason,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Players of one page; more are refused and play natively.
pub(super) const MAX_PLAYERS: usize = 32;

/// What a connection knows of one page.
pub(super) struct Page {
    pub(super) global: GlobalPage,
    pub(super) site: String,
    pub(super) title: String,
    /// `None` once the stage has failed: what arrives for the page is dropped with its credit
    /// returned, until the host closes it.
    pub(super) stage: Option<Stage>,
    pub(super) players: BTreeMap<PlayerId, Item>,
    /// Who waits for a screenshot.
    pub(super) screenshot: Option<mpsc::Sender<Option<Reason>>>,
}

impl Page {
    pub(super) fn new(global: GlobalPage, site: String, title: String, stage: Stage) -> Self {
        Self { global, site, title, stage: Some(stage), players: BTreeMap::new(), screenshot: None }
    }

    /// Notes what the page commands; the item to show if it changed.
    pub(super) fn on_command(&mut self, player: PlayerId, command: &PlayerCommand) -> bool {
        if let PlayerCommand::Open { kind, .. } = command {
            let item = Item {
                page: self.global.0,
                player: player.0,
                site: self.site.clone(),
                title: self.title.clone(),
                kind: match kind {
                    PlayerKind::Video => ItemKind::Video,
                    PlayerKind::Audio => ItemKind::Audio,
                },
                since_unix_ms: unix_ms(),
                rate: 1.0,
                volume: 1.0,
                steerable: true,
                ..Item::default()
            };
            self.players.insert(player, item);
            return true;
        }
        let Some(item) = self.players.get_mut(&player) else { return false };
        match command {
            PlayerCommand::Rate { rate, .. } => item.rate = *rate,
            PlayerCommand::Volume { volume, muted } => {
                (item.volume, item.muted) = (*volume, *muted);
            }
            PlayerCommand::Duration { duration_micros } => item.duration_micros = *duration_micros,
            _ => return false,
        }
        true
    }

    /// Notes what the stage says of a player; true when the item changed.
    pub(super) fn on_event(&mut self, player: PlayerId, event: &PlayerEvent) -> bool {
        let Some(item) = self.players.get_mut(&player) else { return false };
        match event {
            PlayerEvent::State { state, position_micros, .. } => {
                item.playback = match state {
                    PlaybackState::Paused => Playback::Paused,
                    PlaybackState::Playing => Playback::Playing,
                    PlaybackState::Stalled => Playback::Stalled,
                    PlaybackState::Seeking => Playback::Seeking,
                    PlaybackState::Ended => Playback::Ended,
                };
                item.position_micros = *position_micros;
                if *state != PlaybackState::Playing {
                    item.flowing = false;
                }
            }
            PlayerEvent::Failed { reason, position_micros } => {
                item.failed = Some(reason.clone());
                item.position_micros = *position_micros;
                item.flowing = false;
            }
            PlayerEvent::Warning { reason } => item.warning = Some(reason.clone()),
            PlayerEvent::Resized { .. }
            | PlayerEvent::Seeked { .. }
            | PlayerEvent::FirstFrame { .. }
            | PlayerEvent::Quality { .. } => return false,
        }
        true
    }

    pub(super) fn on_stats(&mut self, player: PlayerId, stats: PlayerStats) -> bool {
        let Some(item) = self.players.get_mut(&player) else { return false };
        item.flowing = stats.flowing && item.failed.is_none();
        item.position_micros = stats.position_micros;
        item.buffered = stats.buffered;
        // A duration that the page tells may be on its way to the stage.
        item.duration_micros = stats.duration_micros.or(item.duration_micros);
        item.bit_rate = stats.bit_rate;
        item.video = stats.video;
        item.audio = stats.audio;
        item.measurements = Measurements {
            first_frame_ms: stats.first_frame_ms,
            seeks_ms: stats.seeks_ms,
            av_offsets_ms: stats.av_offsets_ms,
            audio_rms: stats.audio_rms,
        };
        true
    }

    /// The stage is gone: every item of the page says why.
    pub(super) fn fail(&mut self, reason: &Reason) {
        self.stage = None;
        for item in self.players.values_mut() {
            item.flowing = false;
            item.failed.get_or_insert_with(|| reason.clone());
        }
    }
}
