//! A connection's stages: what they say, when they hang, and what their end means.

use super::{Connection, End, STAGE_MISSES};
use crate::agent::hub::{GlobalPage, Update};
use crate::agent::page::Page;
use crate::agent::stage;
use nearside::stage_link::{FromStage, ToStage};
use nearside::status::Severity;
use nearside_channel::message::{DeviceMessage, PageId, PlayerEvent, Reason};

impl Connection {
    /// `global`: the host may have used a page's number again for another page meanwhile.
    pub(super) async fn on_stage(
        &mut self,
        global: GlobalPage,
        event: stage::Event,
    ) -> Result<(), End> {
        let Some((id, page)) = self.pages.iter().find(|(_, page)| page.global == global) else {
            if self.spare.as_ref().is_some_and(|spare| spare.global == global) {
                self.on_spare(event).await;
            }
            return Ok(());
        };
        let id = *id;
        match event {
            // One that failed by its own words has been reported with them.
            stage::Event::Ended(_) if page.stage.is_none() => Ok(()),
            stage::Event::Ended(reason) => self.fail_page(id, reason).await,
            stage::Event::Said(said) => self.on_stage_said(id, said).await,
        }
    }

    /// The page's stage is gone or of no use: everyone is told why.
    async fn fail_page(&mut self, id: PageId, reason: Reason) -> Result<(), End> {
        self.hub.notice(Severity::Error, reason.clone()).await;
        self.take_stage(id, reason).await
    }

    /// The user wants nothing redirected now: each page plays in the session.
    pub(super) async fn pause(&mut self) -> Result<(), End> {
        let has_stage = |(id, page): (&PageId, &Page)| page.stage.is_some().then_some(*id);
        let pages: Vec<_> = self.pages.iter().filter_map(has_stage).collect();
        for page in pages {
            self.take_stage(page, super::paused()).await?;
        }
        self.end_spare().await;
        Ok(())
    }

    /// Ends the page's stage, if that has not happened, and tells its host why.
    async fn take_stage(&mut self, id: PageId, reason: Reason) -> Result<(), End> {
        let Some(page) = self.pages.get_mut(&id) else { return Ok(()) };
        let pid = page.stage.as_ref().map(|stage| stage.pid);
        let players: Vec<_> = page.players.keys().copied().collect();
        page.fail(&reason);
        if let Some(pid) = pid {
            self.hub.report(Update::ProcessEnded { pid }).await;
        }
        for player in players {
            self.report_item(id, player).await;
        }
        self.release_credit(id)?;
        self.send(&DeviceMessage::PageFailed { page: id, reason })
    }

    async fn on_stage_said(&mut self, id: PageId, said: FromStage) -> Result<(), End> {
        let Some(page) = self.pages.get_mut(&id) else { return Ok(()) };
        match said {
            FromStage::Ready { renderer } => self.page_ready(id, &renderer.adapter),
            FromStage::Pong { .. } => {
                if let Some(stage) = &mut page.stage {
                    stage.unanswered = 0;
                }
                Ok(())
            }
            FromStage::Credit { stream, bytes } => {
                // A stage may speak for its own streams only.
                if self.streams.get(&stream).is_some_and(|entry| entry.page == id) {
                    return self.consumed(stream, usize::try_from(bytes).unwrap_or(usize::MAX));
                }
                Ok(())
            }
            FromStage::Player { player, event } => {
                if page.on_event(player, &event) {
                    self.report_item(id, player).await;
                }
                if let PlayerEvent::Failed { reason, .. } = &event {
                    self.hub.notice(Severity::Error, reason.clone()).await;
                }
                if let PlayerEvent::Warning { reason } = &event {
                    self.hub.notice(Severity::Warning, reason.clone()).await;
                }
                self.send(&DeviceMessage::Player { page: id, player, event })
            }
            FromStage::Stream { stream, event } => {
                if self.streams.get(&stream).is_some_and(|entry| entry.page == id) {
                    return self.send(&DeviceMessage::Stream { page: id, stream, event });
                }
                Ok(())
            }
            FromStage::Stats { player, stats } => {
                if page.on_stats(player, *stats) {
                    self.report_item(id, player).await;
                }
                Ok(())
            }
            FromStage::Screenshot { error } => {
                if let Some(answer) = page.screenshot.take() {
                    let _ = answer.try_send(error);
                }
                Ok(())
            }
            FromStage::Log { line } => {
                self.hub.logs.push(&format!("stage {}: {line}", id.0));
                Ok(())
            }
            FromStage::Failed { reason } => {
                if let Some(stage) = &page.stage {
                    stage.kill();
                }
                self.fail_page(id, reason).await
            }
        }
    }

    /// The page's stage takes media; `adapter` draws.
    pub(super) fn page_ready(&self, id: PageId, adapter: &str) -> Result<(), End> {
        tracing::info!(page = id.0, adapter, "stage ready");
        self.send(&DeviceMessage::PageReady { page: id })
    }

    pub(super) async fn ping_stages(&mut self) -> Result<(), End> {
        for (id, page) in &mut self.pages {
            let Some(stage) = &mut page.stage else { continue };
            if STAGE_MISSES <= stage.unanswered {
                tracing::warn!(page = id.0, "a stage does not answer and is ended");
                stage.kill();
            }
            stage.unanswered += 1;
            if stage.send(&ToStage::Ping { seq: stage.unanswered }).is_err() {
                stage.kill();
            }
        }
        self.report_session().await;
        Ok(())
    }
}
