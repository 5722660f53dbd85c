//! All players of the stage, apart from where they are shown: commands in, events out.
//!
//! Owner: the stage's loop, with windows or without. The loop says what the time is, shows what
//! [`Troupe::act`] hands it, and sleeps until the instant that comes back.

use super::Start;
use super::captions::Setter;
use super::entry::Entry;
use super::input::Input;
use super::outbox::Outbox;
use super::translate;
use super::view::View;
use super::waker::Waker;
use nearside::stage_link::{FromStage, RendererChoice, RendererFacts, StageOptions, ToStage};
use nearside_channel::message::{
    DeviceSettings, PlayerCommand, PlayerEvent, PlayerId, PlayerKind, Reason, ReasonCode,
};
use nearside_media::decode::HardwarePolicy;
use nearside_media::measure::Beeps;
use nearside_media::picture::VideoFrame;
use nearside_media::player::{Event, Lead, Player, State, Wake};
use nearside_media::render::{BackendChoice, Gpu, RenderError};
use nearside_media::sound::{Output, OutputEvent};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// See the module.
pub(crate) struct Troupe {
    pub(crate) options: StageOptions,
    pub(crate) settings: DeviceSettings,
    pub(crate) entries: BTreeMap<PlayerId, Entry>,
    pub(crate) captions: Arc<Setter>,
    /// The page's.
    title: String,
    output: Output,
    beeps: Option<Beeps>,
    facts: RendererFacts,
    outbox: Outbox,
    wake: Wake,
    /// What is wrong with the sound device now; players that open later hear of it too.
    no_sound: Option<Reason>,
    /// Said to each player when it opens.
    warning: Option<Reason>,
    /// Draw again although the pictures are the same (settings, exposure).
    pub(crate) redraw: bool,
}

impl Troupe {
    pub(crate) fn new(
        start: Start,
        gpu: &Gpu,
        waker: &Arc<Waker>,
        warning: Option<Reason>,
    ) -> Result<Self, RenderError> {
        let Start { options, settings, outbox, sound, .. } = start;
        let output =
            sound.join().map_err(|_| RenderError::Refused("sound does not start".to_owned()))?;
        let facts = gpu.facts();
        let facts = RendererFacts {
            backend: facts.backend.to_owned(),
            adapter: facts.adapter.clone(),
            software: facts.software,
        };
        outbox.send(&FromStage::Ready { renderer: facts.clone() });
        let waker = Arc::clone(waker);
        let wake: Wake = Arc::new(move || waker.wake());
        let after_letters = Arc::clone(&wake);
        Ok(Self {
            options,
            settings,
            entries: BTreeMap::new(),
            captions: Arc::new(Setter::new(move || after_letters())),
            title: String::new(),
            beeps: output.take_beeps(),
            output,
            facts,
            outbox,
            wake,
            no_sound: None,
            warning,
            redraw: false,
        })
    }

    /// Takes what has arrived. False: the agent is gone.
    pub(crate) fn take_inputs(&mut self, inputs: &Receiver<Input>, now: Instant) -> bool {
        while let Ok(input) = inputs.try_recv() {
            match input {
                Input::End => return false,
                Input::Message(message) => self.on_message(message, now),
                Input::Opened { player, buffers, command } => {
                    let PlayerCommand::Open { kind, .. } = command else { continue };
                    self.open(player, kind, buffers);
                }
                Input::Failed { player } => {
                    self.entries.remove(&player);
                }
            }
        }
        true
    }

    /// Looks at every player; new pictures go to `show`, which says when they were on screen.
    /// Returns when to look again; `None`: only when woken.
    pub(crate) fn act(
        &mut self,
        interval: Duration,
        mut show: impl FnMut(
            &mut Entry,
            Option<VideoFrame>,
            DeviceSettings,
        ) -> Result<Option<Instant>, RenderError>,
    ) -> Option<Instant> {
        let mut wake: Option<Instant> = None;
        let mut earlier = |at: Option<Instant>| {
            if let Some(at) = at {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            }
        };
        self.take_sound_events();
        let redraw = std::mem::take(&mut self.redraw) | self.captions.take_done();
        let mut failed = Vec::new();
        for entry in self.entries.values_mut() {
            let now = Instant::now();
            entry.player.update(now);
            let picture = entry.player.pick(now, interval);
            let is_old = std::mem::take(&mut entry.redraw) | entry.has_other_bar(now);
            if picture.is_some() || redraw || is_old {
                let measure = self.options.measure;
                let shown = picture.as_ref().map(|frame| {
                    let luma = measure.then(|| mean_luma(frame));
                    (frame.pts(), frame.format().display_size(), luma)
                });
                match show(entry, picture, self.settings) {
                    Ok(Some(at)) => {
                        if let Some((pts, size, luma)) = shown {
                            // A software display shows what it gets at once.
                            let refreshes = !self.options.headless && !self.facts.software;
                            let draw = entry.drew(at.saturating_duration_since(now));
                            entry.player.set_lead(Lead { draw, refreshes });
                            entry.player.presented(pts, size, at);
                            if let Some(luma) = luma {
                                entry.flash(luma, at);
                            }
                        }
                    }
                    Ok(None) => {}
                    Err(error) => failed.push((entry.id, error)),
                }
            }
            let now = Instant::now();
            earlier(entry.player.update(now));
            report(entry, &self.outbox, self.output.facts().device.as_ref(), &self.facts, now);
            earlier(entry.next_stats);
            earlier(entry.bar_due());
            if self.settings.video_status_overlay {
                earlier(entry.status_ends(now));
            }
        }
        for (id, error) in failed {
            self.fail(id, &error);
        }
        wake
    }

    fn on_message(&mut self, message: ToStage, now: Instant) {
        match message {
            ToStage::Start { .. } => {}
            ToStage::Page { title } => {
                let (version, adapter) = (env!("CARGO_PKG_VERSION"), &self.facts.adapter);
                tracing::info!(version, adapter, "the stage has a page");
                self.title = title;
                self.output.warm_up();
            }
            ToStage::Settings(settings) => {
                self.settings = settings;
                self.redraw = true;
            }
            ToStage::Ping { seq } => self.outbox.send(&FromStage::Pong { seq }),
            ToStage::Screenshot { path } => self.screenshot(path, now),
            ToStage::Player { player, command: PlayerCommand::Close } => {
                self.entries.remove(&player);
            }
            ToStage::Player { player, command } => {
                if let Some(entry) = self.entries.get_mut(&player) {
                    entry.command(&command, now);
                }
            }
        }
    }

    fn open(
        &mut self,
        id: PlayerId,
        kind: PlayerKind,
        buffers: Arc<nearside_media::player::Buffers>,
    ) {
        let policy =
            if self.options.software_decoding { HardwarePolicy::Off } else { HardwarePolicy::Auto };
        match Player::new(Arc::clone(&buffers), &self.output, policy, &self.wake) {
            Ok(player) => {
                let entry = Entry::new(id, kind, player, buffers, self.title.clone());
                self.entries.insert(id, entry);
                for reason in [&self.warning, &self.no_sound].into_iter().flatten().cloned() {
                    let event = PlayerEvent::Warning { reason };
                    self.outbox.send(&FromStage::Player { player: id, event });
                }
            }
            Err(problem) => {
                let reason = translate::problem(&problem);
                let event = PlayerEvent::Failed { reason, position_micros: 0 };
                self.outbox.send(&FromStage::Player { player: id, event });
            }
        }
    }

    /// A picture could not be drawn. A lost device ends the stage: a new one is started with a
    /// new device when the page comes back.
    fn fail(&mut self, id: PlayerId, error: &RenderError) {
        tracing::warn!(%error, "a picture could not be drawn");
        let reason = translate::render_error(error);
        match error {
            RenderError::DeviceLost(_) => self.outbox.send(&FromStage::Failed { reason }),
            RenderError::Refused(_) | RenderError::Scale { .. } | RenderError::Surface(_) => {
                let event = PlayerEvent::Warning { reason };
                self.outbox.report(&FromStage::Player { player: id, event });
            }
            RenderError::NoAdapter { .. }
            | RenderError::TooLarge { .. }
            | RenderError::TargetFormat(_) => {
                let position_micros = self
                    .entries
                    .remove(&id)
                    .map_or(0, |entry| translate::exact(entry.player.position(Instant::now())));
                let event = PlayerEvent::Failed { reason, position_micros };
                self.outbox.send(&FromStage::Player { player: id, event });
            }
        }
    }

    /// Says to every player, and to those that open later, what is off with their place;
    /// `None`: nothing is off any more.
    pub(crate) fn warn(&mut self, reason: Option<Reason>) {
        self.warning.clone_from(&reason);
        let Some(reason) = reason else { return };
        for id in self.entries.keys() {
            let event = PlayerEvent::Warning { reason: reason.clone() };
            self.outbox.send(&FromStage::Player { player: *id, event });
        }
    }

    /// Ends a player: its page plays on in the session.
    pub(crate) fn give_back(&mut self, id: PlayerId, reason: Reason, now: Instant) {
        let Some(entry) = self.entries.remove(&id) else { return };
        let position_micros = translate::exact(entry.player.position(now));
        let event = PlayerEvent::Failed { reason, position_micros };
        self.outbox.send(&FromStage::Player { player: id, event });
    }

    fn take_sound_events(&mut self) {
        if let Some(beeps) = &mut self.beeps {
            while let Some(at) = beeps.next_beep() {
                for entry in self.entries.values_mut() {
                    entry.beep(at);
                }
            }
        }
        while let Some(event) = self.output.next_event() {
            let reason = match event {
                OutputEvent::DeviceLost => translate::sound_lost(),
                OutputEvent::NoDevice => translate::no_sound(),
                OutputEvent::DeviceChanged { name } => {
                    tracing::info!(name, "sound goes to another device");
                    self.no_sound = None;
                    continue;
                }
            };
            self.no_sound = Some(reason.clone());
            for id in self.entries.keys() {
                let event = PlayerEvent::Warning { reason: reason.clone() };
                self.outbox.send(&FromStage::Player { player: *id, event });
            }
        }
    }

    /// Draws the first picture again into memory; a thread writes the file.
    fn screenshot(&mut self, path: String, now: Instant) {
        let settings = self.settings;
        let captured = self.entries.values_mut().find_map(|entry| {
            let overlay =
                entry.overlay(settings.video_outlines, settings.video_status_overlay, now);
            let view = entry.view.as_mut().filter(|view| view.has_picture());
            view.map(|view: &mut View| view.capture(&overlay))
        });
        let failed = |reason: Reason| FromStage::Screenshot { error: Some(reason) };
        match captured {
            None => self.outbox.send(&failed(Reason::new(
                ReasonCode::Renderer,
                "There is no picture.",
                "Try again while a video plays.",
            ))),
            Some(Err(error)) => self.outbox.send(&failed(translate::render_error(&error))),
            Some(Ok((pixels, size))) => {
                let outbox = self.outbox.clone();
                let written =
                    std::thread::Builder::new().name("screenshot".to_owned()).spawn(move || {
                        let error = write_png(&path, &pixels, size).err().map(|error| {
                            Reason::new(
                                ReasonCode::LimitReached,
                                format!("The screenshot could not be written: {error}."),
                                "Choose another folder.",
                            )
                        });
                        outbox.send(&FromStage::Screenshot { error });
                    });
                if let Err(error) = written {
                    tracing::warn!(%error, "no thread for the screenshot");
                }
            }
        }
    }
}

/// Sends what happened to one player; statistics come before the state that they explain.
fn report(
    entry: &mut Entry,
    outbox: &Outbox,
    device: Option<&String>,
    facts: &RendererFacts,
    now: Instant,
) {
    let events = entry.player.take_events();
    let settled = events.iter().any(|event| {
        let Event::State { state, .. } = event else { return false };
        matches!(state, State::Paused | State::Ended | State::Stalled)
    });
    let first = events.iter().any(|event| matches!(event, Event::FirstFrame { .. }));
    for event in &events {
        entry.note(event, now);
    }
    let mut quality = None;
    if settled || first || entry.next_stats.is_some_and(|at| at <= now) {
        let stats = Box::new(entry.stats(now, device, facts));
        quality = stats.video.as_ref().map(|video| PlayerEvent::Quality {
            decoded: video.decoded,
            presented: video.presented,
            dropped: video.dropped,
            corrupted: video.corrupted,
        });
        outbox.report(&FromStage::Stats { player: entry.id, stats });
    }
    for event in &events {
        let event = translate::event(event);
        outbox.send(&FromStage::Player { player: entry.id, event });
    }
    if let Some(event) = quality {
        outbox.report(&FromStage::Player { player: entry.id, event });
    }
}

fn mean_luma(frame: &VideoFrame) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "0 to 1")]
    let luma = frame.mean_luma() as f32;
    luma
}

fn write_png(path: &str, pixels: &[u8], (width, height): (u32, u32)) -> anyhow::Result<()> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(())
}

/// The renderer's choice in the media crate's words.
pub(crate) fn backend(choice: RendererChoice) -> BackendChoice {
    match choice {
        RendererChoice::Auto => BackendChoice::Auto,
        RendererChoice::Vulkan => BackendChoice::Vulkan,
        RendererChoice::Gl => BackendChoice::Gl,
    }
}
