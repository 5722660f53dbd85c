//! Frames on the channel's byte stream.
//!
//! The transports keep no message boundaries, so every message is one frame. Integers are
//! little-endian.
//!
//! | offset | size     | field    | meaning                                             |
//! |-------:|---------:|----------|-----------------------------------------------------|
//! |      0 |        4 | `length` | length of the body in bytes, 1 to [`Kind::max_body`] |
//! |      4 |        1 | `kind`   | what the body is, see [`Kind`]                      |
//! |      5 |        1 | reserved | sent as 0, ignored on receipt                       |
//! |      6 |        2 | `stream` | 0 in control frames, the [`StreamId`] in all others |
//! |      8 | `length` | body     | JSON or media bytes                                 |
//!
//! INVARIANT: every length is checked against the bound of its kind before anything is
//! allocated for it. The bodies' JSON is the business of [`crate::codec`].

mod reader;

use std::fmt;

pub use self::reader::{Frame, FrameReader};
use crate::message::StreamId;

/// Size of a frame's header in bytes.
pub const HEADER_SIZE: usize =
    4 /* length */ + 1 /* kind */ + 1 /* reserved */ + 2 /* stream */;

/// Upper bound of a control frame's body in bytes.
pub const MAX_CONTROL_BODY: usize = 1 << 20;

/// Upper bound of the body of a stream command or of a piece of media, in bytes.
///
/// Small, so that a control frame never waits long behind a piece of media.
pub const MAX_STREAM_BODY: usize = 16 << 10;

/// What the body of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 1: JSON of a `HostMessage` or `DeviceMessage`. On stream 0.
    Control,
    /// 2: JSON of a `StreamCommand`, in order with the media of its stream.
    Command,
    /// 3: media bytes of the append that is under way on the stream.
    Media,
}

impl Kind {
    /// Upper bound of the body in bytes.
    pub const fn max_body(self) -> usize {
        match self {
            Self::Control => MAX_CONTROL_BODY,
            Self::Command | Self::Media => MAX_STREAM_BODY,
        }
    }

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Control => 1,
            Self::Command => 2,
            Self::Media => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Control),
            2 => Some(Self::Command),
            3 => Some(Self::Media),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "control",
            Self::Command => "command",
            Self::Media => "media",
        })
    }
}

/// Why a frame is not one. On receipt this is final: the byte stream has no place to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("unknown frame kind {0:#04x}")]
    UnknownKind(u8),
    #[error("{kind} frame without a body")]
    EmptyBody { kind: Kind },
    #[error("body of {length} bytes exceeds {} of a {kind} frame", kind.max_body())]
    BodyTooLong { kind: Kind, length: usize },
    #[error("{kind} frame on stream {}", stream.0)]
    WrongStream { kind: Kind, stream: StreamId },
}

/// The header of a frame.
///
/// INVARIANT: `length` is in the bounds of `kind`, and `stream` is 0 exactly for control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    kind: Kind,
    stream: StreamId,
    /// Of the body, in bytes.
    length: usize,
}

impl FrameHeader {
    /// A header for a body of `length` bytes.
    ///
    /// # Errors
    /// An empty body, one over [`Kind::max_body`], or a stream that does not fit the kind.
    pub fn new(kind: Kind, stream: StreamId, length: usize) -> Result<Self, WireError> {
        if (kind == Kind::Control) != (stream == StreamId(0)) {
            return Err(WireError::WrongStream { kind, stream });
        }
        match length {
            0 => Err(WireError::EmptyBody { kind }),
            _ if kind.max_body() < length => Err(WireError::BodyTooLong { kind, length }),
            _ => Ok(Self { kind, stream, length }),
        }
    }

    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The stream; 0 for control.
    pub fn stream(self) -> StreamId {
        self.stream
    }

    /// Length of the body in bytes.
    pub fn body_length(self) -> usize {
        self.length
    }

    /// The header as it goes on the wire.
    pub fn to_bytes(self) -> [u8; HEADER_SIZE] {
        // Cannot saturate: every kind's bound is far below `u32::MAX`.
        let [l0, l1, l2, l3] = u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes();
        let [s0, s1] = self.stream.0.to_le_bytes();
        [l0, l1, l2, l3, self.kind.byte(), 0, s0, s1]
    }

    /// Reads a header.
    ///
    /// # Errors
    /// An unknown kind, and all of [`FrameHeader::new`].
    pub fn from_bytes(bytes: [u8; HEADER_SIZE]) -> Result<Self, WireError> {
        let [l0, l1, l2, l3, kind, _reserved, s0, s1] = bytes;
        let kind = Kind::from_byte(kind).ok_or(WireError::UnknownKind(kind))?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Self::new(kind, StreamId(u16::from_le_bytes([s0, s1])), length)
    }
}

/// Appends one frame to `out`.
///
/// # Errors
/// As [`FrameHeader::new`]; `out` is unchanged then.
pub fn encode(
    kind: Kind,
    stream: StreamId,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let header = FrameHeader::new(kind, stream, body.len())?;
    out.reserve(HEADER_SIZE + body.len());
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(body);
    Ok(())
}

/// Appends one frame whose body is written in place by `write_body`.
///
/// # Errors
/// What `write_body` returns, and all of [`FrameHeader::new`]; `out` is unchanged then.
pub(crate) fn encode_with<E: From<WireError>>(
    kind: Kind,
    stream: StreamId,
    out: &mut Vec<u8>,
    write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    let body_start = start + HEADER_SIZE;
    out.extend_from_slice(&[0; HEADER_SIZE]); // set below, once the length is known
    let header = write_body(out).and_then(|()| {
        let length = out.len().saturating_sub(body_start);
        Ok(FrameHeader::new(kind, stream, length)?)
    });
    match header {
        Ok(header) => {
            out[start..body_start].copy_from_slice(&header.to_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: [u8; HEADER_SIZE], expected: Result<(Kind, u16, usize), WireError>) {
        let read = FrameHeader::from_bytes(header);
        assert_eq!(read.map(|h| (h.kind(), h.stream().0, h.body_length())), expected);
        if let Ok(read) = read {
            assert_eq!(read.to_bytes(), header, "encode");
        }
    }

    #[test]
    fn headers() {
        let [control, command, media] = [Kind::Control, Kind::Command, Kind::Media];
        check([2, 0, 0, 0, 1, 0, 0, 0], Ok((control, 0, 2)));
        check([0, 0x40, 0, 0, 2, 0, 1, 2], Ok((command, 0x0201, 0x4000)));
        check([0, 0, 0x10, 0, 1, 0, 0, 0], Ok((control, 0, 1 << 20)));
        check([1, 0, 0, 0, 3, 0, 0xff, 0xff], Ok((media, 0xffff, 1)));
    }

    #[test]
    fn hostile_headers() {
        let [control, media] = [Kind::Control, Kind::Media];
        check([1, 0, 0, 0, 0, 0, 0, 0], Err(WireError::UnknownKind(0)));
        check([1, 0, 0, 0, 4, 0, 0, 0], Err(WireError::UnknownKind(4)));
        check([0, 0, 0, 0, 3, 0, 1, 0], Err(WireError::EmptyBody { kind: media }));
        let length = (1 << 20) + 1;
        check([1, 0, 0x10, 0, 1, 0, 0, 0], Err(WireError::BodyTooLong { kind: control, length }));
        let length = 0xffff_ffff;
        check(
            [0xff, 0xff, 0xff, 0xff, 3, 0, 1, 0],
            Err(WireError::BodyTooLong { kind: media, length }),
        );
        let stream = StreamId(7);
        check([1, 0, 0, 0, 1, 0, 7, 0], Err(WireError::WrongStream { kind: control, stream }));
        let stream = StreamId(0);
        check([1, 0, 0, 0, 3, 0, 0, 0], Err(WireError::WrongStream { kind: media, stream }));
    }

    #[test]
    fn reserved_byte_is_ignored() {
        assert_eq!(
            FrameHeader::from_bytes([2, 0, 0, 0, 1, 0xee, 0, 0]),
            FrameHeader::new(Kind::Control, StreamId(0), 2)
        );
    }

    #[test]
    fn refused_body_leaves_the_output_alone() {
        let mut out = vec![1, 2, 3];
        assert!(encode(Kind::Media, StreamId(1), &[], &mut out).is_err());
        let too_long = encode_with::<WireError>(Kind::Command, StreamId(1), &mut out, |out| {
            out.resize(out.len() + MAX_STREAM_BODY + 1, 0);
            Ok(())
        });
        assert!(matches!(too_long, Err(WireError::BodyTooLong { .. })));
        assert_eq!(out, [1, 2, 3]);
    }
}
