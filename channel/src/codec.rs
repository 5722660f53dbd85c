//! Messages as JSON bodies of frames.
//!
//! JSON is written straight into the output buffer and read straight from the frame's body.
//! Both ways pass [`crate::validate`], so a value that decodes can be used, and a value that
//! the peer would refuse is found where it was made. Size is bounded by the frame, depth by
//! the JSON reader (128).
//!
//! INVARIANT: no error text repeats content of the message: it may hold URLs and titles.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::{DeviceMessage, HostMessage, StreamCommand, StreamId};
use crate::validate::{self, Invalid};
use crate::wire::{self, Kind, WireError};

/// Why a body is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON at all.
    #[error("malformed JSON at line {line}, column {column}")]
    Json { line: usize, column: usize },
    /// JSON, but not a message of this protocol version: an unknown type, a missing field or
    /// a value of the wrong type.
    #[error("JSON at line {line}, column {column} is no known message")]
    Schema { line: usize, column: usize },
    /// A message with a value out of its bounds.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The peer would refuse it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Too long for its frame, or on stream 0.
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("message cannot be written as JSON")]
    Json,
}

/// Appends the control frame of `message` to `out`.
///
/// # Errors
/// `out` is unchanged then.
pub fn encode_host(message: &HostMessage, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    validate::host_message(message)?;
    encode_json(Kind::Control, StreamId(0), message, out)
}

/// Appends the control frame of `message` to `out`.
///
/// # Errors
/// `out` is unchanged then.
pub fn encode_device(message: &DeviceMessage, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    validate::device_message(message)?;
    encode_json(Kind::Control, StreamId(0), message, out)
}

/// Appends the command frame of `command` on `stream` to `out`.
///
/// # Errors
/// `out` is unchanged then.
pub fn encode_command(
    stream: StreamId,
    command: &StreamCommand,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    validate::stream_command(command)?;
    encode_json(Kind::Command, stream, command, out)
}

/// Reads the body of a control frame that came from the session host.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_host(body: &[u8]) -> Result<HostMessage, DecodeError> {
    let message = decode_json(body)?;
    validate::host_message(&message)?;
    Ok(message)
}

/// Reads the body of a control frame that came from the device.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_device(body: &[u8]) -> Result<DeviceMessage, DecodeError> {
    let message = decode_json(body)?;
    validate::device_message(&message)?;
    Ok(message)
}

/// Reads the body of a command frame.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_command(body: &[u8]) -> Result<StreamCommand, DecodeError> {
    let command = decode_json(body)?;
    validate::stream_command(&command)?;
    Ok(command)
}

fn encode_json(
    kind: Kind,
    stream: StreamId,
    message: &impl Serialize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    wire::encode_with(kind, stream, out, |out| {
        serde_json::to_writer(out, message).map_err(|_| EncodeError::Json)
    })
}

fn decode_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => DecodeError::Schema { line, column },
            _ => DecodeError::Json { line, column },
        }
    })
}
