//! Box headers (ISO/IEC 14496-12, 4.2).
//!
//! ```text
//!  size u32 | type [u8; 4] | large size u64, if size is 1 | user type [u8; 16], if `uuid` | body
//! ```
//! Size 0: the box reaches to the end of the stream; only a top-level box can.

use std::fmt;

use super::super::ParseError;
use super::super::reader::Reader;

/// A box type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FourCc(pub(crate) [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The start of a box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: FourCc,
    pub(super) header_bytes: u64,
    /// `None`: to the end of the stream. Otherwise at least `header_bytes`.
    pub(super) total_bytes: Option<u64>,
}

impl Header {
    /// Reads a header; `None` if it is not completely here.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, ParseError> {
        let Some(([s0, s1, s2, s3, kind @ ..], rest)) = bytes.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let kind = FourCc(*kind);
        if !kind.0.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == 0xa9) {
            return Err(ParseError::malformed(format!("box `{kind}`"), "not a box type"));
        }
        let (header_bytes, total_bytes) = match u32::from_be_bytes([*s0, *s1, *s2, *s3]) {
            0 => (8, None),
            1 => match rest.first_chunk() {
                Some(size) => (16, Some(u64::from_be_bytes(*size))),
                None => return Ok(None),
            },
            size => (8, Some(u64::from(size))),
        };
        if total_bytes.is_some_and(|total| total < header_bytes) {
            return Err(ParseError::malformed(format!("box `{kind}`"), "smaller than its header"));
        }
        Ok(Some(Self { kind, header_bytes, total_bytes }))
    }
}

/// A box inside of another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child<'a> {
    pub(super) kind: FourCc,
    pub(super) body: &'a [u8],
}

/// The boxes inside of a container box. Nothing is descended into, so nesting costs nothing.
pub(super) fn children<'a>(
    parent: &'static str,
    body: &'a [u8],
) -> impl Iterator<Item = Result<Child<'a>, ParseError>> {
    let mut reader = Reader::new(parent, body);
    std::iter::from_fn(move || {
        if reader.is_empty() {
            return None;
        }
        let child = next_child(&mut reader);
        if child.is_err() {
            reader = Reader::new(parent, &[]);
        }
        child.transpose()
    })
}

fn next_child<'a>(reader: &mut Reader<'a>) -> Result<Option<Child<'a>>, ParseError> {
    let rest = reader.rest();
    // Some muxers end a container with four zero bytes.
    if rest.len() < 8 && rest.iter().all(|byte| *byte == 0) {
        reader.take(rest.len())?;
        return Ok(None);
    }
    let header =
        Header::read(rest)?.ok_or_else(|| reader.malformed("a box inside ends too early"))?;
    let total = header.total_bytes.ok_or_else(|| reader.malformed("a box inside has no size"))?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let whole = rest
        .get(..total)
        .ok_or_else(|| reader.malformed("a box inside is larger than the box around it"))?;
    reader.take(total)?;
    let header_bytes = usize::try_from(header.header_bytes).unwrap_or(usize::MAX);
    Ok(whole.get(header_bytes..).map(|body| Child { kind: header.kind, body }))
}
