//! Cuts a byte stream into frames.
//!
//! Owner: whoever reads the transport, one reader per connection and direction.
//! INVARIANT: holds at most one unfinished frame; a refused header allocates nothing; after
//! an error every call returns that error.

use std::borrow::Cow;

use super::{FrameHeader, HEADER_SIZE, WireError};
use crate::message::StreamId;
use crate::wire::Kind;

/// One whole frame.
///
/// The body is borrowed where the frame lay in one chunk and owned where it was joined from
/// several, so `body.into_owned()` is its first and only copy in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub header: FrameHeader,
    pub body: Cow<'a, [u8]>,
}

impl Frame<'_> {
    pub fn kind(&self) -> Kind {
        self.header.kind()
    }

    /// The stream; 0 for control.
    pub fn stream(&self) -> StreamId {
        self.header.stream()
    }

    /// Bytes the frame took on the wire.
    pub fn wire_length(&self) -> usize {
        HEADER_SIZE + self.header.body_length()
    }
}

/// Incremental reader: any chunks in, whole frames out.
///
/// ```
/// # use nearside_channel::{message::StreamId, wire::{self, FrameReader, Kind}};
/// let mut bytes = Vec::new();
/// wire::encode(Kind::Media, StreamId(7), b"moof", &mut bytes)?;
///
/// let mut reader = FrameReader::default();
/// let mut chunk = &bytes[..];
/// while let Some(frame) = reader.next_frame(&mut chunk)? {
///     assert_eq!((frame.stream(), &*frame.body), (StreamId(7), &b"moof"[..]));
/// }
/// # Ok::<(), wire::WireError>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameReader {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The first `have` bytes of a header.
    Header {
        bytes: [u8; HEADER_SIZE],
        have: usize,
    },
    /// The beginning of a body, shorter than the header says.
    Body {
        header: FrameHeader,
        body: Vec<u8>,
    },
    Failed(WireError),
}

impl Default for State {
    fn default() -> Self {
        Self::Header { bytes: [0; HEADER_SIZE], have: 0 }
    }
}

impl FrameReader {
    /// Takes bytes from the front of `chunk` until a frame is whole.
    ///
    /// `None`: the chunk is used up and the next one is needed.
    ///
    /// # Errors
    /// The header is refused. Final: the reader stays failed and takes no more bytes.
    pub fn next_frame<'a>(&mut self, chunk: &mut &'a [u8]) -> Result<Option<Frame<'a>>, WireError> {
        let result = self.advance(chunk);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    /// Whether the stream may end here without cutting a frame in two.
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Header { have: 0, .. })
    }

    fn advance<'a>(&mut self, chunk: &mut &'a [u8]) -> Result<Option<Frame<'a>>, WireError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Header { bytes, have } => {
                    let missing = bytes.get_mut(*have..).unwrap_or_default();
                    let part = take(chunk, missing.len());
                    missing[..part.len()].copy_from_slice(part);
                    *have += part.len();
                    if *have < HEADER_SIZE {
                        return Ok(None);
                    }
                    let header = FrameHeader::from_bytes(*bytes)?;
                    let length = header.body_length();
                    if length <= chunk.len() {
                        self.state = State::default();
                        let body = Cow::Borrowed(take(chunk, length));
                        return Ok(Some(Frame { header, body }));
                    }
                    self.state = State::Body { header, body: Vec::with_capacity(length) };
                }
                State::Body { header, body } => {
                    let header = *header;
                    body.extend_from_slice(take(chunk, header.body_length() - body.len()));
                    if body.len() < header.body_length() {
                        return Ok(None);
                    }
                    let body = Cow::Owned(std::mem::take(body));
                    self.state = State::default();
                    return Ok(Some(Frame { header, body }));
                }
            }
        }
    }
}

/// Splits at most `count` bytes off the front of `chunk`.
fn take<'a>(chunk: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, tail) = chunk.split_at(count.min(chunk.len()));
    *chunk = tail;
    head
}
