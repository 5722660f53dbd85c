//! EBML element headers and values (RFC 8794).
//!
//! A header is an id of 1 to 4 bytes, its length marker kept, and a size of 1 to 8 bytes, its
//! length marker dropped. A size of all ones means: unknown until the next element that cannot
//! be inside.

use super::super::ParseError;
use super::super::reader::Reader;

/// Element ids (Matroska, RFC 9559).
pub(super) mod id {
    pub(in crate::segment) const EBML: u32 = 0x1A45_DFA3;
    pub(in crate::segment) const SEGMENT: u32 = 0x1853_8067;
    pub(in crate::segment) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(in crate::segment) const INFO: u32 = 0x1549_A966;
    pub(in crate::segment) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(in crate::segment) const DURATION: u32 = 0x4489;
    pub(in crate::segment) const TRACKS: u32 = 0x1654_AE6B;
    pub(in crate::segment) const TRACK_ENTRY: u32 = 0xAE;
    pub(in crate::segment) const TRACK_NUMBER: u32 = 0xD7;
    pub(in crate::segment) const TRACK_UID: u32 = 0x73C5;
    pub(in crate::segment) const TRACK_TYPE: u32 = 0x83;
    pub(in crate::segment) const DEFAULT_DURATION: u32 = 0x23_E383;
    pub(in crate::segment) const CODEC_ID: u32 = 0x86;
    pub(in crate::segment) const VIDEO: u32 = 0xE0;
    pub(in crate::segment) const ALPHA_MODE: u32 = 0x53C0;
    pub(in crate::segment) const CODEC_DELAY: u32 = 0x56AA;
    pub(in crate::segment) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(in crate::segment) const CONTENT_ENCODINGS: u32 = 0x6D80;
    pub(in crate::segment) const CONTENT_ENCODING: u32 = 0x6240;
    pub(in crate::segment) const CONTENT_ENCRYPTION: u32 = 0x5035;
    pub(in crate::segment) const CUES: u32 = 0x1C53_BB6B;
    pub(in crate::segment) const CHAPTERS: u32 = 0x1043_A770;
    pub(in crate::segment) const ATTACHMENTS: u32 = 0x1941_A469;
    pub(in crate::segment) const TAGS: u32 = 0x1254_C367;
    pub(in crate::segment) const CLUSTER: u32 = 0x1F43_B675;
    pub(in crate::segment) const TIMESTAMP: u32 = 0xE7;
    pub(in crate::segment) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in crate::segment) const BLOCK_GROUP: u32 = 0xA0;
    pub(in crate::segment) const BLOCK: u32 = 0xA1;
    pub(in crate::segment) const BLOCK_DURATION: u32 = 0x9B;
    pub(in crate::segment) const REFERENCE_BLOCK: u32 = 0xFB;
}

/// The start of an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) id: u32,
    pub(super) header_bytes: usize,
    /// `None`: unknown.
    pub(super) body_bytes: Option<u64>,
}

impl Header {
    /// Reads a header; `None` if it is not completely here.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, ParseError> {
        let Some(first) = bytes.first() else { return Ok(None) };
        let id_bytes = marker_len(*first, 4)
            .ok_or_else(|| ParseError::malformed("WebM", "not an element id"))?;
        let Some((id, rest)) = bytes.split_at_checked(id_bytes) else { return Ok(None) };
        let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let Some(first) = rest.first() else { return Ok(None) };
        let size_bytes = marker_len(*first, 8)
            .ok_or_else(|| ParseError::malformed(name(id), "not an element size"))?;
        let Some(size) = rest.get(..size_bytes) else { return Ok(None) };
        let (size, unknown) = without_marker(size);
        let body_bytes = (!unknown).then_some(size);
        Ok(Some(Self { id, header_bytes: id_bytes + size_bytes, body_bytes }))
    }
}

/// How an element is called in messages.
pub(super) fn name(id: u32) -> String {
    match id {
        id::EBML => "EBML header".into(),
        id::SEGMENT => "Segment".into(),
        id::INFO => "Info".into(),
        id::TRACKS => "Tracks".into(),
        id::CLUSTER => "Cluster".into(),
        id::SIMPLE_BLOCK => "SimpleBlock".into(),
        id::BLOCK_GROUP => "BlockGroup".into(),
        id => format!("element {id:X}"),
    }
}

/// The elements inside of a master element.
pub(super) fn children<'a>(
    parent: &'static str,
    body: &'a [u8],
) -> impl Iterator<Item = Result<(u32, &'a [u8]), ParseError>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let child = next_child(parent, &mut rest);
        if child.is_err() {
            rest = &[];
        }
        Some(child)
    })
}

fn next_child<'a>(
    parent: &'static str,
    rest: &mut &'a [u8],
) -> Result<(u32, &'a [u8]), ParseError> {
    let malformed = || ParseError::malformed(parent, "an element inside ends too early");
    let header = Header::read(rest)?.ok_or_else(malformed)?;
    let size = header.body_bytes.ok_or_else(malformed)?;
    let end = usize::try_from(size).ok().and_then(|size| size.checked_add(header.header_bytes));
    let (element, tail) = end.and_then(|end| rest.split_at_checked(end)).ok_or_else(malformed)?;
    *rest = tail;
    Ok((header.id, &element[header.header_bytes..]))
}

/// An unsigned integer of 0 to 8 bytes.
pub(super) fn unsigned(element: &'static str, body: &[u8]) -> Result<u64, ParseError> {
    if 8 < body.len() {
        return Err(ParseError::malformed(element, "integer of more than 8 bytes"));
    }
    Ok(body.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// A float of 0, 4 or 8 bytes.
pub(super) fn float(element: &'static str, body: &[u8]) -> Result<f64, ParseError> {
    let mut reader = Reader::new(element, body);
    match body.len() {
        0 => Ok(0.0),
        4 => reader.array().map(|bytes| f32::from_be_bytes(bytes).into()),
        8 => reader.array().map(f64::from_be_bytes),
        _ => Err(reader.malformed("float of neither 4 nor 8 bytes")),
    }
}

/// A variable-length integer without its marker, as track numbers and lace sizes are written.
/// The second value is its length in bytes.
pub(super) fn vint(reader: &mut Reader<'_>) -> Result<(u64, usize), ParseError> {
    let len = reader
        .rest()
        .first()
        .and_then(|first| marker_len(*first, 8))
        .ok_or_else(|| reader.malformed("not a variable-length integer"))?;
    let (value, _) = without_marker(reader.take(len)?);
    Ok((value, len))
}

fn marker_len(first: u8, max: usize) -> Option<usize> {
    let len = usize::try_from(first.leading_zeros()).ok()?.checked_add(1)?;
    (len <= max).then_some(len)
}

/// The value, and whether all its bits are ones.
fn without_marker(bytes: &[u8]) -> (u64, bool) {
    let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let mask = u64::MAX >> (64 - 7 * bytes.len().clamp(1, 8));
    (value & mask, value & mask == mask)
}
