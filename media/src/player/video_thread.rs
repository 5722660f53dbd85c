//! The picture decode thread: coded frames from the buffers to decoded pictures.
//!
//! Owned by the player; ends when its order says stopped or its receiver is gone. The channel
//! to the player holds few pictures and blocks: that is the back-pressure.

use super::Problem;
use super::buffers::{Buffers, Next, ReadCursor};
use super::threads::{Order, Progress, Wake};
use crate::decode::{DecodeError, HardwarePolicy, VideoDecoder, VideoDecoderFacts};
use crate::picture::VideoFrame;
use crate::segment::TrackKind;
use crate::time::Pts;
use crate::track_buffer::{ReadFrame, TrackConfig};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Decoded pictures between thread and player. Each is whole, so few.
const DEPTH: usize = 1;

/// Damaged frames in a row after which the stream counts as undecodable.
const MAX_DAMAGED: u32 = 60;

/// A decoded picture and the seek it belongs to.
pub(crate) struct Decoded {
    pub(crate) generation: u64,
    pub(crate) frame: VideoFrame,
}

/// Handle of the thread. Dropping it ends the thread and waits for it.
pub(crate) struct VideoThread {
    pub(crate) decoded: Option<Receiver<Decoded>>,
    pub(crate) progress: Arc<Progress>,
    facts: Arc<Mutex<Option<VideoDecoderFacts>>>,
    buffers: Arc<Buffers>,
    thread: Option<JoinHandle<()>>,
}

impl VideoThread {
    pub(crate) fn start(
        buffers: &Arc<Buffers>,
        policy: HardwarePolicy,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let (send, decoded) = sync_channel(DEPTH);
        let progress = Arc::new(Progress::default());
        let facts = Arc::new(Mutex::new(None));
        let worker = Worker {
            buffers: Arc::clone(buffers),
            progress: Arc::clone(&progress),
            facts: Arc::clone(&facts),
            send,
            wake,
            policy,
            generation: Order::NONE,
            decoder: None,
            hidden_until: None,
            early: None,
            duration_micros: 0,
            damaged: 0,
            delivered: false,
        };
        let thread = std::thread::Builder::new()
            .name("decode video".to_owned())
            .spawn(move || worker.run())?;
        let buffers = Arc::clone(buffers);
        Ok(Self { decoded: Some(decoded), progress, facts, buffers, thread: Some(thread) })
    }

    pub(crate) fn facts(&self) -> Option<VideoDecoderFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for VideoThread {
    fn drop(&mut self) {
        self.buffers.stop();
        self.decoded = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the video decode thread panicked");
        }
    }
}

struct Worker {
    buffers: Arc<Buffers>,
    progress: Arc<Progress>,
    facts: Arc<Mutex<Option<VideoDecoderFacts>>>,
    send: SyncSender<Decoded>,
    wake: Wake,
    policy: HardwarePolicy,
    generation: u64,
    decoder: Option<(Arc<TrackConfig>, VideoDecoder)>,
    /// Pictures that begin by then were decoded only because others need them.
    hidden_until: Option<Pts>,
    /// The newest of those before the first one shown: shown when nothing follows it.
    early: Option<VideoFrame>,
    duration_micros: i64,
    damaged: u32,
    delivered: bool,
}

impl Worker {
    fn run(mut self) {
        let mut cursor: Option<ReadCursor> = None;
        loop {
            let at_end = self.progress.is_done(self.generation);
            let (order, next) = {
                let (generation, progress, wake) = (self.generation, &self.progress, &self.wake);
                self.buffers.next(TrackKind::Video, &mut cursor, generation, at_end, || {
                    if progress.set_dry(Some(generation)) {
                        wake();
                    }
                })
            };
            if order.stopped {
                return;
            }
            let alive = match next {
                Next::Again => {
                    self.begin(order.generation);
                    true
                }
                Next::Frame(read) => {
                    self.progress.set_dry(None);
                    self.progress.set_done(None);
                    self.decode(&read)
                }
                Next::End => self.end(),
            };
            if !alive {
                return;
            }
        }
    }

    /// A seek: what was decoded is void.
    fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.hidden_until = None;
        self.hide(None);
        self.delivered = false;
        self.progress.set_done(None);
        self.progress.set_dry(None);
        if let Some((_, decoder)) = &mut self.decoder {
            decoder.reset();
        }
    }

    fn decode(&mut self, read: &ReadFrame) -> bool {
        let ReadFrame { frame: coded, config, restart, preroll } = read;
        self.duration_micros = coded.duration_micros;
        if *preroll {
            self.hidden_until = self.hidden_until.max(Some(coded.pts));
        }
        let same = self.decoder.as_ref().is_some_and(|(open, _)| Arc::ptr_eq(open, config));
        if !same && !self.open(config) {
            return true;
        }
        let Some((config, mut decoder)) = self.decoder.take() else { return true };
        if *restart && self.delivered {
            decoder.reset();
        }
        let mut alive = true;
        let result = decoder.decode(coded, &mut |picture| {
            alive = self.deliver(picture);
            alive
        });
        self.publish_facts(&decoder);
        self.decoder = Some((config, decoder));
        match result {
            Ok(()) => self.damaged = 0,
            Err(error) => self.on_damage(&error),
        }
        alive
    }

    /// Opens a decoder for a new configuration, after the old one has given out its last.
    fn open(&mut self, config: &Arc<TrackConfig>) -> bool {
        if let Some((_, mut old)) = self.decoder.take() {
            let drained = old.drain(self.duration_micros, &mut |picture| self.deliver(picture));
            if let Err(error) = drained {
                tracing::debug!(%error, "the end of a rendition was damaged");
            }
        }
        match VideoDecoder::open(&config.track, self.policy) {
            Ok(decoder) => {
                self.publish_facts(&decoder);
                self.decoder = Some((Arc::clone(config), decoder));
                true
            }
            Err(error) => {
                self.fail(Problem::Decoder(error));
                false
            }
        }
    }

    fn publish_facts(&self, decoder: &VideoDecoder) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.as_ref() != Some(&decoder.facts()) {
            *facts = Some(decoder.facts());
        }
    }

    fn on_damage(&mut self, error: &DecodeError) {
        self.progress.corrupted.fetch_add(1, Ordering::Relaxed);
        self.damaged += 1;
        tracing::debug!(%error, "a coded frame was refused");
        if matches!(error, DecodeError::Picture(_)) || MAX_DAMAGED <= self.damaged {
            self.fail(Problem::Decoder(error.clone()));
        } else if self.damaged == 1 {
            self.progress.report(Problem::Damaged);
            (self.wake)();
        }
    }

    fn fail(&self, problem: Problem) {
        self.progress.report(problem);
        (self.wake)();
    }

    /// Hands a picture to the player; false when nobody takes it any more.
    fn deliver(&mut self, picture: VideoFrame) -> bool {
        self.progress.decoded.fetch_add(1, Ordering::Relaxed);
        if self.hidden_until.is_some_and(|hidden| picture.pts() <= hidden) {
            self.hide(Some(picture));
            return true;
        }
        self.hide(None);
        self.hand_over(picture)
    }

    /// Keeps a picture of before the first one shown; the one that was kept is never shown.
    fn hide(&mut self, picture: Option<VideoFrame>) {
        let (kept, void) = if self.delivered { (None, picture) } else { (picture, None) };
        let before = std::mem::replace(&mut self.early, kept);
        let hidden = u64::from(before.is_some()) + u64::from(void.is_some());
        self.progress.hidden.fetch_add(hidden, Ordering::Relaxed);
    }

    fn hand_over(&mut self, frame: VideoFrame) -> bool {
        self.delivered = true;
        let generation = self.generation;
        self.progress.set_until(generation, frame.pts().plus(frame.duration_micros().max(0)));
        if self.send.send(Decoded { generation, frame }).is_err() {
            return false;
        }
        if self.progress.is_hungry() {
            (self.wake)();
        }
        true
    }

    /// Everything up to the end of the stream has been read.
    fn end(&mut self) -> bool {
        let mut alive = true;
        if let Some((config, mut decoder)) = self.decoder.take() {
            let drained = decoder.drain(self.duration_micros, &mut |picture| {
                alive = self.deliver(picture);
                alive
            });
            if let Err(error) = drained {
                self.on_damage(&error);
            }
            decoder.reset();
            self.decoder = Some((config, decoder));
        }
        if alive && let Some(last) = self.early.take() {
            alive = self.hand_over(last);
        }
        self.progress.set_done(Some(self.generation));
        (self.wake)();
        alive
    }
}
