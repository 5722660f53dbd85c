//! One media element's playback: buffers, decode threads, clock, and the picture of the moment.
//!
//! ```text
//!  appends ─▶ Buffers ─▶ video thread ─▶ Presenter ─▶ picture for this refresh
//!                   └──▶ audio thread ─▶ Voice ─▶ mixer;   its clock is the master
//! ```
//! Owner: the stage's loop, which calls [`Player::update`] when it was woken or when the instant
//! that the last call returned has come. No call here blocks.
//! INVARIANT: the position never goes back between two seeks.

mod audio_thread;
mod buffers;
mod event;
mod feeds;
mod fetched;
mod pictures;
mod refill;
mod reports;
mod stats;
mod threads;
mod transport;
mod video_thread;

pub(crate) use buffers::Work;
pub use buffers::{Appended, Buffers};
#[cfg(test)]
pub(crate) use buffers::{Next, ReadCursor};
pub use event::{Event, Problem, State};
pub use pictures::Lead;
pub use stats::{AudioStats, PlayerStats, VideoStats};
pub use threads::Wake;

use crate::decode::HardwarePolicy;
use crate::picture::VideoFrame;
use crate::present::Presenter;
use crate::segment::TrackKind;
use crate::sound::{Clock, Output, SystemClock, VoiceControl};
use crate::time::Pts;
use audio_thread::AudioThread;
use feeds::SOUND_DRY;
use pictures::PRESENTER_DEPTH;
use refill::Refill;
use reports::Reports;
use stats::Measured;
use std::sync::Arc;
use std::time::{Duration, Instant};
use threads::{Progress, Rest};
use transport::{Action, Feed, Phase, Transport};
use video_thread::VideoThread;

/// See the module.
pub struct Player {
    buffers: Arc<Buffers>,
    video: VideoThread,
    audio: AudioThread,
    voice: VoiceControl,
    sound_clock: Clock,
    system_clock: SystemClock,
    presenter: Presenter<VideoFrame>,
    transport: Transport,
    actions: Vec<Action>,
    events: Vec<Event>,
    generation: u64,
    /// Position while the clock stands still.
    anchor: Pts,
    /// Where the media begins, once that is known: no position lies before.
    earliest: Option<Pts>,
    /// Sound is the master; else the system clock is.
    sound_leads: bool,
    /// There was sound at the last look.
    has_sound: bool,
    rate: f64,
    volume: (f64, bool),
    duration: Option<i64>,
    /// End of the newest picture taken from the thread, this generation.
    picture_until: Option<Pts>,
    /// Of the picture thread, from before its pictures were last taken.
    picture_rest: Rest,
    /// Announced in `Seeked` once its picture is on the screen.
    seeked: Option<Option<u32>>,
    size: Option<(u32, u32)>,
    first_frame_shown: bool,
    /// The place's first picture was handed out: others are decoded ahead from then on, so that
    /// showing it need not share the processor with them.
    begun: bool,
    reports: Reports,
    refill: Refill,
    lead: Lead,
    /// Media time between refreshes, as of the last pick.
    span: i64,
    failed: bool,
    measured: Measured,
}

impl Player {
    /// Starts the decode threads. `wake` is called from them.
    ///
    /// # Errors
    /// No thread or no voice is to be had.
    pub fn new(
        buffers: Arc<Buffers>,
        output: &Output,
        policy: HardwarePolicy,
        wake: &Wake,
    ) -> Result<Self, Problem> {
        let (writer, voice) = output.voice().map_err(|_| Problem::TooManyVoices)?;
        let facts = output.facts();
        let video =
            VideoThread::start(&buffers, policy, Arc::clone(wake)).map_err(|_| Problem::Thread)?;
        let audio = AudioThread::start(&buffers, writer, facts.rate_hz, Arc::clone(wake))
            .map_err(|_| Problem::Thread)?;
        let sound_clock = Clock::Audio(voice.clock());
        let mut player = Self {
            buffers,
            video,
            audio,
            voice,
            sound_clock,
            system_clock: SystemClock::default(),
            presenter: Presenter::new(PRESENTER_DEPTH),
            transport: Transport::default(),
            actions: Vec::new(),
            events: Vec::new(),
            generation: 0,
            anchor: Pts::ZERO,
            earliest: None,
            sound_leads: true,
            has_sound: false,
            rate: 1.0,
            volume: (1.0, false),
            duration: None,
            picture_until: None,
            picture_rest: Rest::No,
            seeked: None,
            size: None,
            first_frame_shown: false,
            begun: false,
            reports: Reports::new(Instant::now()),
            refill: Refill::default(),
            lead: Lead::default(),
            span: 0,
            failed: false,
            measured: Measured::default(),
        };
        player.restart(Pts::ZERO);
        Ok(player)
    }

    pub fn set_paused(&mut self, paused: bool, now: Instant) {
        if !paused {
            self.buffers.order(|order| order.started = true);
        }
        self.transport.set_paused(paused, &mut self.actions);
        self.act(now);
    }

    /// Whether it was told to stand, however it stands.
    pub fn is_paused(&self) -> bool {
        self.transport.paused()
    }

    /// Seeks; `Seeked` with `token` follows when the picture is there.
    pub fn seek(&mut self, to: Pts, token: Option<u32>, now: Instant) {
        let to = Pts(to.0.max(0));
        self.measured.seek_started(now);
        self.transport.seek(to, token, &mut self.actions);
        self.act(now);
    }

    /// `rate` 0.25 to 4. What is already in the sound ring (200 ms) plays at the old rate.
    pub fn set_rate(&mut self, rate: f64, preserves_pitch: bool, now: Instant) {
        self.rate = rate;
        self.system_clock.set_rate(rate, now);
        self.buffers.order(|order| (order.rate, order.preserves_pitch) = (rate, preserves_pitch));
        self.reports.hurry(now);
    }

    /// Whether the page shows its picture to somebody.
    pub fn set_seen(&mut self, is_seen: bool, now: Instant) {
        self.reports.set_seen(is_seen, now);
    }

    pub fn set_volume(&mut self, volume: f64, muted: bool) {
        self.volume = (volume, muted);
        self.voice.set_volume(volume);
        self.voice.set_muted(muted);
    }

    pub fn set_looping(&mut self, looping: bool) {
        self.transport.set_looping(looping);
    }

    /// `None`: unknown or endless.
    pub fn set_duration(&mut self, duration_micros: Option<i64>) {
        self.duration = duration_micros;
    }

    /// As the page says, else as media by URL tells of itself.
    pub fn duration_micros(&self) -> Option<i64> {
        self.duration.or_else(|| self.buffers.source_duration())
    }

    /// Position on the media time line that is heard and seen at `now`, as the page is told it:
    /// media may last a little longer than the duration that the page knows.
    pub fn position(&self, now: Instant) -> Pts {
        let at = self.clock(now);
        self.duration.map_or(at, |end| at.min(Pts(end)))
    }

    /// The same, also behind the duration: what is there is played to its end.
    fn clock(&self, now: Instant) -> Pts {
        if !self.transport.running() {
            return self.anchor;
        }
        let position = if self.sound_leads {
            self.sound_clock.position(now)
        } else {
            self.system_clock.position(now)
        };
        position.unwrap_or(self.anchor).max(self.anchor)
    }

    /// Looks at everything that may have changed. Returns when to call again at the latest;
    /// `None`: only after `wake`.
    pub fn update(&mut self, now: Instant) -> Option<Instant> {
        if self.failed {
            return None;
        }
        self.learn_start();
        self.begun |= self.presenter.shown().is_some();
        self.pump();
        self.audio.progress.set_hungry(!self.transport.running());
        self.take_problems(now);
        self.take_late_sound(now);
        let (picture, sound) = (self.picture_feed(now), self.sound_feed(now));
        if self.take_source_failure(picture, sound, now) {
            return None;
        }
        if self.sound_leads
            && self.transport.running()
            && matches!(sound, Feed::Done | Feed::Absent)
        {
            // Sound has ended before the pictures: the system clock goes on from here.
            self.anchor = self.clock(now);
            self.lead_by_system(now);
        }
        if !matches!(sound, Feed::Filling | Feed::Dry) {
            self.audio.progress.set_hungry(false);
        }
        tracing::trace!(?picture, ?sound, phase = ?self.transport.phase(), "update");
        self.look_at_refill(now);
        let waits = self.refill.waits();
        let held = |feed| if feed == Feed::Ready && waits { Feed::Filling } else { feed };
        self.transport.update(held(picture), held(sound), &mut self.actions);
        self.act(now);
        let position = self.clock(now);
        self.buffers.set_position(position);
        if self.transport.running() && self.reports.next() <= now {
            self.report_state(now);
        }
        self.next_wake(now, picture)
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn media_span(&self, micros: i64) -> Duration {
        let micros = u64::try_from(micros).unwrap_or(0).min(3_600_000_000);
        Duration::from_micros(micros).div_f64(self.rate.clamp(0.25, 4.0))
    }

    fn look_at_refill(&mut self, now: Instant) {
        let stalled = self.transport.phase() == Phase::Stalled;
        let ahead = if stalled { self.buffers.read_ahead(self.clock(now)) } else { None };
        let ahead = ahead.map(|micros| self.media_span(micros));
        self.refill.look(now, stalled, ahead);
    }

    /// Sound that comes while pictures play already: both begin anew where they are.
    fn take_late_sound(&mut self, now: Instant) {
        let had_sound = self.has_sound;
        self.has_sound = self.buffers.has_track(TrackKind::Audio);
        let plays = matches!(self.transport.phase(), Phase::Running | Phase::Stalled);
        if self.has_sound && !had_sound && plays {
            let position = self.clock(now);
            self.transport.seek(position, None, &mut self.actions);
            self.act(now);
        }
    }

    fn take_problems(&mut self, now: Instant) {
        let problems = [self.video.progress.take_problem(), self.audio.progress.take_problem()];
        for problem in problems.into_iter().flatten() {
            if problem == Problem::Damaged {
                self.events.push(Event::Warning(problem));
            } else {
                self.fail(problem, now);
            }
        }
    }

    /// What is buffered is played before a source's failure counts. True: it counts.
    fn take_source_failure(&mut self, picture: Feed, sound: Feed, now: Instant) -> bool {
        let is_out = picture == Feed::Dry
            || sound == Feed::Dry
            || (picture == Feed::Absent && sound == Feed::Absent);
        let failure = if is_out { self.buffers.source_failure() } else { None };
        if let Some(error) = failure {
            self.fail(error.into(), now);
        }
        self.failed
    }

    fn fail(&mut self, problem: Problem, now: Instant) {
        let position = self.clock(now);
        self.voice.pause();
        self.failed = true;
        self.buffers.stop();
        self.events.push(Event::Failed { problem, position });
    }

    fn act(&mut self, now: Instant) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Restart(to) => self.restart(to),
                Action::Start => self.start(now),
                Action::Stop => self.stop(now),
                Action::Seeked { token } => {
                    self.seeked = Some(token);
                    let no_picture = self.picture_feed(now) == Feed::Absent
                        || self.presenter.shown().is_some()
                        || self.presenter.is_empty();
                    if no_picture {
                        self.announce_seeked(now);
                    }
                }
                Action::Changed => self.report_state(now),
            }
        }
    }

    /// Media by URL may begin far from zero. As in browsers, so does its position.
    fn learn_start(&mut self) {
        if self.earliest.is_none()
            && let Some(earliest) = self.buffers.source_start()
        {
            self.earliest = Some(earliest);
            if self.anchor < earliest {
                self.restart(earliest);
            }
        }
    }

    fn restart(&mut self, to: Pts) {
        let to = to.max(self.earliest.unwrap_or(Pts::ZERO));
        self.generation += 1;
        self.refill.restart();
        self.anchor = to;
        self.presenter.flush();
        self.begun = false;
        self.picture_until = None;
        self.seeked = None;
        let voice_generation = self.voice.flush();
        let generation = self.generation;
        self.buffers.set_position(to);
        self.buffers.order(|order| {
            order.generation = generation;
            order.start = to;
            order.voice_generation = voice_generation;
        });
        // What the thread has in its hands or in the channel is void: let go of it.
        self.pump();
    }

    fn start(&mut self, now: Instant) {
        let sound = self.sound_feed(now);
        if matches!(sound, Feed::Absent | Feed::Done) {
            self.lead_by_system(now);
        } else {
            self.sound_leads = true;
            self.voice.play();
        }
        self.reports.begin(now);
    }

    fn lead_by_system(&mut self, now: Instant) {
        self.sound_leads = false;
        self.system_clock.set_position(self.anchor, now);
        self.system_clock.play(now);
    }

    fn stop(&mut self, now: Instant) {
        // `running` is false already: ask the clocks themselves.
        let clock = if self.sound_leads {
            self.sound_clock.position(now)
        } else {
            self.system_clock.position(now)
        };
        self.anchor = clock.unwrap_or(self.anchor).max(self.anchor);
        self.voice.pause();
        self.system_clock.pause(now);
    }

    fn announce_seeked(&mut self, at: Instant) {
        if let Some(token) = self.seeked.take() {
            if token.is_some() {
                self.measured.seek_ended(at);
            }
            self.events.push(Event::Seeked { token, position: self.anchor });
        }
    }

    fn report_state(&mut self, now: Instant) {
        self.reports.told(now);
        let state = self.state();
        let rate = if state == State::Playing { self.rate } else { 0.0 };
        self.events.push(Event::State { state, position: self.position(now), rate });
    }

    pub fn state(&self) -> State {
        match self.transport.phase() {
            Phase::Ended => State::Ended,
            Phase::Seeking { token: Some(_) } => State::Seeking,
            _ if self.transport.paused() => State::Paused,
            Phase::Running => State::Playing,
            Phase::Empty | Phase::Stalled | Phase::Seeking { token: None } => State::Stalled,
        }
    }

    fn next_wake(&self, now: Instant, picture: Feed) -> Option<Instant> {
        let mut wake = self.next_picture(now);
        if self.refill.waits() {
            let look = now + refill::LOOK;
            wake = Some(wake.map_or(look, |wake| wake.min(look)));
        }
        if self.transport.running() {
            let mut earlier = |at: Instant| wake = Some(wake.map_or(at, |wake| wake.min(at)));
            earlier(self.reports.next());
            let position = self.clock(now);
            let ends = |thread: &Progress| thread.rest(self.generation) != Rest::No;
            if picture != Feed::Absent
                && self.presenter.is_empty()
                && ends(&self.video.progress)
                && let Some(until) = self.picture_until
            {
                earlier(now + self.media_span(until.since(position)));
            }
            if ends(&self.audio.progress) {
                let until = self.audio.progress.until(self.generation).unwrap_or(position);
                let left = self.media_span(until.since(position));
                earlier(now + left.saturating_sub(SOUND_DRY / 2).max(Duration::from_millis(5)));
            }
        }
        wake
    }
}

/// The sound thread may wait for room in a voice that nobody hears: it must be told before it is
/// waited for.
impl Drop for Player {
    fn drop(&mut self) {
        self.buffers.stop();
        self.voice.stop();
    }
}

#[cfg(test)]
pub(crate) mod tests;
