//! Coded frame processing (W3C Media Source Extensions, "Coded Frame Processing").
//!
//! Decides for each coded frame where on the time line it goes, whether it is dropped, and
//! what it replaces. The numbers in comments are the specification's steps. Pure.
//!
//! Beyond the specification: sound that straddles time zero is kept, because an encoder's
//! delay puts the first frame there (browsers keep it and cut it). Sound is not spliced.

use std::sync::Arc;

use super::{AppendMode, AppendParams, BufferedTrack};
use crate::segment::{CodedFrame, TrackKind};
use crate::time::Pts;

/// How many times a frame goes through the loop: a discontinuity sends it back once.
const MAX_PASSES: usize = 2;

/// Taken for the duration of a first frame that tells none: as long as a frame at 25 a second.
const EXPECTED_DURATION_MICROS: i64 = 40_000;

/// State of the append algorithms that all tracks share.
#[derive(Debug)]
pub(super) struct Placement {
    pub(super) offset_micros: i64,
    mode: AppendMode,
    window: (Pts, Option<Pts>),
    group_start: Option<Pts>,
    group_end: Pts,
    /// Frames have no timestamps of their own (MPEG audio).
    generate_timestamps: bool,
    /// As the page gave it with the last append.
    given_offset_micros: i64,
}

/// State of the append algorithms of one track.
#[derive(Debug)]
pub(super) struct TrackPlacement {
    last_dts: Option<Pts>,
    last_duration_micros: Option<i64>,
    highest_end: Option<Pts>,
    need_random_access: bool,
}

impl Default for TrackPlacement {
    fn default() -> Self {
        Self {
            last_dts: None,
            last_duration_micros: None,
            highest_end: None,
            need_random_access: true,
        }
    }
}

impl Placement {
    pub(super) fn new(generate_timestamps: bool) -> Self {
        Self {
            offset_micros: 0,
            mode: AppendMode::Segments,
            window: (Pts::ZERO, None),
            group_start: None,
            group_end: Pts::ZERO,
            generate_timestamps,
            given_offset_micros: 0,
        }
    }

    pub(super) fn set_generate_timestamps(&mut self, generate: bool) {
        self.generate_timestamps = generate;
    }

    /// Takes over what the page set before this append.
    ///
    /// In sequence mode the offset moves by itself, and the page may send either the value it
    /// set or the one its own source buffer has moved to. Neither is a new setting.
    pub(super) fn apply(&mut self, params: &AppendParams) {
        /// Two computations of the same offset differ by less.
        const SAME_MICROS: i64 = 1_000;
        let mode = if self.generate_timestamps { AppendMode::Sequence } else { params.mode };
        if mode == AppendMode::Sequence && self.mode == AppendMode::Segments {
            self.group_start = Some(self.group_end);
        }
        self.mode = mode;
        self.window = (params.window_start, params.window_end);
        let given = params.timestamp_offset_micros;
        let differs = |other: i64| SAME_MICROS < given.saturating_sub(other).saturating_abs();
        match mode {
            AppendMode::Segments => self.offset_micros = given,
            AppendMode::Sequence
                if differs(self.given_offset_micros) && differs(self.offset_micros) =>
            {
                self.offset_micros = given;
                self.group_start = Some(Pts(given));
            }
            AppendMode::Sequence => {}
        }
        self.given_offset_micros = given;
    }

    /// "Reset parser state".
    pub(super) fn reset(&mut self, tracks: &mut [BufferedTrack]) {
        for track in tracks {
            track.placement = TrackPlacement::default();
            track.buffer.close_group();
        }
        if self.mode == AppendMode::Sequence {
            self.group_start = Some(self.group_end);
        }
    }

    /// Processes one coded frame of `tracks[index]`. Returns whether it was buffered.
    pub(super) fn process(
        &mut self,
        tracks: &mut [BufferedTrack],
        index: usize,
        mut frame: CodedFrame,
    ) -> bool {
        let (own_pts, own_dts) =
            if self.generate_timestamps { (Pts::ZERO, Pts::ZERO) } else { (frame.pts, frame.dts) };
        if frame.duration_micros <= 0 {
            let last = tracks.get(index).and_then(|track| track.placement.last_duration_micros);
            frame.duration_micros = last.unwrap_or(EXPECTED_DURATION_MICROS);
        }
        for _ in 0..MAX_PASSES {
            (frame.pts, frame.dts) = (own_pts, own_dts);
            // 3: sequence mode puts the group's first frame at the group start.
            if self.mode == AppendMode::Sequence
                && let Some(start) = self.group_start.take()
            {
                self.offset_micros = start.since(frame.pts);
                self.group_end = start;
                for track in tracks.iter_mut() {
                    track.placement.need_random_access = true;
                }
            }
            // 4.
            frame.pts = frame.pts.plus(self.offset_micros);
            frame.dts = frame.dts.plus(self.offset_micros);
            // 5 and 6.
            let Some(track) = tracks.get(index) else { return false };
            if !track.placement.is_discontinuity(&frame) {
                return self.place(tracks, index, frame);
            }
            match self.mode {
                AppendMode::Segments => self.group_end = frame.pts,
                AppendMode::Sequence => self.group_start = Some(self.group_end),
            }
            for track in tracks.iter_mut() {
                track.placement = TrackPlacement::default();
            }
        }
        false
    }

    /// Steps 7 to 20.
    fn place(&mut self, tracks: &mut [BufferedTrack], index: usize, frame: CodedFrame) -> bool {
        let Some(BufferedTrack { buffer, placement, config, .. }) = tracks.get_mut(index) else {
            return false;
        };
        let kind = config.track.kind;
        let (pts, dts, end, duration) = (frame.pts, frame.dts, frame.end(), frame.duration_micros);
        // 8 and 9: the append window.
        if !self.is_in_window(kind, pts, end) {
            placement.need_random_access = true;
            return false;
        }
        // 10.
        if placement.need_random_access {
            if !frame.keyframe {
                return false;
            }
            placement.need_random_access = false;
        }
        // 12: a frame that begins (almost) with the new one is replaced even if it is longer.
        if placement.last_dts.is_none()
            && kind == TrackKind::Video
            && let Some(overlapped) = buffer.frame_at(pts)
            && pts < overlapped.plus(1)
        {
            buffer.remove(overlapped, overlapped.plus(1));
        }
        // 13 and 14.
        match placement.highest_end {
            None => buffer.overlap(pts, end),
            Some(highest) if highest <= pts => buffer.overlap(highest, end),
            Some(_) => {}
        }
        // 15.
        if !buffer.insert(frame, Arc::clone(config)) {
            placement.need_random_access = true;
            return false;
        }
        // 16 to 20.
        placement.last_dts = Some(dts);
        placement.last_duration_micros = Some(duration);
        placement.highest_end = Some(placement.highest_end.map_or(end, |highest| highest.max(end)));
        self.group_end = self.group_end.max(end);
        if self.generate_timestamps {
            self.offset_micros = end.0;
        }
        true
    }

    fn is_in_window(&self, kind: TrackKind, pts: Pts, end: Pts) -> bool {
        let (start, window_end) = self.window;
        let straddles_zero =
            kind == TrackKind::Audio && start == Pts::ZERO && pts < start && start < end;
        (start <= pts || straddles_zero) && window_end.is_none_or(|window_end| end <= window_end)
    }
}

impl TrackPlacement {
    /// A new init segment: the next frame to be buffered is a key frame.
    pub(super) fn require_random_access(&mut self) {
        self.need_random_access = true;
    }

    /// Decoding time went back, or on by more than twice the last frame's duration.
    fn is_discontinuity(&self, frame: &CodedFrame) -> bool {
        let Some(last) = self.last_dts else { return false };
        let limit = self.last_duration_micros.unwrap_or(0).saturating_mul(2);
        frame.dts < last || limit < frame.dts.since(last)
    }
}
