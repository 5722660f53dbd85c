//! A stage that is ready before a page needs it.
//!
//! Starting a process and opening the graphics device takes a quarter of a second where a
//! processor draws. So one is started when a session greets, and when a page goes: mostly
//! another one comes. One that nobody needs ends after a minute, so that it keeps no graphics
//! device awake.

use super::{Connection, NEXT_PAGE};
use crate::agent::hub::{GlobalPage, Update};
use crate::agent::stage::{self, Stage};
use nearside::stage_link::{FromStage, ToStage};
use nearside_channel::message::Reason;
use nearside_channel::policy::Playback;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A spare stage that nobody needs lives this long.
const LIFE: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Spare {
    /// Of the page that will take it.
    pub(super) global: GlobalPage,
    pub(super) stage: Stage,
    /// What draws, once it is ready.
    pub(super) adapter: Option<String>,
    until: Instant,
}

impl Connection {
    /// Starts a stage; `ahead`: its page comes later.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start_stage(&self, ahead: bool) -> Result<Spare, Reason> {
        let global = GlobalPage(NEXT_PAGE.fetch_add(1, Ordering::Relaxed));
        let events = self.stage_events.clone();
        let stage = Stage::start(global, events, &self.options.stage, self.facts.as_ref())?;
        let start = ToStage::Start {
            options: self.options.stage.clone(),
            settings: self.settings,
            ahead,
            facts: self.facts.clone().map(Box::new),
        };
        if stage.send(&start).is_err() {
            stage.kill();
        }
        Ok(Spare { global, stage, adapter: None, until: Instant::now() + LIFE })
    }

    /// Makes sure that there is one for the next page, if there may be one.
    pub(super) async fn keep_spare(&mut self) {
        if self.playback == Playback::Off || self.settings.paused {
            return self.end_spare().await;
        }
        if let Some(spare) = &mut self.spare {
            spare.until = Instant::now() + LIFE;
            return;
        }
        match self.start_stage(true) {
            Ok(spare) => {
                let pid = spare.stage.pid;
                self.hub.report(Update::ProcessStarted { role: "spare stage", pid }).await;
                self.spare = Some(spare);
            }
            // A page that needs one says so to people.
            Err(reason) => tracing::warn!(reason = reason.message, "no spare stage"),
        }
    }

    /// When to end it, if there is one.
    pub(super) fn spare_until(&self) -> Option<Instant> {
        self.spare.as_ref().map(|spare| spare.until)
    }

    /// Ends it: dropping it closes its input.
    pub(super) async fn end_spare(&mut self) {
        if let Some(spare) = self.spare.take() {
            self.hub.report(Update::ProcessEnded { pid: spare.stage.pid }).await;
        }
    }

    pub(super) async fn on_spare(&mut self, event: stage::Event) {
        let Some(spare) = &mut self.spare else { return };
        match event {
            stage::Event::Said(FromStage::Ready { renderer }) => {
                spare.adapter = Some(renderer.adapter);
            }
            stage::Event::Said(FromStage::Log { line }) => {
                self.hub.logs.push(&format!("spare stage: {line}"));
            }
            stage::Event::Said(FromStage::Failed { reason }) | stage::Event::Ended(reason) => {
                tracing::warn!(reason = reason.message, "the spare stage is gone");
                self.end_spare().await;
            }
            stage::Event::Said(_) => {}
        }
    }
}
