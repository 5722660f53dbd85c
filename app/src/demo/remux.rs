//! Any file FFmpeg reads, cut on the fly into the segments a streaming page would append.
//!
//! One muxer a track, so that pictures and sound travel as separate SourceBuffers as most
//! players do it: fragmented MP4, or WebM where the codec has no place in MP4. Nothing is
//! decoded or coded anew. Owner: the demo's page thread.
#![expect(unsafe_code, reason = "fragments are cut by a flush that ffmpeg-next does not wrap")]

use super::adts::AdtsToAsc;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::{Input, Output, StreamIo};
use ffmpeg_next::{Dictionary, Packet, Rational, codec, ffi, format, media};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const MICROS: Rational = Rational(1, 1_000_000);

/// Added to all timestamps, because fragments cannot tell negative ones (B-frames and encoder
/// delay begin before zero); the page takes it off again with `timestampOffset`.
pub(crate) const TIMESTAMP_LEAD_MICROS: i64 = 10_000_000;

/// Longest span of media in one fragment.
const FRAGMENT_MICROS: i64 = 1_000_000;

/// Reads that may fail in a row before the file counts as ended.
const MAX_DAMAGED: u32 = 100;

/// Packets that are looked at for the first key frame.
const PROBED_PACKETS: usize = 1000;

/// Bound on the bytes of one fragment, whatever its span.
const FRAGMENT_BYTES: usize = 8 << 20;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RemuxError {
    #[error("the file cannot be read as media: {detail} ({})", path.display())]
    Open { path: PathBuf, detail: String },
    #[error("the file holds no picture and no sound that can be played: {}", .0.display())]
    NoTracks(PathBuf),
    #[error("the {codec} track cannot be cut into segments: {detail}")]
    Mux { codec: String, detail: String },
}

/// What the page says of a track when it adds its SourceBuffer.
#[derive(Clone, Debug)]
pub(crate) struct TrackFacts {
    pub(crate) mime: String,
    pub(crate) video: bool,
}

/// Bytes to append to the SourceBuffer of `track`.
pub(crate) struct Fragment {
    pub(crate) track: usize,
    pub(crate) bytes: Vec<u8>,
    /// Media up to here has been handed out on this track.
    pub(crate) until_micros: i64,
}

/// The open file. Dropping it closes it.
pub(crate) struct Remux {
    path: PathBuf,
    input: Input,
    /// Of the file's timeline: what becomes zero.
    start_micros: i64,
    begin_micros: i64,
    duration_micros: Option<i64>,
    tracks: Vec<Track>,
}

struct Track {
    index: usize,
    facts: TrackFacts,
    container: &'static str,
    codec: String,
    time_base: Rational,
    muxer: Muxer,
    adts: Option<AdtsToAsc>,
    /// Pictures that may be decoded ahead of one shown before them.
    reorder_frames: i64,
    last_dts: Option<i64>,
    fragment_start: Option<i64>,
    until_micros: i64,
}

impl Remux {
    pub(crate) fn open(path: &Path) -> Result<Self, RemuxError> {
        let open_error = |error: ffmpeg_next::Error| RemuxError::Open {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        ffmpeg_next::init().map_err(open_error)?;
        // SAFETY: sets an integer inside FFmpeg; its own log lines are not for the user.
        unsafe { ffi::av_log_set_level(ffi::AV_LOG_FATAL) };
        let input = format::input(path).map_err(open_error)?;
        let prefer_webm = input.format().name().contains("webm");
        let mut tracks = Vec::new();
        for kind in [media::Type::Video, media::Type::Audio] {
            let Some(stream) = input.streams().best(kind) else { continue };
            let attached = stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC);
            if attached {
                continue;
            }
            tracks.push(Track::open(&stream, prefer_webm)?);
        }
        if tracks.is_empty() {
            return Err(RemuxError::NoTracks(path.to_owned()));
        }
        // SAFETY: the context is valid; the fields are plain integers.
        let (start, duration) =
            unsafe { ((*input.as_ptr()).start_time, (*input.as_ptr()).duration) };
        let begin = if start == ffi::AV_NOPTS_VALUE { 0 } else { start };
        // A page's append window begins at zero, and takes nothing after a key frame before it.
        let video = tracks.iter().find(|track| track.facts.video).map(|track| track.index);
        let key = video.and_then(|index| first_key(path, index));
        let start_micros = key.map_or(begin, |key| begin.min(key));
        let begin_micros = begin.saturating_sub(start_micros);
        let duration_micros = (0 < duration).then_some(duration.saturating_add(begin_micros));
        Ok(Self {
            path: path.to_owned(),
            input,
            start_micros,
            begin_micros,
            duration_micros,
            tracks,
        })
    }

    /// Where playing begins: what lies before is only there to be decoded.
    pub(crate) fn begin_micros(&self) -> i64 {
        self.begin_micros
    }

    pub(crate) fn duration_micros(&self) -> Option<i64> {
        self.duration_micros
    }

    pub(crate) fn tracks(&self) -> Vec<TrackFacts> {
        self.tracks.iter().map(|track| track.facts.clone()).collect()
    }

    /// The next fragments, in file order; empty at the end of the file.
    pub(crate) fn next_fragments(&mut self) -> Result<Vec<Fragment>, RemuxError> {
        let mut damaged = 0;
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => {}
                Err(ffmpeg_next::Error::Other { .. } | ffmpeg_next::Error::InvalidData)
                    if damaged < MAX_DAMAGED =>
                {
                    damaged += 1;
                    continue;
                }
                Err(_) => return self.finish(),
            }
            let Some(at) = self.tracks.iter().position(|track| track.index == packet.stream())
            else {
                continue;
            };
            let fragments = self.tracks[at].write(at, packet, self.start_micros)?;
            if !fragments.is_empty() {
                return Ok(fragments);
            }
        }
    }

    /// Goes on at the key frame at or before `to_micros`, with new init segments.
    pub(crate) fn seek(&mut self, to_micros: i64) -> Result<(), RemuxError> {
        let target = to_micros.saturating_add(self.start_micros);
        self.input.seek(target, ..target.saturating_add(1)).map_err(|error| RemuxError::Open {
            path: self.path.clone(),
            detail: error.to_string(),
        })?;
        for track in &mut self.tracks {
            let stream = self.input.stream(track.index);
            let stream = stream.ok_or_else(|| RemuxError::NoTracks(self.path.clone()))?;
            track.muxer = Muxer::open(&stream, track.container, &track.codec)?;
            track.adts = AdtsToAsc::for_stream(&stream).map_err(|error| RemuxError::Mux {
                codec: track.codec.clone(),
                detail: error.to_string(),
            })?;
            track.fragment_start = None;
            track.last_dts = None;
            track.until_micros = to_micros;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Fragment>, RemuxError> {
        let mut fragments = Vec::new();
        for (at, track) in self.tracks.iter_mut().enumerate() {
            if track.fragment_start.take().is_some() {
                let bytes = track.muxer.finish();
                if !bytes.is_empty() {
                    let until_micros = track.until_micros;
                    fragments.push(Fragment { track: at, bytes, until_micros });
                }
            }
        }
        Ok(fragments)
    }
}

/// Time of the first key frame of a file's track, if it comes early.
fn first_key(path: &Path, track: usize) -> Option<i64> {
    let mut input = format::input(path).ok()?;
    let time_base = input.stream(track)?.time_base();
    for _ in 0..PROBED_PACKETS {
        let mut packet = Packet::empty();
        packet.read(&mut input).ok()?;
        if packet.stream() == track && packet.is_key() {
            packet.rescale_ts(time_base, MICROS);
            return packet.pts();
        }
    }
    None
}

impl Track {
    fn open(stream: &format::stream::Stream<'_>, prefer_webm: bool) -> Result<Self, RemuxError> {
        let parameters = stream.parameters();
        let id = parameters.id();
        let codec = id.name().to_owned();
        let webm = match id {
            Id::VP8 | Id::VORBIS => true,
            Id::VP9 | Id::AV1 | Id::OPUS => prefer_webm,
            _ => false,
        };
        let container = if webm { "webm" } else { "mp4" };
        let video = parameters.medium() == media::Type::Video;
        let kind = if video { "video" } else { "audio" };
        let mime = format!("{kind}/{container}; codecs=\"{}\"", codecs_parameter(id));
        Ok(Self {
            index: stream.index(),
            facts: TrackFacts { mime, video },
            container,
            time_base: stream.time_base(),
            muxer: Muxer::open(stream, container, &codec)?,
            adts: AdtsToAsc::for_stream(stream).map_err(|error| RemuxError::Mux {
                codec: codec.clone(),
                detail: error.to_string(),
            })?,
            codec,
            // SAFETY: the parameters are valid; the field is a plain integer.
            reorder_frames: i64::from(unsafe { (*parameters.as_ptr()).video_delay }),
            last_dts: None,
            fragment_start: None,
            until_micros: 0,
        })
    }

    /// Fills in what the container does not say: Matroska has no decode timestamps.
    fn times(&mut self, pts: Option<i64>, dts: Option<i64>, duration: i64) -> (i64, i64) {
        let next = self.last_dts.map(|last| last.saturating_add(duration.max(1)));
        let start = self.until_micros.saturating_add(TIMESTAMP_LEAD_MICROS);
        let reorder = self.reorder_frames.saturating_mul(duration.max(0));
        let known = dts.or(next).or(pts.map(|pts| pts.saturating_sub(reorder)));
        let mut dts = known.unwrap_or(start);
        let pts = pts.unwrap_or(dts);
        dts = dts.min(pts);
        if let Some(last) = self.last_dts {
            dts = dts.max(last.saturating_add(1));
        }
        self.last_dts = Some(dts);
        (pts.max(dts), dts)
    }

    /// Takes one packet; hands out the fragment that ended before it.
    fn write(
        &mut self,
        at: usize,
        mut packet: Packet,
        start_micros: i64,
    ) -> Result<Vec<Fragment>, RemuxError> {
        packet.rescale_ts(self.time_base, MICROS);
        let shift = |time: Option<i64>| {
            time.map(|time| time.saturating_sub(start_micros).saturating_add(TIMESTAMP_LEAD_MICROS))
        };
        let (pts, dts) = self.times(shift(packet.pts()), shift(packet.dts()), packet.duration());
        packet.set_dts(Some(dts));
        packet.set_pts(Some(pts));
        let start = *self.fragment_start.get_or_insert(dts);
        let long = FRAGMENT_MICROS <= dts.saturating_sub(start);
        let cut = (long && (packet.is_key() || !self.facts.video))
            || FRAGMENT_BYTES <= self.muxer.pending_bytes;
        let mut fragments = Vec::new();
        if cut {
            let bytes = self.muxer.cut();
            self.fragment_start = Some(dts);
            if !bytes.is_empty() {
                fragments.push(Fragment { track: at, bytes, until_micros: self.until_micros });
            }
        }
        let end = pts.saturating_add(packet.duration().max(0));
        self.until_micros = self.until_micros.max(end.saturating_sub(TIMESTAMP_LEAD_MICROS));
        let failed = |error: ffmpeg_next::Error| RemuxError::Mux {
            codec: self.codec.clone(),
            detail: error.to_string(),
        };
        if let Some(adts) = &mut self.adts {
            adts.filter(&mut packet).map_err(failed)?;
        }
        self.muxer.write(&mut packet).map_err(failed)?;
        Ok(fragments)
    }
}

/// One track's muxer and the bytes it has written.
struct Muxer {
    output: Output,
    time_base: Rational,
    sink: Sink,
    pending_bytes: usize,
}

impl Muxer {
    fn open(
        stream: &format::stream::Stream<'_>,
        container: &'static str,
        codec: &str,
    ) -> Result<Self, RemuxError> {
        let failed = |error: ffmpeg_next::Error| RemuxError::Mux {
            codec: codec.to_owned(),
            detail: format!("{error}; choose a file with H.264, H.265, VP8, VP9 or AV1 pictures"),
        };
        let sink = Sink::default();
        let io = StreamIo::from_write(sink.clone()).map_err(failed)?;
        let mut output = format::output_to_stream(io, None, Some(container)).map_err(failed)?;
        {
            let mut added = output.add_stream(Id::None).map_err(failed)?;
            added.set_parameters(stream.parameters());
            added.set_time_base(MICROS);
            // SAFETY: both streams are valid; the tag of another container is cleared so that
            // the muxer chooses its own, the shape of the pixels and the rotation are copied.
            unsafe {
                let target = added.as_mut_ptr();
                (*(*target).codecpar).codec_tag = 0;
                (*target).sample_aspect_ratio = (*stream.as_ptr()).sample_aspect_ratio;
                copy_display_matrix(stream, target);
            }
        }
        let mut options = Dictionary::new();
        if container == "mp4" {
            // Absolute times in every fragment, sample entry written once it is known.
            let flags = "frag_custom+delay_moov+default_base_moof+frag_discont";
            options.set("movflags", flags);
            options.set("strict", "experimental");
        } else {
            // Clusters end where fragments do: within one a gap between pictures is how long the
            // one before it stays, between two it is a gap in the media.
            options.set("cluster_time_limit", "30000");
            options.set("cluster_size_limit", &FRAGMENT_BYTES.to_string());
        }
        output.write_header_with(options).map_err(failed)?;
        let time_base = output.stream(0).map_or(MICROS, |stream| stream.time_base());
        Ok(Self { output, time_base, sink, pending_bytes: 0 })
    }

    fn write(&mut self, packet: &mut Packet) -> Result<(), ffmpeg_next::Error> {
        self.pending_bytes = self.pending_bytes.saturating_add(packet.size());
        packet.rescale_ts(MICROS, self.time_base);
        packet.set_stream(0);
        packet.set_position(-1);
        // Interleaved: this path also converts Annex B and ADTS as MP4 needs it.
        packet.write_interleaved(&mut self.output)
    }

    /// Ends the fragment and takes what has been written since the last one.
    fn cut(&mut self) -> Vec<u8> {
        self.pending_bytes = 0;
        // SAFETY: the context is open for writing; null packets flush the interleaving queue
        // and then the muxer's own fragment (av_interleaved_write_frame, av_write_frame).
        unsafe {
            ffi::av_interleaved_write_frame(self.output.as_mut_ptr(), std::ptr::null_mut());
            ffi::av_write_frame(self.output.as_mut_ptr(), std::ptr::null_mut());
            ffi::avio_flush((*self.output.as_mut_ptr()).pb);
        }
        self.sink.take()
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut bytes = self.cut();
        if self.output.write_trailer().is_ok() {
            bytes.extend(self.sink.take());
        }
        bytes
    }
}

/// Copies the rotation, which is not part of the codec parameters.
///
/// # Safety
/// `target` is a valid stream of an output that has not written its header.
unsafe fn copy_display_matrix(source: &format::stream::Stream<'_>, target: *mut ffi::AVStream) {
    for side_data in source.side_data() {
        if side_data.kind() == codec::packet::side_data::Type::DisplayMatrix {
            let data = side_data.data();
            // SAFETY: the target is valid by contract; FFmpeg allocates `len` bytes.
            unsafe {
                let copy = ffi::av_stream_new_side_data(
                    target,
                    ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX,
                    data.len(),
                );
                if !copy.is_null() {
                    std::ptr::copy_nonoverlapping(data.as_ptr(), copy, data.len());
                }
            }
        }
    }
}

/// The codecs parameter (RFC 6381) as a page would give it, without the exact profile.
fn codecs_parameter(id: Id) -> &'static str {
    match id {
        Id::H264 => "avc1.640028",
        Id::HEVC => "hvc1.1.6.L120.90",
        Id::VP8 => "vp8",
        Id::VP9 => "vp09.00.40.08",
        Id::AV1 => "av01.0.08M.08",
        Id::AAC => "mp4a.40.2",
        Id::MP3 => "mp4a.6B",
        Id::OPUS => "opus",
        Id::VORBIS => "vorbis",
        Id::FLAC => "flac",
        // Said as it is: the device refuses it with the codec's name.
        other => other.name(),
    }
}

/// Where a muxer writes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Makes a clip with these codecs and cuts it: bytes per track, and where each ends.
    fn cut(name: &str, codecs: &[&str]) -> Vec<(usize, i64)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let made = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=3"])
            .args(["-f", "lavfi", "-i", "sine=440:r=48000:d=3"])
            .args(codecs)
            .arg(&path)
            .status()
            .expect("the ffmpeg program is installed");
        assert!(made.success());
        let mut remux = Remux::open(&path).unwrap();
        let mut tracks = vec![(0, 0); remux.tracks().len()];
        loop {
            let fragments = remux.next_fragments().unwrap();
            if fragments.is_empty() {
                return tracks;
            }
            for fragment in fragments {
                let (bytes, until) = &mut tracks[fragment.track];
                *bytes += fragment.bytes.len();
                *until = fragment.until_micros;
            }
        }
    }

    #[test]
    fn every_container_comes_out_whole() {
        let cases: [(&str, &[&str]); 5] = [
            ("a.mp4", &["-c:v", "libx264", "-bf", "2", "-c:a", "aac"]),
            ("a.mkv", &["-c:v", "libx264", "-bf", "2", "-c:a", "aac"]),
            ("a.ts", &["-c:v", "libx264", "-bf", "2", "-c:a", "aac"]),
            ("vp8.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"]),
            ("vp9.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"]),
        ];
        for (name, codecs) in cases {
            for (bytes, until) in cut(name, codecs) {
                assert!(2_000 < bytes, "{name}: {bytes} bytes");
                assert!((2_900_000..3_200_000).contains(&until), "{name}: until {until}");
            }
        }
    }
}
