//! A connection's media streams: order, credit, and the way to the stages.

use std::time::Instant;

use nearside_channel::codec;
use nearside_channel::message::{PageId, PlayerCommand, PlayerId, StreamId};
use nearside_channel::stream::AppendAssembler;
use nearside_channel::wire::{Frame, Kind};

use super::{Connection, End};

pub(super) struct StreamEntry {
    pub(super) page: PageId,
    player: PlayerId,
    order: AppendAssembler,
    /// False when its player was refused: what arrives is consumed and dropped.
    pub(super) to_stage: bool,
}

impl Connection {
    /// A command or media frame: credited, checked for order, passed on unchanged.
    pub(super) fn on_media(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), End> {
        let violation = |error: &dyn std::error::Error| End::Violation(error.to_string());
        let stream = frame.stream();
        let arrived = self.inflow.arrived(now, stream, frame.body.len());
        if let Some(wider) = arrived.map_err(|error| violation(&error))? {
            tracing::debug!(connection = self.id.0, ?wider, "the session is far away");
            self.send(&wider)?;
        }
        let length = u64::try_from(frame.body.len()).unwrap_or(u64::MAX);
        self.received_bytes = self.received_bytes.saturating_add(length);
        let Some(entry) = self.streams.get_mut(&stream) else {
            return Err(End::Violation(format!("media on stream {}", stream.0)));
        };
        let ordered = if frame.kind() == Kind::Command {
            let command = codec::decode_command(&frame.body).map_err(|error| violation(&error))?;
            entry.order.command(&command)
        } else {
            entry.order.media(frame.body.len())
        };
        ordered.map_err(|error| violation(&error))?;
        let page = self.pages.get(&entry.page).filter(|_| entry.to_stage);
        let Some(stage) = page.and_then(|page| page.stage.as_ref()) else {
            // Refused, or failed already: what was under way is consumed here.
            return self.consumed(stream, frame.body.len());
        };
        let mut bytes = Vec::with_capacity(frame.wire_length());
        bytes.extend_from_slice(&frame.header.to_bytes());
        bytes.extend_from_slice(&frame.body);
        if stage.forward(bytes).is_err() {
            stage.kill();
        }
        Ok(())
    }

    pub(super) fn consumed(&mut self, stream: StreamId, bytes: usize) -> Result<(), End> {
        // A stream that was removed meanwhile has its credit back already; a stage that claims
        // more than it got is cut down to nothing by the ledger.
        if let Err(error) = self.inflow.consumed(stream, bytes) {
            tracing::debug!(%error, "credit of a stage ignored");
        }
        let now = Instant::now();
        while let Some(credit) = self.inflow.next_grant(now) {
            self.send(&credit)?;
        }
        Ok(())
    }

    /// Opens and removes streams in the books. Media of a player that is refused may be under
    /// way already, so its streams are opened all the same and lead nowhere.
    pub(super) fn book_streams(
        &mut self,
        page: PageId,
        player: PlayerId,
        command: &PlayerCommand,
    ) -> Result<(), End> {
        match command {
            PlayerCommand::AddStream { stream, .. } => {
                self.inflow.open(*stream).map_err(|error| End::Violation(error.to_string()))?;
                let order = AppendAssembler::default();
                let entry = StreamEntry { page, player, order, to_stage: false };
                self.streams.insert(*stream, entry);
            }
            PlayerCommand::RemoveStream { stream } => {
                self.inflow.remove(*stream);
                self.streams.remove(stream);
            }
            PlayerCommand::Close => self.remove_streams(page, Some(player)),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn remove_streams(&mut self, page: PageId, player: Option<PlayerId>) {
        let inflow = &mut self.inflow;
        self.streams.retain(|stream, entry| {
            let gone = entry.page == page && player.is_none_or(|player| player == entry.player);
            if gone {
                inflow.remove(*stream);
            }
            !gone
        });
    }

    /// Returns the credit of everything that was on its way to a page's stage.
    pub(super) fn release_credit(&mut self, page: PageId) -> Result<(), End> {
        let streams: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, entry)| entry.page == page)
            .map(|(stream, _)| *stream)
            .collect();
        for stream in streams {
            let bytes = self.inflow.outstanding(stream);
            self.consumed(stream, bytes)?;
        }
        Ok(())
    }
}
