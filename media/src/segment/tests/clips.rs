//! Clips made by the `ffmpeg` program, and what `ffprobe` says of them.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::segment::{CodedFrame, Container, Event, ParseError, Parser};

/// A picture that moves and a tone, two seconds long.
pub(crate) const VIDEO: &[&str] = &["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=2"];
pub(crate) const AUDIO: &[&str] =
    &["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"];
pub(crate) const FRAGMENTED: &[&str] =
    &["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4"];

/// A media file that is deleted with its value.
pub(crate) struct Clip {
    pub(crate) bytes: Vec<u8>,
    path: PathBuf,
    _folder: TempDir,
}

/// One packet as `ffprobe` shows it. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) stream: usize,
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: Option<i64>,
    pub(crate) keyframe: bool,
    pub(crate) size: usize,
}

impl Clip {
    /// Runs `ffmpeg` with the arguments of all parts, one after the other.
    pub(crate) fn make(parts: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("clip");
        let output = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-threads", "2"])
            .args(parts.concat())
            .arg(&path)
            .output()
            .expect("the ffmpeg program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ffmpeg {parts:?}: {errors}");
        let bytes = std::fs::read(&path).expect("ffmpeg wrote the clip");
        Self { bytes, path, _folder: folder }
    }

    pub(crate) fn packets(&self) -> Vec<Packet> {
        let entries = "packet=stream_index,pts_time,dts_time,duration_time,size,flags";
        let output = Command::new("ffprobe")
            .args(["-loglevel", "error", "-show_packets", "-show_entries", entries])
            .args(["-of", "compact=p=0"])
            .arg(&self.path)
            .output()
            .expect("the ffprobe program runs");
        String::from_utf8_lossy(&output.stdout).lines().filter_map(packet).collect()
    }
}

fn packet(line: &str) -> Option<Packet> {
    let field =
        |name: &str| line.split('|').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    Some(Packet {
        stream: field("stream_index")?.parse().ok()?,
        pts: micros(field("pts_time")?)?,
        dts: micros(field("dts_time")?)?,
        duration: field("duration_time").and_then(micros),
        keyframe: field("flags")?.contains('K'),
        size: field("size")?.parse().ok()?,
    })
}

/// Exact: `ffprobe` prints six decimals.
fn micros(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.')?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = fraction.parse().ok()?;
    Some(whole * 1_000_000 + sign * fraction)
}

/// All events of a stream that arrives in `pieces`.
pub(crate) fn parse<'a>(
    container: Container,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Event>, ParseError> {
    let mut parser = Parser::new(container);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(piece, &mut |event| events.push(event))?;
    }
    parser.flush(&mut |event| events.push(event));
    Ok(events)
}

pub(crate) fn frames(events: &[Event]) -> Vec<CodedFrame> {
    let frame = |event: &Event| match event {
        Event::Frame(frame) => Some(frame.clone()),
        _ => None,
    };
    events.iter().filter_map(frame).collect()
}

pub(crate) fn init(events: &[Event]) -> bytes::Bytes {
    let init = |event: &Event| match event {
        Event::Init(init) => Some(init.clone()),
        _ => None,
    };
    events.iter().find_map(init).expect("an init segment")
}
