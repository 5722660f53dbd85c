//! Sources against a real server: what arrives is compared with what `ffprobe` says of the file.

mod encryption;
mod failures;
mod playing;
mod playlists;
mod server;
mod transfer;

use super::{AddressPolicy, SourceError, UrlSource};
use crate::player::{Buffers, Next, ReadCursor};
use crate::segment::tests::clips::{Clip, Packet};
use crate::segment::{CodedFrame, TrackKind};
use crate::time::Pts;
use std::sync::Arc;

pub(super) const OPEN: AddressPolicy = AddressPolicy { allow_private: true };

/// Pictures with a key frame each second, and a tone.
pub(super) fn pictures(seconds: u32) -> Vec<String> {
    let input = format!("testsrc=size=160x120:rate=25:duration={seconds}");
    words(&format!("-f lavfi -i {input}"))
}

pub(super) fn tone(seconds: u32) -> Vec<String> {
    words(&format!("-f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds}"))
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// A clip with pictures and a tone, and how they are encoded and muxed.
pub(super) fn clip(seconds: u32, how: &str) -> Clip {
    let arguments = [pictures(seconds), tone(seconds), words(how)].concat();
    make(&arguments)
}

pub(super) fn make(arguments: &[String]) -> Clip {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Clip::make(&[&arguments])
}

pub(super) const H264_AAC: &str =
    "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -c:a aac -f mp4";

/// Stands for the decode threads of a player.
pub(super) struct Listener {
    pub(super) buffers: Arc<Buffers>,
    pub(super) source: Option<UrlSource>,
    generation: u64,
}

impl Listener {
    pub(super) fn start(url: &str) -> Self {
        Self::with_policy(url, OPEN)
    }

    pub(super) fn with_policy(url: &str, policy: AddressPolicy) -> Self {
        let buffers = Arc::new(Buffers::default());
        buffers.order(|order| (order.generation, order.started) = (1, true));
        let failing = Arc::clone(&buffers);
        let wake = Arc::new(move || {
            if failing.source_failure().is_some() {
                failing.stop();
            }
        });
        let source = UrlSource::start(url.to_owned(), policy, &buffers, wake).unwrap();
        Self { buffers, source: Some(source), generation: 1 }
    }

    pub(super) fn seek(&mut self, to: i64) {
        self.generation += 1;
        let generation = self.generation;
        self.buffers.set_position(Pts(to));
        self.buffers.order(|order| (order.generation, order.start) = (generation, Pts(to)));
    }

    /// Reads a track from where the order says to its end, as fast as it comes.
    ///
    /// # Errors
    /// What the source failed with.
    pub(super) fn read(&self, kind: TrackKind) -> Result<Vec<CodedFrame>, SourceError> {
        self.read_until(kind, Pts::MAX)
    }

    /// Reads a track until a frame ends behind `until`.
    pub(super) fn read_until(
        &self,
        kind: TrackKind,
        until: Pts,
    ) -> Result<Vec<CodedFrame>, SourceError> {
        let mut cursor: Option<ReadCursor> = None;
        let mut frames: Vec<CodedFrame> = Vec::new();
        loop {
            let next = self.buffers.next(kind, &mut cursor, self.generation, false, || {});
            match next.1 {
                Next::Frame(read) => {
                    self.buffers.set_position(self.buffers.position().max(read.frame.pts));
                    frames.push(read.frame);
                    if frames.last().is_some_and(|frame| until < frame.end()) {
                        return Ok(frames);
                    }
                }
                Next::End => return Ok(frames),
                Next::Again => return Err(self.buffers.source_failure().expect("why it stopped")),
            }
        }
    }

    /// Waits until all is read or the source fails; true if it did not fail.
    pub(super) fn ends(&self) -> bool {
        loop {
            if self.buffers.source_failure().is_some() {
                return false;
            }
            if self.buffers.source_rests() {
                return true;
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the source's failure.
    pub(super) fn failure(&self) -> SourceError {
        self.read(TrackKind::Video).expect_err("the source fails")
    }

    /// Waits until enough is read ahead.
    pub(super) fn wait_rests(&self) {
        while !self.buffers.source_rests() {
            assert_eq!(self.buffers.source_failure(), None);
            std::thread::yield_now();
        }
    }
}

/// Packets of one stream of the file as `ffprobe` tells them, without what ends before the time
/// line begins (an encoder's delay).
pub(super) fn packets(clip: &Clip, stream: usize) -> Vec<Packet> {
    let heard = |packet: &Packet| 0 < packet.pts + packet.duration.unwrap_or(1);
    let all = clip.packets().into_iter();
    all.filter(|packet| packet.stream == stream && heard(packet)).collect()
}

/// The frames are these packets, within rounding.
#[track_caller]
pub(super) fn assert_same(frames: &[CodedFrame], packets: &[Packet], what: &str) {
    for (frame, packet) in frames.iter().zip(packets) {
        let near = (frame.pts.0 - packet.pts).abs() <= 1;
        assert!(near, "{what}: {:?} {packet:?}", frame.pts);
        assert_eq!(frame.data.len(), packet.size, "{what}: {packet:?}");
        assert_eq!(frame.keyframe, packet.keyframe, "{what}: {packet:?}");
    }
    assert_eq!(frames.len(), packets.len(), "{what}: frames");
}
