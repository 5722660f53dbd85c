//! One player of the stage: its playback, its view, and what was reported of it.

use super::control_bar::{Button, ControlBar};
use super::overlay::OverlayView;
use super::session::Child;
use super::translate;
use super::view::View;
use nearside::stage_link::{PlayerStats, RendererFacts};
use nearside::status::Placement;
use nearside_channel::message::{Caption, Layout, PlayerCommand, PlayerId, PlayerKind, Rect};
use nearside_media::measure::AvOffsets;
use nearside_media::player::{Buffers, Event, Player, State};
use nearside_media::time::Pts;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The status line stays this long.
const STATUS_TIME: Duration = Duration::from_secs(5);

/// Pictures are never picked further ahead than this.
const MAX_DRAW: Duration = Duration::from_millis(50);

/// Controls without a picture are drawn anew this often while something plays.
const BAR_INTERVAL: Duration = Duration::from_millis(250);

/// Statistics go out this often while something plays.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// And first so soon after it begins to: people see that it flows.
const FIRST_STATS: Duration = Duration::from_millis(200);

/// See the module.
pub(crate) struct Entry {
    pub(crate) id: PlayerId,
    pub(crate) kind: PlayerKind,
    pub(crate) player: Player,
    pub(crate) view: Option<View>,
    /// The picture's window in the RDP client's window. Outlives the view's surface on it.
    pub(crate) child: Option<Arc<Child>>,
    /// Where the page has its picture; `None` until it says so.
    pub(crate) layout: Option<Layout>,
    /// The picture is seen where it is.
    pub(crate) seen: bool,
    /// What the page's text tracks show now.
    captions: Arc<[Caption]>,
    /// Where the browser's own controls are seen on the picture.
    control_bar: Option<Rect>,
    /// What they showed at the last look, and when the next one is due.
    bar: Option<(Button, Duration, Option<Duration>)>,
    next_bar: Option<Instant>,
    /// Draw again although the picture is the same.
    pub(crate) redraw: bool,
    placement: Option<Placement>,
    pub(crate) title: String,
    buffers: Arc<Buffers>,
    flashes: nearside_media::measure::FlashDetector,
    offsets: AvOffsets,
    /// Time from pick to screen, smoothed.
    draw: Duration,
    /// The status line ends at this instant.
    status_until: Option<Instant>,
    pub(crate) next_stats: Option<Instant>,
    /// Counters at the last report, to tell whether anything flows.
    reported: (u64, u64),
    rate: f64,
    volume: (f64, bool),
}

impl Entry {
    pub(crate) fn new(
        id: PlayerId,
        kind: PlayerKind,
        player: Player,
        buffers: Arc<Buffers>,
        title: String,
    ) -> Self {
        Self {
            id,
            kind,
            player,
            view: None,
            child: None,
            layout: None,
            seen: false,
            captions: Arc::default(),
            control_bar: None,
            bar: None,
            next_bar: None,
            redraw: false,
            placement: None,
            title,
            buffers,
            flashes: Default::default(),
            offsets: AvOffsets::new(Instant::now()),
            draw: Duration::ZERO,
            status_until: None,
            next_stats: None,
            reported: (0, 0),
            rate: 1.0,
            volume: (1.0, false),
        }
    }

    /// Carries out a command of the page.
    pub(crate) fn command(&mut self, command: &PlayerCommand, now: Instant) {
        match command {
            PlayerCommand::Play => self.player.set_paused(false, now),
            PlayerCommand::Pause => self.player.set_paused(true, now),
            PlayerCommand::Seek { to_micros, token } => {
                // Those of the new place are told when it is reached.
                self.show_captions(&[]);
                self.player.seek(Pts(*to_micros), Some(*token), now);
            }
            PlayerCommand::Rate { rate, preserves_pitch } => {
                self.rate = *rate;
                self.player.set_rate(*rate, *preserves_pitch, now);
                self.offsets.cut(now);
            }
            PlayerCommand::Volume { volume, muted } => {
                self.volume = (*volume, *muted);
                self.player.set_volume(*volume, *muted);
            }
            PlayerCommand::Loop { enabled } => self.player.set_looping(*enabled),
            PlayerCommand::Duration { duration_micros } => {
                self.player.set_duration(*duration_micros);
            }
            PlayerCommand::Layout(layout) => {
                self.player.set_seen(layout.visible, now);
                self.layout = Some(layout.clone());
            }
            PlayerCommand::Captions { captions } => self.show_captions(captions),
            // The input's.
            PlayerCommand::Open { .. }
            | PlayerCommand::Close
            | PlayerCommand::AddStream { .. }
            | PlayerCommand::RemoveStream { .. } => {}
        }
    }

    fn show_captions(&mut self, captions: &[Caption]) {
        if *self.captions != *captions {
            self.captions = captions.into();
            self.redraw = true;
        }
    }

    /// The browser's own controls are seen there on the picture.
    pub(crate) fn show_controls(&mut self, control_bar: Option<Rect>) {
        self.redraw |= self.control_bar != control_bar;
        self.control_bar = control_bar;
    }

    /// Notes an event for the measurements and the status line.
    pub(crate) fn note(&mut self, event: &Event, now: Instant) {
        match event {
            Event::State { state, .. } => {
                if *state == State::Playing {
                    self.next_stats.get_or_insert(now + FIRST_STATS);
                }
                if matches!(state, State::Paused | State::Seeking | State::Stalled) {
                    self.cut(now);
                }
            }
            Event::Seeked { .. } => self.cut(now),
            Event::FirstFrame { .. } => self.status_until = Some(now + STATUS_TIME),
            Event::Resized { .. } | Event::Warning(_) | Event::Failed { .. } => {}
        }
    }

    fn cut(&mut self, now: Instant) {
        self.offsets.cut(now);
        self.flashes.reset();
    }

    /// Notes where pictures go; a change is reported at once.
    pub(crate) fn put(&mut self, placement: Placement, now: Instant) {
        if self.placement != Some(placement) {
            self.placement = Some(placement);
            self.next_stats = Some(now);
        }
    }

    /// Notes how long a picture took to the screen; the usual time.
    pub(crate) fn drew(&mut self, took: Duration) -> Duration {
        self.draw = (self.draw * 7 + took.min(MAX_DRAW)) / 8;
        self.draw
    }

    /// A picture of this mean luma (0 to 1) reached the screen.
    pub(crate) fn flash(&mut self, mean_luma: f32, at: Instant) {
        if self.flashes.observe(mean_luma) {
            self.offsets.flash(at);
        }
    }

    /// A beep reached the speaker.
    pub(crate) fn beep(&mut self, at: Instant) {
        self.offsets.beep(at);
    }

    /// What lies over the picture now.
    pub(crate) fn overlay(&self, outline: bool, status: bool, now: Instant) -> OverlayView {
        let outline = outline && self.kind == PlayerKind::Video;
        let shown = status && self.status_until.is_some_and(|until| now < until);
        OverlayView {
            outline,
            status: shown.then(|| "Redirected: this video plays on your device.".to_owned()),
            captions: Arc::clone(&self.captions),
            control_bar: self.control_bar.map(|rect| self.controls(rect, now)),
        }
    }

    fn button_now(&self) -> Button {
        match self.player.state() {
            State::Ended => Button::Replay,
            _ if self.player.is_paused() => Button::Play,
            _ => Button::Pause,
        }
    }

    /// There is something to be shown: a picture, or controls where none belongs.
    pub(crate) fn has_look(&self) -> bool {
        match self.kind {
            PlayerKind::Video => self.view.as_ref().is_some_and(View::has_picture),
            PlayerKind::Audio => {
                self.layout.as_ref().is_some_and(|layout| layout.control_bar.is_some())
            }
        }
    }

    /// Whether the controls that are seen show something else than at the last call. Where
    /// pictures come, the times change with them.
    pub(crate) fn has_other_bar(&mut self, now: Instant) -> bool {
        let is_due = self.next_bar.is_some_and(|at| at <= now);
        let bar = self.control_bar.map(|rect| {
            let ControlBar { button, position, duration, .. } = self.controls(rect, now);
            match self.kind {
                PlayerKind::Video => (button, Duration::ZERO, None),
                PlayerKind::Audio => (button, Duration::from_secs(position.as_secs()), duration),
            }
        });
        let is_other = std::mem::replace(&mut self.bar, bar) != bar;
        let runs = self.kind == PlayerKind::Audio && self.seen && bar.is_some();
        if !runs || self.player.state() != State::Playing {
            self.next_bar = None;
        } else if is_due || self.next_bar.is_none() {
            self.next_bar = Some(now + BAR_INTERVAL);
        }
        is_other || is_due
    }

    /// When the controls are to be looked at again.
    pub(crate) fn bar_due(&self) -> Option<Instant> {
        self.next_bar
    }

    fn controls(&self, rect: Rect, now: Instant) -> ControlBar {
        let time = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        ControlBar {
            rect,
            on_picture: self.kind == PlayerKind::Video,
            button: self.button_now(),
            position: time(self.player.position(now).0),
            duration: self.player.duration_micros().map(time),
        }
    }

    /// When the status line goes, if it is shown.
    pub(crate) fn status_ends(&self, now: Instant) -> Option<Instant> {
        self.status_until.filter(|until| now < *until)
    }

    /// The report for now. Plans the next one while playing.
    pub(crate) fn stats(
        &mut self,
        now: Instant,
        device: Option<&String>,
        renderer: &RendererFacts,
    ) -> PlayerStats {
        let stats = self.player.stats();
        let counters = (
            stats.video.as_ref().map_or(0, |video| video.presented),
            stats.audio.as_ref().map_or(0, |audio| audio.frames),
        );
        let moved = counters != self.reported;
        // The first picture is reported before anything flows.
        let is_first = self.reported == (0, 0);
        self.reported = counters;
        let playing = self.player.state() == State::Playing;
        let interval = if is_first { FIRST_STATS } else { STATS_INTERVAL };
        self.next_stats = playing.then_some(now + interval);
        let buffered = self.buffers.buffered();
        let mut media = translate::stats(stats, self.offsets.offsets_ms(), device, renderer);
        if let Some(video) = &mut media.video {
            video.placement = self.placement;
        }
        PlayerStats {
            flowing: playing && moved,
            position_micros: translate::exact(self.player.position(now)),
            duration_micros: self.player.duration_micros(),
            rate: self.rate,
            volume: self.volume.0,
            muted: self.volume.1,
            buffered: buffered.iter().map(|range| (range.start.0, range.end.0)).collect(),
            ..media
        }
    }
}
