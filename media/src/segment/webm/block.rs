//! Blocks and their lacing (RFC 9559, 10).
//!
//! ```text
//!  track number vint | timestamp i16 | flags u8 | [lace header] | frames
//! ```

use super::super::ParseError;
use super::super::reader::Reader;
use super::ebml::{children, id, unsigned, vint};

/// A parsed SimpleBlock or BlockGroup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) track: u64,
    /// Steps after the cluster's timestamp.
    pub(super) timestamp: i16,
    pub(super) keyframe: bool,
    /// Steps of all frames together.
    pub(super) duration: Option<u64>,
    /// At least one, at most 256.
    pub(super) frames: Vec<&'a [u8]>,
}

impl<'a> Block<'a> {
    pub(super) fn simple(body: &'a [u8]) -> Result<Self, ParseError> {
        Self::parse(Reader::new("SimpleBlock", body))
    }

    /// Parses a BlockGroup. `None` if there is no Block inside.
    pub(super) fn group(body: &'a [u8]) -> Result<Option<Self>, ParseError> {
        let (mut block, mut duration, mut keyframe) = (None, None, true);
        for child in children("BlockGroup", body) {
            match child? {
                (id::BLOCK, body) => block = Some(Self::parse(Reader::new("Block", body))?),
                (id::BLOCK_DURATION, body) => duration = Some(unsigned("BlockDuration", body)?),
                (id::REFERENCE_BLOCK, _) => keyframe = false,
                _ => {}
            }
        }
        Ok(block.map(|block| Self { duration, keyframe, ..block }))
    }

    fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let (track, _) = vint(&mut reader)?;
        let timestamp = reader.i16()?;
        let flags = reader.u8()?;
        let frames = match flags >> 1 & 3 {
            0 => vec![reader.rest()],
            lacing => {
                let count = usize::from(reader.u8()?) + 1;
                let sizes = match lacing {
                    1 => xiph_sizes(&mut reader, count)?,
                    2 => fixed_sizes(&reader, count)?,
                    _ => ebml_sizes(&mut reader, count)?,
                };
                sizes.into_iter().map(|size| reader.take(size)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { track, timestamp, keyframe: flags & 0x80 != 0, duration: None, frames })
    }
}

fn xiph_sizes(reader: &mut Reader<'_>, count: usize) -> Result<Vec<usize>, ParseError> {
    let mut sizes = Vec::with_capacity(count);
    for _ in 1..count {
        let mut size = 0usize;
        loop {
            let byte = reader.u8()?;
            size = size.saturating_add(byte.into());
            if byte != 255 {
                break;
            }
        }
        sizes.push(size);
    }
    with_last(reader, sizes)
}

fn fixed_sizes(reader: &Reader<'_>, count: usize) -> Result<Vec<usize>, ParseError> {
    let total = reader.rest().len();
    if !total.is_multiple_of(count) {
        return Err(reader.malformed("laced frames are not of one size"));
    }
    Ok(vec![total / count; count])
}

fn ebml_sizes(reader: &mut Reader<'_>, count: usize) -> Result<Vec<usize>, ParseError> {
    let mut sizes = Vec::with_capacity(count);
    let mut size = 0i64;
    for index in 1..count {
        let (value, len) = vint(reader)?;
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        // The first is a size, the others are differences with a bias.
        let bias = if index == 1 { 0 } else { (1i64 << (7 * len - 1)) - 1 };
        size = size.saturating_add(value - bias);
        sizes.push(usize::try_from(size).map_err(|_| reader.malformed("lace of negative size"))?);
    }
    with_last(reader, sizes)
}

/// The last frame takes what is left.
fn with_last(reader: &Reader<'_>, mut sizes: Vec<usize>) -> Result<Vec<usize>, ParseError> {
    let used = sizes.iter().fold(0usize, |sum, size| sum.saturating_add(*size));
    let last = reader.rest().len().checked_sub(used);
    sizes.push(last.ok_or_else(|| reader.malformed("laces are larger than the block"))?);
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Track 1, timestamp 2, then what each case adds.
    fn check(flags: u8, tail: &[u8], sizes: Option<&[usize]>) {
        let mut body = vec![0x81, 0, 2, flags];
        body.extend_from_slice(tail);
        let parsed = Block::simple(&body).ok();
        let found = parsed.map(|block| block.frames.iter().map(|f| f.len()).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), sizes, "flags {flags:#x}, {tail:x?}");
    }

    #[test]
    fn laces() {
        check(0x80, &[9, 9, 9], Some(&[3]));
        check(0x80, &[], Some(&[0]));
        check(0x82, &[2, 1, 2, 9, 8, 8, 7, 7, 7], Some(&[1, 2, 3]));
        check(0x82, &[1, 255, 1], None);
        check(0x84, &[1, 9, 9, 8, 8], Some(&[2, 2]));
        check(0x84, &[1, 9, 9, 8], None);
        // 0x81: size 1; 0xc0: difference 64 - 63 = +1; the rest is the last one.
        check(0x86, &[2, 0x81, 0xc0, 9, 8, 8, 7], Some(&[1, 2, 1]));
        check(0x86, &[2, 0x81, 0x80, 9, 8, 8, 7], None);
        check(0x86, &[1, 0x8f, 9], None);
        check(0x86, &[], None);
    }

    #[test]
    fn a_group_with_a_reference_is_no_keyframe() {
        let block = [0xa1, 0x85, 0x81, 0, 2, 0, 9];
        let with_duration = [&block[..], &[0x9b, 0x81, 20]].concat();
        let with_reference = [&block[..], &[0xfb, 0x81, 0xff]].concat();
        for (body, keyframe, duration) in [
            (&block[..], true, None),
            (&with_duration, true, Some(20)),
            (&with_reference, false, None),
        ] {
            let block = Block::group(body).expect("well formed").expect("has a block");
            assert_eq!((block.keyframe, block.duration), (keyframe, duration));
        }
        assert_eq!(Block::group(&[0x9b, 0x81, 20]), Ok(None));
    }
}
