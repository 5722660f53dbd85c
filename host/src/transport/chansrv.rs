//! What xrdp's channel server is asked (`sesman/chansrv`, `common/channel_defs.h`).
//!
//! A connection begins with a request:
//!
//! - up to xrdp 0.10.4, all little-endian: `u32 16 + length | u32 0 | u32 length | name |
//!   u32 flags`;
//! - from 0.10.5 on, in the machine's byte order: `u32 1 | u32 private | u32 flags | name`, with
//!   zeros up to 384 bytes.
//!
//! The answer to either is `u32` creation status. Raw bytes follow both ways.
//!
//! Which of them it is shows in a request for the session's state, a private channel of 0.10.5:
//! the answer is a status and `u32` whether a client is there. An earlier server hangs up at
//! once, because it takes the private channel's number for a version of its own request.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Name of the dynamic virtual channel.
const CHANNEL_NAME: &[u8] = b"Nearside::Media";
/// `WTS_CHANNEL_OPTION_DYNAMIC`, without priority and compression.
const FLAGS_DYNAMIC: u32 = 1;
/// Length of a request from 0.10.5 on, `XRDPAPI_CONNECT_PDU_LEN`.
const RECORD_LENGTH: usize = 384;
/// Its version, `XRDPAPI_CONNECT_PDU_VERSION`.
const RECORD_VERSION: u32 = 1;
/// The private channel that tells the session's state, `CHAN_ID_XRDP_SESSION_INFO`.
const SESSION_STATE: u32 = u32::from_be_bytes(*b"xrdp");

/// What a channel server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    UpTo0_10_4,
    From0_10_5,
}

/// What a channel server says of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Only a server from 0.10.5 on says so.
    NoClient,
    /// There is one, or the server cannot say.
    Client(Version),
}

/// Asks for the session's state. Uses up the connection.
pub(super) async fn look(mut stream: UnixStream) -> State {
    match has_client(&mut stream).await {
        Ok(true) => State::Client(Version::From0_10_5),
        Ok(false) => State::NoClient,
        Err(_) => State::Client(Version::UpTo0_10_4),
    }
}

async fn has_client(stream: &mut UnixStream) -> std::io::Result<bool> {
    let status = exchange(stream, &record(SESSION_STATE, 0, b"")).await?;
    // One that tells no state lets the channel itself be tried.
    Ok(status != [0; 4] || read_word(stream).await? != [0; 4])
}

/// Asks for the channel. Returns the creation status; after 0 the stream is the channel.
///
/// # Errors
/// The server hung up.
pub(super) async fn open(stream: &mut UnixStream, version: Version) -> std::io::Result<u32> {
    match version {
        Version::UpTo0_10_4 => exchange(stream, &request()).await.map(u32::from_le_bytes),
        Version::From0_10_5 => {
            let record = record(0, FLAGS_DYNAMIC, CHANNEL_NAME);
            exchange(stream, &record).await.map(u32::from_ne_bytes)
        }
    }
}

/// Sends a request and reads the status.
async fn exchange(stream: &mut UnixStream, request: &[u8]) -> std::io::Result<[u8; 4]> {
    stream.write_all(request).await?;
    read_word(stream).await
}

async fn read_word(stream: &mut UnixStream) -> std::io::Result<[u8; 4]> {
    let mut word = [0; 4];
    stream.read_exact(&mut word).await?;
    Ok(word)
}

/// The request up to 0.10.4.
fn request() -> Vec<u8> {
    let length = u32::try_from(CHANNEL_NAME.len()).unwrap_or(0);
    let mut request = Vec::new();
    for word in [16 + length, 0, length] {
        request.extend_from_slice(&word.to_le_bytes());
    }
    request.extend_from_slice(CHANNEL_NAME);
    request.extend_from_slice(&FLAGS_DYNAMIC.to_le_bytes());
    request
}

/// The request from 0.10.5 on; `private` is 0 for a channel to the client.
fn record(private: u32, flags: u32, name: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD_LENGTH);
    for word in [RECORD_VERSION, private, flags] {
        record.extend_from_slice(&word.to_ne_bytes());
    }
    record.extend_from_slice(name);
    record.resize(RECORD_LENGTH, 0);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_what_the_channel_server_reads() {
        let request = request();
        assert_eq!(request.len(), 16 + CHANNEL_NAME.len());
        assert_eq!(request[..4], 31_u32.to_le_bytes());
        assert_eq!(request[8..12], 15_u32.to_le_bytes());
        assert_eq!(request[12..27], *b"Nearside::Media");
        assert_eq!(request[27..], 1_u32.to_le_bytes());
    }

    #[test]
    fn the_record_is_what_later_ones_read() {
        let record = record(0, FLAGS_DYNAMIC, CHANNEL_NAME);
        assert_eq!(record.len(), 384);
        for (at, word) in [(0, 1_u32), (4, 0), (8, 1)] {
            assert_eq!(record[at..at + 4], word.to_ne_bytes());
        }
        assert_eq!(record[12..27], *b"Nearside::Media");
        assert!(record[27..].iter().all(|byte| *byte == 0));
        assert_eq!(SESSION_STATE, 0x7872_6470);
    }
}
