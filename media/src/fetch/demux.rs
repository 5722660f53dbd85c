//! FFmpeg's demuxers over a [`Reader`]: from a resource to coded frames of at most one picture and
//! one sound track.
//!
//! Lives on the worker's thread. Bytes are hostile: only the demuxers of formats that browsers
//! play are ever used, none of them may open anything else, and what they read before they give
//! something is bounded. Times are microseconds of the media's own time line.
#![expect(unsafe_code, reason = "FFmpeg's demuxers with limits and input of our own")]

use super::input::{self, Input};
use super::line::Line;
use super::reader::Reader;
use super::{FetchError, SourceError};
use crate::init::{self, Track};
use crate::picture::UnspecifiedColours;
use crate::segment::{CodedFrame, MAX_FRAME_BYTES, TrackKind};
use crate::time::{FAR_MICROS, Pts, micros_from_base};
use bytes::Bytes;
use ffmpeg_next::ffi::{
    AV_DISPOSITION_ATTACHED_PIC, AV_NOPTS_VALUE, AV_PKT_FLAG_KEY, AVDictionary, AVDiscard,
    AVERROR_EOF, AVERROR_EXIT, AVFMT_FLAG_CUSTOM_IO, AVFMT_FLAG_FAST_SEEK, AVFormatContext,
    AVIOContext, AVIOInterruptCB, AVMediaType, AVPacket, AVPacketSideDataType,
    AVSEEK_FLAG_BACKWARD, AVStream, av_dict_free, av_dict_set, av_freep, av_malloc, av_max_alloc,
    av_opt_set, av_packet_alloc, av_packet_free, av_packet_get_side_data, av_packet_unref,
    av_read_frame, av_seek_frame, av_stream_get_side_data, avformat_alloc_context,
    avformat_close_input, avformat_find_stream_info, avformat_open_input, avio_alloc_context,
    avio_context_free,
};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// What browsers play by URL.
const FORMATS: &CStr = c"mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,aac,ogg,flac,wav";

/// What playlists are made of.
const FORMATS_IN_PIECES: &CStr = c"mov,mp4,m4a,3gp,3g2,mj2,mpegts";

/// Bytes FFmpeg reads at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// Bytes and media time that are looked at to tell the codecs' parameters.
const PROBE_BYTES: &CStr = c"1048576";
const PROBE_MICROS: &CStr = c"2000000";

/// Streams of one resource.
const MAX_STREAMS: &CStr = c"64";

/// Bytes read for one frame, or for all headers, before it counts as junk.
const MAX_READ_BYTES: u64 = 64 << 20;

/// Largest single allocation of FFmpeg in this process: a picture's plane of the largest size
/// that is played fits, a table that a hostile header announces does not.
const MAX_ALLOCATION_BYTES: usize = 1 << 30;

/// Reads that may fail in a row.
const MAX_DAMAGED: u32 = 100;

/// Time that goes back by more than this is another time line, put behind the one before.
const RESTART_MICROS: i64 = 1_000_000;

/// Media that begins later than this begins there; before that its first picture waits.
const NEAR_MICROS: i64 = 1_000_000;

/// How FFmpeg's names of formats begin whose header counts the duration from time zero.
const TELL_THEIR_END: [&[u8]; 2] = [b"mov,", b"matroska,"];

/// Decoders that may be tried before the first frame, by how FFmpeg's names of formats begin;
/// of the others all. Matroska does not tell in which order H.264's and H.265's pictures come.
const PROBE_DECODERS: [(&[u8], &CStr); 2] = [
    (b"mov,", c"aac,mp3,mp3float,opus,libopus,vorbis,flac"),
    (b"matroska,", c"h264,hevc,aac,mp3,mp3float,opus,libopus,vorbis,flac"),
];

/// Taken for the duration of a first frame that tells none.
const EXPECTED_DURATION_MICROS: i64 = 40_000;

/// What is known of one track.
#[derive(Clone, Debug)]
pub(crate) struct SourceTrack {
    pub(crate) track: Track,
    /// Where the track ends, if the container says it of the track itself.
    pub(crate) end: Option<Pts>,
}

/// What is known of a resource.
#[derive(Clone, Debug)]
pub(crate) struct SourceFacts {
    pub(crate) tracks: Vec<SourceTrack>,
    /// Where the media begins; [`Pts::ZERO`] unless that is far from there.
    pub(crate) start: Pts,
    /// Where it ends on its time line. `None`: not known, or endless.
    pub(crate) duration_micros: Option<i64>,
    /// Any place can be read without all before it.
    pub(crate) seekable: bool,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Of the track with this index.
    Frame(usize, CodedFrame),
    End,
}

/// An open resource.
pub(crate) struct Demux {
    /// INVARIANT: open.
    context: *mut AVFormatContext,
    /// INVARIANT: outlives `context`; `input` is its opaque value and outlives it.
    io: *mut AVIOContext,
    /// INVARIANT: from a box, owned; outside of this module's callbacks only reached through
    /// [`Self::input`].
    input: NonNull<Input>,
    packet: *mut AVPacket,
    streams: Vec<Stream>,
    tracks: Vec<SourceTrack>,
    start: Pts,
    /// The earliest time in it.
    begin_micros: i64,
    duration_micros: Option<i64>,
    damaged: u32,
    /// Added to all times since they last went back.
    shift_micros: i64,
    /// End of the newest frame.
    reached: Option<Pts>,
}

/// What a stream's next frame is judged by.
struct Stream {
    index: c_int,
    kind: TrackKind,
    last_end: Option<Pts>,
    last_duration_micros: i64,
}

impl Demux {
    /// Opens what `reader` reads.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub(super) fn open(reader: Reader, line: Arc<Line>) -> Result<Self, SourceError> {
        crate::decode::quiet();
        let input = Box::new(Input { reader, line, failure: None, budget: MAX_READ_BYTES });
        let input = NonNull::from(Box::leak(input));
        let mut demux = Self {
            context: ptr::null_mut(),
            io: ptr::null_mut(),
            input,
            packet: ptr::null_mut(),
            streams: Vec::new(),
            tracks: Vec::new(),
            start: Pts::ZERO,
            begin_micros: 0,
            duration_micros: None,
            damaged: 0,
            shift_micros: 0,
            reached: None,
        };
        demux.open_context().map_err(|error| demux.cause(error))?;
        demux.choose_streams()?;
        Ok(demux)
    }

    /// The earliest time in what is read, in microseconds.
    pub(crate) fn begin_micros(&self) -> i64 {
        self.begin_micros
    }

    /// It is part of a recording of this duration, whose earliest time is `begin_micros`: all
    /// times count from there.
    pub(crate) fn set_recording(&mut self, begin_micros: i64, duration_micros: i64) {
        self.shift_micros = begin_micros.saturating_neg();
        self.start = Pts::ZERO;
        self.duration_micros = Some(duration_micros);
        for track in &mut self.tracks {
            track.end = None;
        }
    }

    pub(crate) fn tracks(&self) -> &[SourceTrack] {
        &self.tracks
    }

    pub(crate) fn facts(&mut self) -> SourceFacts {
        let in_pieces = matches!(self.input().reader, Reader::Pieces(_));
        let seekable = in_pieces || self.is_seekable();
        let (tracks, duration_micros) = (self.tracks.clone(), self.duration_micros);
        SourceFacts { tracks, start: self.start, duration_micros, seekable }
    }

    /// Whether [`Self::seek`] can go anywhere.
    pub(crate) fn is_seekable(&mut self) -> bool {
        self.input().reader.is_seekable()
    }

    /// Whether reading it again from the start comes to an end.
    pub(crate) fn is_finite(&mut self) -> bool {
        self.input().reader.is_finite()
    }

    /// The next coded frame of a chosen track, in the resource's order.
    ///
    /// # Errors
    /// See [`SourceError`]; after [`FetchError::Cut`] it can be read on after a seek.
    pub(crate) fn next(&mut self) -> Result<Next, SourceError> {
        self.input().budget = MAX_READ_BYTES;
        loop {
            // SAFETY: both are valid; a packet that is filled is released before the next use.
            let result = unsafe {
                av_packet_unref(self.packet);
                av_read_frame(self.context, self.packet)
            };
            if result == AVERROR_EOF && self.input().failure.is_none() {
                return Ok(Next::End);
            }
            if result < 0 {
                self.damaged += 1;
                if self.input().failure.is_some() || MAX_DAMAGED < self.damaged {
                    return Err(self.cause(result));
                }
                continue;
            }
            self.damaged = 0;
            if let Some(next) = self.take_packet()? {
                return Ok(next);
            }
        }
    }

    /// Goes to the key frame at or before `to`.
    ///
    /// # Errors
    /// [`FetchError::Cut`]; [`SourceError::Seek`]: it must be opened anew.
    pub(crate) fn seek(&mut self, to: Pts) -> Result<(), SourceError> {
        self.input().budget = MAX_READ_BYTES;
        self.input().failure = None;
        self.damaged = 0;
        let stream = self.streams.iter().find(|stream| stream.kind == TrackKind::Video);
        let stream = stream.or(self.streams.first()).map_or(-1, |stream| stream.index);
        // SAFETY: the context and its I/O are valid; `stream` is one of its streams. An error or
        // end that the I/O remembers is void at the new place.
        let result = unsafe {
            (*self.io).error = 0;
            (*self.io).eof_reached = 0;
            let base = stream_at(self.context, stream).map(|stream| stream.time_base);
            let at =
                base.map_or(to.0, |base| crate::time::ticks_from_micros(to.0, base.num, base.den));
            av_seek_frame(self.context, stream, at, AVSEEK_FLAG_BACKWARD)
        };
        for stream in &mut self.streams {
            stream.last_end = None;
        }
        (self.shift_micros, self.reached) = (0, None);
        match (result, self.input().failure.take()) {
            (0.., _) => Ok(()),
            (_, Some(failure)) => Err(failure.into()),
            (_, None) => Err(SourceError::Seek),
        }
    }

    fn open_context(&mut self) -> Result<(), c_int> {
        const OUT_OF_MEMORY: c_int = ffmpeg_next::ffi::AVERROR(ffmpeg_next::ffi::ENOMEM);
        let size = c_int::try_from(BUFFER_BYTES).unwrap_or(c_int::MAX);
        let seekable = self.input().reader.is_seekable();
        let formats = match self.input().reader {
            Reader::File(_) => FORMATS,
            Reader::Pieces(_) => FORMATS_IN_PIECES,
        };
        let opaque = self.input.as_ptr().cast::<c_void>();
        // SAFETY: each pointer is checked before use and owned by `self`, whose drop frees what
        // is there. The buffer belongs to the I/O context from its creation. `opaque` points
        // into a box that outlives both contexts. A failed open frees the format context and
        // nulls the pointer.
        unsafe {
            av_max_alloc(MAX_ALLOCATION_BYTES);
            let mut buffer = av_malloc(BUFFER_BYTES);
            if buffer.is_null() {
                return Err(OUT_OF_MEMORY);
            }
            self.io = avio_alloc_context(
                buffer.cast(),
                size,
                0,
                opaque,
                Some(input::read),
                None,
                Some(input::seek),
            );
            if self.io.is_null() {
                av_freep((&raw mut buffer).cast());
                return Err(OUT_OF_MEMORY);
            }
            (*self.io).seekable = c_int::from(seekable);
            self.packet = av_packet_alloc();
            self.context = avformat_alloc_context();
            if self.packet.is_null() || self.context.is_null() {
                return Err(OUT_OF_MEMORY);
            }
            let context = &mut *self.context;
            context.pb = self.io;
            context.flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FAST_SEEK;
            context.interrupt_callback = AVIOInterruptCB { callback: Some(input::is_cut), opaque };
            let mut options: *mut AVDictionary = ptr::null_mut();
            for (name, value) in [
                (c"format_whitelist", formats),
                // Nothing but what is handed in: a file cannot name another one.
                (c"protocol_whitelist", c"none"),
                (c"probesize", PROBE_BYTES),
                (c"formatprobesize", PROBE_BYTES),
                (c"analyzeduration", PROBE_MICROS),
                (c"max_streams", MAX_STREAMS),
            ] {
                av_dict_set(&raw mut options, name.as_ptr(), value.as_ptr(), 0);
            }
            let opened = avformat_open_input(
                &raw mut self.context,
                c"".as_ptr(),
                ptr::null(),
                &raw mut options,
            );
            av_dict_free(&raw mut options);
            if opened < 0 {
                return Err(opened);
            }
            self.leave_pictures_undecoded();
            let analysed = avformat_find_stream_info(self.context, ptr::null_mut());
            if analysed < 0 { Err(analysed) } else { Ok(()) }
        }
    }

    /// Formats whose headers tell all of their pictures need none decoded before the first is
    /// wanted: 25 to 60 ms of a core for 1080p.
    ///
    /// # Safety
    /// The context is open.
    unsafe fn leave_pictures_undecoded(&mut self) {
        // SAFETY: by contract; names and values are copied. A refused option changes nothing.
        unsafe {
            let name = CStr::from_ptr((*(*self.context).iformat).name).to_bytes();
            let format = PROBE_DECODERS.iter().find(|(format, _)| name.starts_with(format));
            let Some((_, decoders)) = format else { return };
            let context = self.context.cast::<c_void>();
            av_opt_set(context, c"codec_whitelist".as_ptr(), decoders.as_ptr(), 0);
            av_opt_set(context, c"fpsprobesize".as_ptr(), c"0".as_ptr(), 0);
        }
    }

    /// `None`: of another kind, or a picture of a cover.
    fn track_of(
        &self,
        stream: &AVStream,
        media: AVMediaType,
        kind: TrackKind,
    ) -> Result<Option<Track>, SourceError> {
        // SAFETY: the stream belongs to an open context, and has its parameters.
        let is_of_kind = unsafe { (*stream.codecpar).codec_type } == media;
        if !is_of_kind || stream.disposition & AV_DISPOSITION_ATTACHED_PIC != 0 {
            return Ok(None);
        }
        // SAFETY: as before.
        let track = unsafe {
            if has_side_data(stream, AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INIT_INFO) {
                return Err(SourceError::Encrypted);
            }
            init::track_of_stream(stream, kind, u32::try_from(stream.index).unwrap_or(0))?
        };
        Ok(Some(track))
    }

    fn choose(&mut self, index: c_int, stream: &AVStream, mut track: Track) {
        let kind = track.kind;
        if matches!(self.input().reader, Reader::Pieces(_)) {
            // Browsers append the pieces of playlists to a buffer of their own.
            track.unspecified_colours = UnspecifiedColours::Bt709;
        }
        let base = stream.time_base;
        let end = (0 < stream.duration).then(|| {
            let start = if stream.start_time == AV_NOPTS_VALUE { 0 } else { stream.start_time };
            micros_from_base(start.saturating_add(stream.duration), base.num, base.den)
        });
        self.tracks.push(SourceTrack { track, end: end.flatten().map(Pts) });
        self.streams.push(Stream {
            index,
            kind,
            last_end: None,
            last_duration_micros: EXPECTED_DURATION_MICROS,
        });
    }

    /// Takes a picture and a sound track, the first of each that can be played as in browsers,
    /// and leaves out the rest.
    fn choose_streams(&mut self) -> Result<(), SourceError> {
        for (media, kind) in [
            (AVMediaType::AVMEDIA_TYPE_VIDEO, TrackKind::Video),
            (AVMediaType::AVMEDIA_TYPE_AUDIO, TrackKind::Audio),
        ] {
            let mut refused = None;
            for index in 0.. {
                // SAFETY: the context is open.
                let Some(stream) = (unsafe { stream_at(self.context, index) }) else { break };
                match self.track_of(stream, media, kind) {
                    Ok(Some(track)) => {
                        refused = None;
                        self.choose(index, stream, track);
                        break;
                    }
                    Ok(None) => {}
                    Err(SourceError::Encrypted) => return Err(SourceError::Encrypted),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            refused.map_or(Ok(()), Err)?;
        }
        if self.tracks.is_empty() {
            return Err(SourceError::NotMedia);
        }
        let indices: Vec<_> = self.streams.iter().map(|stream| stream.index).collect();
        // SAFETY: the context is open and ours alone; it holds `nb_streams` valid pointers.
        unsafe {
            let context = &*self.context;
            for index in 0..context.nb_streams {
                let at = usize::try_from(index).unwrap_or(usize::MAX);
                let chosen = indices.contains(&c_int::try_from(index).unwrap_or(-1));
                if !chosen {
                    (**context.streams.add(at)).discard = AVDiscard::AVDISCARD_ALL;
                }
            }
            let known = context.duration != AV_NOPTS_VALUE && 0 < context.duration;
            let start = if context.start_time == AV_NOPTS_VALUE { 0 } else { context.start_time };
            self.begin_micros = start.clamp(-FAR_MICROS, FAR_MICROS);
            let start = start.clamp(0, FAR_MICROS);
            // Some containers tell where the media ends, the others how long it is.
            let name = CStr::from_ptr((*context.iformat).name).to_bytes();
            let tells_end = TELL_THEIR_END.iter().any(|format| name.starts_with(format));
            let end = match context.duration {
                end if tells_end && start <= end => end,
                length => length.saturating_add(start),
            };
            self.start = if NEAR_MICROS < start { Pts(start) } else { Pts::ZERO };
            self.duration_micros = (known && self.is_finite()).then_some(end);
        }
        Ok(())
    }

    /// The packet as a coded frame, if it is of a chosen track and has anything in it.
    fn take_packet(&mut self) -> Result<Option<Next>, SourceError> {
        // SAFETY: the packet was just filled; its data is null or holds `size` bytes.
        let (packet, data, encrypted) = unsafe {
            let packet = &*self.packet;
            let size = usize::try_from(packet.size).unwrap_or(0);
            let data = if packet.data.is_null() {
                &[][..]
            } else {
                std::slice::from_raw_parts(packet.data, size)
            };
            let kind = AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO;
            let info = av_packet_get_side_data(self.packet, kind, ptr::null_mut());
            (packet, data, !info.is_null())
        };
        let index = self.streams.iter().position(|stream| stream.index == packet.stream_index);
        let Some(index) = index else { return Ok(None) };
        if encrypted {
            return Err(SourceError::Encrypted);
        }
        if data.is_empty() {
            return Ok(None);
        }
        if MAX_FRAME_BYTES < u64::try_from(data.len()).unwrap_or(u64::MAX) {
            return Err(SourceError::TooLarge);
        }
        let data = Bytes::copy_from_slice(data);
        let (pts, dts, duration, key) =
            (packet.pts, packet.dts, packet.duration, packet.flags & AV_PKT_FLAG_KEY != 0);
        // SAFETY: the context is open.
        let base = unsafe { stream_at(self.context, packet.stream_index) }.map(|s| s.time_base);
        let Some(stream) = self.streams.get_mut(index) else { return Ok(None) };
        let micros = |ticks: i64| {
            let base = base.filter(|_| ticks != AV_NOPTS_VALUE)?;
            micros_from_base(ticks, base.num, base.den)
        };
        let duration_micros = match micros(duration) {
            Some(duration) if 0 < duration => duration,
            _ => stream.last_duration_micros,
        };
        let known = micros(pts).or(micros(dts)).map(|pts| pts.saturating_add(self.shift_micros));
        let last = stream.last_end.or(self.reached).unwrap_or(Pts::ZERO);
        let mut pts = known.map_or(last, Pts);
        let mut shift = self.shift_micros;
        if stream.last_end.is_some_and(|end| RESTART_MICROS < end.since(pts)) && key {
            // Another time line, as when a live stream starts its next piece.
            let gap = self.reached.unwrap_or(last).since(pts);
            shift = shift.saturating_add(gap);
            pts = pts.plus(gap);
        }
        self.shift_micros = shift;
        let dts = micros(dts).map_or(pts, |dts| Pts(dts.saturating_add(shift)).min(pts));
        let frame = CodedFrame {
            track_id: u32::try_from(packet.stream_index).unwrap_or(0),
            pts,
            dts,
            duration_micros,
            keyframe: key || stream.kind == TrackKind::Audio,
            data,
        };
        stream.last_duration_micros = duration_micros;
        stream.last_end = Some(stream.last_end.map_or(frame.end(), |end| end.max(frame.end())));
        self.reached = Some(self.reached.map_or(frame.end(), |end| end.max(frame.end())));
        Ok(Some(Next::Frame(index, frame)))
    }

    /// Why FFmpeg failed: what the input says comes first.
    fn cause(&mut self, error: c_int) -> SourceError {
        if let Some(failure) = self.input().failure.take() {
            return failure.into();
        }
        if self.input().budget == 0 {
            return SourceError::TooLarge;
        }
        match error {
            AVERROR_EXIT => SourceError::Network(FetchError::Cut),
            _ if self.context.is_null() => SourceError::NotMedia,
            _ => SourceError::Malformed,
        }
    }

    fn input(&mut self) -> &mut Input {
        // SAFETY: valid as long as `self`; the callbacks only run inside of calls to FFmpeg,
        // during which this borrow is not held.
        unsafe { self.input.as_mut() }
    }
}

impl Drop for Demux {
    fn drop(&mut self) {
        // SAFETY: all are owned or null. Closing leaves custom I/O alone and accepts null; the
        // buffer may have been replaced by FFmpeg, so it is freed through the I/O context.
        unsafe {
            av_packet_free(&raw mut self.packet);
            avformat_close_input(&raw mut self.context);
            if !self.io.is_null() {
                av_freep((&raw mut (*self.io).buffer).cast());
                avio_context_free(&raw mut self.io);
            }
            drop(Box::from_raw(self.input.as_ptr()));
        }
    }
}

/// A stream of an open context.
///
/// # Safety
/// `context` is open; the stream is not used after it is closed or changed.
unsafe fn stream_at<'a>(context: *mut AVFormatContext, index: c_int) -> Option<&'a AVStream> {
    // SAFETY: by contract; it holds `nb_streams` valid pointers.
    unsafe {
        let context = &*context;
        let at = u32::try_from(index).ok().filter(|at| *at < context.nb_streams)?;
        Some(&**context.streams.add(usize::try_from(at).ok()?))
    }
}

/// # Safety
/// The stream belongs to an open context.
unsafe fn has_side_data(stream: &AVStream, kind: AVPacketSideDataType) -> bool {
    // SAFETY: by contract; a null size pointer is allowed.
    unsafe { !av_stream_get_side_data(stream, kind, ptr::null_mut()).is_null() }
}
