//! WebM byte stream: `EBML Segment Info Tracks Cluster*`, sizes known or unknown.
//!
//! ```text
//!            EBML, Segment, Info + Tracks: Init       Cluster: SegmentStart
//!  Outside ────────────────────────────────▶ Outside ───────────────────────▶ Inside
//!     ▲                                                                         │ Frame …
//!     └── end of the cluster, or an element that cannot be inside: SegmentEnd ──┘
//! ```
//!
//! Timestamps are those of the blocks less the track's CodecDelay, so that sound starts with
//! its first audible sample. Decoding order is presentation order in WebM: dts = pts.

mod block;
mod ebml;
mod header;
mod timing;

use bytes::Bytes;

pub(crate) use header::Header;

use self::block::Block;
use self::ebml::{Header as Element, id, name, unsigned};
use self::timing::TrackTiming;
use super::input::Input;
use super::{Event, MAX_BOX_BYTES, MAX_FRAME_BYTES, ParseError};

/// A Segment of unknown size: what follows in the stream is not part of the init segment.
const SEGMENT_START: [u8; 5] = [0x18, 0x53, 0x80, 0x67, 0xff];

#[derive(Debug, Default)]
pub(super) struct Parser {
    input: Input,
    cluster: Option<Cluster>,
    pending: PendingInit,
    header: Option<Header>,
    tracks: Vec<TrackTiming>,
}

/// An init segment that is arriving: whole elements, headers included.
#[derive(Debug, Default)]
struct PendingInit {
    ebml: Vec<u8>,
    info: Vec<u8>,
    tracks: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Cluster {
    /// Stream position. `None`: unknown.
    end: Option<u64>,
    timestamp: Option<u64>,
}

impl Parser {
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Event),
    ) -> Result<(), ParseError> {
        self.input.push(bytes);
        while !self.input.discarding() && self.next_element(sink)? {}
        // A cluster can end exactly where the bytes do.
        if !self.input.discarding() {
            self.leave_finished_cluster(sink);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, sink: &mut impl FnMut(Event)) {
        for track in &mut self.tracks {
            track.release(None, sink);
        }
    }

    pub(super) fn reset(&mut self) {
        self.input = Input::default();
        self.cluster = None;
        self.pending = PendingInit::default();
    }

    /// Takes one element; false if it is not here yet.
    fn next_element(&mut self, sink: &mut impl FnMut(Event)) -> Result<bool, ParseError> {
        self.leave_finished_cluster(sink);
        let Some(element) = Element::read(self.input.unread())? else { return Ok(false) };
        if let Some(cluster) = self.cluster {
            if cluster.end.is_some() || !ends_cluster(element.id) {
                return self.inside(element, cluster, sink);
            }
            self.leave_cluster(sink);
        }
        self.outside(element, sink)
    }

    fn outside(
        &mut self,
        element: Element,
        sink: &mut impl FnMut(Event),
    ) -> Result<bool, ParseError> {
        let header_bytes = u64::try_from(element.header_bytes).unwrap_or(u64::MAX);
        match element.id {
            id::SEGMENT => self.input.discard(header_bytes),
            id::CLUSTER => {
                if self.header.is_none() {
                    return Err(ParseError::MissingInit);
                }
                self.input.discard(header_bytes);
                let start = self.input.position();
                let end = element.body_bytes.map(|size| start.saturating_add(size));
                self.cluster = Some(Cluster { end, timestamp: None });
                sink(Event::SegmentStart);
            }
            id::INFO | id::TRACKS if self.pending.ebml.is_empty() => {
                // Repeated in mid-stream: only an EBML header begins a new init segment.
                if self.header.is_none() {
                    return Err(ParseError::malformed(name(element.id), "no EBML header before"));
                }
                self.input.discard(whole_bytes(element, MAX_BOX_BYTES)?);
            }
            id::EBML | id::INFO | id::TRACKS => {
                let total = whole_bytes(element, MAX_BOX_BYTES)?;
                let Some(bytes) = self.input.take(total) else { return Ok(false) };
                let place = match element.id {
                    id::EBML => &mut self.pending.ebml,
                    id::INFO => &mut self.pending.info,
                    _ => &mut self.pending.tracks,
                };
                *place = bytes.to_vec();
                if element.id == id::EBML {
                    self.pending.info.clear();
                    self.pending.tracks.clear();
                }
                self.finish_init(sink)?;
            }
            id if ends_cluster(id) || matches!(id, 0xEC | 0xBF) => {
                self.input.discard(whole_bytes(element, MAX_BOX_BYTES)?);
            }
            id => return Err(ParseError::malformed(name(id), "cannot stand here")),
        }
        Ok(true)
    }

    /// Emits the init segment once Info and Tracks are here.
    fn finish_init(&mut self, sink: &mut impl FnMut(Event)) -> Result<(), ParseError> {
        if self.pending.info.is_empty() || self.pending.tracks.is_empty() {
            return Ok(());
        }
        let PendingInit { ebml, info, tracks } = std::mem::take(&mut self.pending);
        let init = [&ebml[..], &SEGMENT_START, &info, &tracks].concat();
        let header = Header::from_init(&init)?;
        self.flush(sink);
        self.tracks = header.tracks.iter().cloned().map(TrackTiming::new).collect();
        self.header = Some(header);
        sink(Event::Init(Bytes::from(init)));
        Ok(())
    }

    fn inside(
        &mut self,
        element: Element,
        cluster: Cluster,
        sink: &mut impl FnMut(Event),
    ) -> Result<bool, ParseError> {
        let is_block = matches!(element.id, id::SIMPLE_BLOCK | id::BLOCK_GROUP);
        let limit = if is_block { MAX_FRAME_BYTES } else { MAX_BOX_BYTES };
        let total = whole_bytes(element, limit)?;
        let end = self.input.position().saturating_add(total);
        if cluster.end.is_some_and(|cluster_end| cluster_end < end) {
            return Err(ParseError::malformed(name(element.id), "reaches beyond its cluster"));
        }
        if !is_block && element.id != id::TIMESTAMP {
            self.input.discard(total);
            return Ok(true);
        }
        let Some(bytes) = self.input.take(total) else { return Ok(false) };
        let body = bytes.get(element.header_bytes..).unwrap_or_default();
        if element.id == id::TIMESTAMP {
            let timestamp = Some(unsigned("Cluster timestamp", body)?);
            self.cluster = Some(Cluster { timestamp, ..cluster });
            return Ok(true);
        }
        let block = match element.id {
            id::SIMPLE_BLOCK => Some(Block::simple(body)?),
            _ => Block::group(body)?,
        };
        let Some(block) = block else { return Ok(true) };
        let timestamp = cluster
            .timestamp
            .ok_or_else(|| ParseError::malformed("Cluster", "block before the timestamp"))?;
        let header = self.header.as_ref().ok_or(ParseError::MissingInit)?;
        let track = self.tracks.iter_mut().find(|track| track.number() == block.track);
        let track = track.ok_or_else(|| {
            ParseError::malformed("block", "names a track the init segment lacks")
        })?;
        track.block(header, timestamp, &block, sink)?;
        Ok(true)
    }

    fn leave_finished_cluster(&mut self, sink: &mut impl FnMut(Event)) {
        let end = self.cluster.and_then(|cluster| cluster.end);
        if end.is_some_and(|end| end <= self.input.position()) {
            self.leave_cluster(sink);
        }
    }

    fn leave_cluster(&mut self, sink: &mut impl FnMut(Event)) {
        self.cluster = None;
        self.flush(sink);
        sink(Event::SegmentEnd);
    }
}

/// Size of an element that must have a known size, header included.
fn whole_bytes(element: Element, limit: u64) -> Result<u64, ParseError> {
    let body = element
        .body_bytes
        .ok_or_else(|| ParseError::malformed(name(element.id), "must not be of unknown size"))?;
    ParseError::limit(name(element.id), body, limit)?;
    Ok(body.saturating_add(u64::try_from(element.header_bytes).unwrap_or(u64::MAX)))
}

/// Elements that stand beside a cluster, never inside.
fn ends_cluster(element: u32) -> bool {
    matches!(
        element,
        id::EBML
            | id::SEGMENT
            | id::SEEK_HEAD
            | id::INFO
            | id::TRACKS
            | id::CUES
            | id::CHAPTERS
            | id::ATTACHMENTS
            | id::TAGS
            | id::CLUSTER
    )
}
