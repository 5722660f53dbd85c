//! A dynamic virtual channel through Windows' Remote Desktop Services (`wtsapi32`).
//!
//! `WTSVirtualChannelOpenEx` gives a channel, `WTSVirtualChannelQuery` its file handle for
//! overlapped reads and writes. Each read begins with an 8-byte CHANNEL_PDU_HEADER (MS-RDPBCGR
//! 2.2.6.1.1) and needs a buffer of 1600 bytes and the header. Two named threads pump between
//! the handle and an in-memory pipe of bounded size, which is the broker's byte stream; a
//! third waits for clients that come and go. The queried handle belongs to the channel and is
//! never closed by itself.

#![expect(unsafe_code, reason = "Remote Desktop Services have no safe interface")]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_IO_PENDING, GetLastError, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CHANNEL_OPTION_DYNAMIC, WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_EVENT_CONNECT,
    WTS_EVENT_DISCONNECT, WTSActive, WTSConnectState, WTSFreeMemory, WTSQuerySessionInformationW,
    WTSVirtualChannelClose, WTSVirtualChannelOpenEx, WTSVirtualChannelQuery, WTSVirtualFileHandle,
    WTSWaitSystemEvent,
};
use windows_sys::Win32::System::Threading::{CreateEventW, GetCurrentProcess};

use super::{Attempt, Change, Retry, Unavailable};

/// Name of the dynamic virtual channel, with its end.
const CHANNEL_NAME: &[u8] = b"Nearside::Media\0";
/// CHANNEL_PDU_HEADER.
const HEADER: usize = 8;
/// One read: CHANNEL_CHUNK_LENGTH and the header, with room for larger chunks.
const READ_SIZE: usize = 64 << 10;
/// Bytes between the broker and the threads, each way.
const PIPE: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Wts {
    events: mpsc::Receiver<Change>,
    /// Seen and not told yet.
    changes: VecDeque<Change>,
}

impl Wts {
    /// Begins to watch the session.
    pub(super) fn new() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(16);
        std::thread::Builder::new().name("session-events".to_owned()).spawn(move || {
            let mut was_active = is_active();
            loop {
                let mut flags = 0;
                let mask = WTS_EVENT_CONNECT | WTS_EVENT_DISCONNECT;
                // SAFETY: `flags` is a valid place for the answer; the server is this machine.
                let waited =
                    unsafe { WTSWaitSystemEvent(WTS_CURRENT_SERVER_HANDLE, mask, &raw mut flags) };
                // Events are those of all sessions of the machine: only ours counts.
                let active = is_active();
                if waited == 0 {
                    return;
                }
                let changed = std::mem::replace(&mut was_active, active) != active;
                let change = if active { Change::Appeared } else { Change::Gone };
                if changed && sender.blocking_send(change).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { events, changes: VecDeque::new() })
    }

    pub(super) fn connect(&self) -> Attempt {
        Box::pin(async {
            let runtime = Handle::current();
            let opened = tokio::task::spawn_blocking(move || open(&runtime)).await;
            match opened {
                Ok(Ok(stream)) => Ok(stream),
                _ => Err(Unavailable::new(
                    "No Nearside client on the device: the remote desktop client has no Nearside plugin, or Nearside does not run there.",
                    "Install Nearside on the device and start it.",
                    Retry::Soon,
                )),
            }
        })
    }

    pub(super) async fn changed(&mut self) -> Change {
        if let Some(change) = self.changes.pop_front() {
            return change;
        }
        match self.events.recv().await {
            Some(change) => change,
            // The system cannot say: reads fail when a client goes.
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_stale(&mut self) -> bool {
        while let Ok(change) = self.events.try_recv() {
            self.changes.push_back(change);
        }
        self.changes.contains(&Change::Gone)
    }
}

/// Whether a client shows this session now.
fn is_active() -> bool {
    let mut answer: *mut u16 = std::ptr::null_mut();
    let mut length = 0;
    // SAFETY: both are valid places for the answer, which is freed below.
    let asked = unsafe {
        WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            WTS_CURRENT_SESSION,
            WTSConnectState,
            &raw mut answer,
            &raw mut length,
        )
    };
    if asked == 0 || answer.is_null() {
        return false;
    }
    let is_whole = usize::try_from(length).is_ok_and(|length| size_of::<i32>() <= length);
    // SAFETY: the system has written a WTS_CONNECTSTATE_CLASS of that length.
    let state = is_whole.then(|| unsafe { answer.cast::<i32>().read_unaligned() });
    // SAFETY: the memory is the system's and is used no more.
    unsafe { WTSFreeMemory(answer.cast()) };
    state == Some(WTSActive)
}

/// An open channel. Both threads have it; the last one closes it.
#[derive(Debug)]
struct Channel {
    channel: HANDLE,
    file: HANDLE,
    ended: AtomicBool,
}

impl Channel {
    /// Neither thread waits any more for what the client sends or takes.
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        // SAFETY: the file is open as long as `self` lives.
        unsafe { CancelIoEx(self.file, std::ptr::null()) };
    }
}

/// The broker's end. Dropping it ends the threads, whatever the client does.
#[derive(Debug)]
pub(crate) struct Stream {
    bytes: DuplexStream,
    channel: Arc<Channel>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.channel.end();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}

// SAFETY: handles of the system may be used from any thread; overlapped calls on one handle
// are independent of each other.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: both were opened by `open` and are closed once; `file` is a duplicate.
        unsafe {
            CloseHandle(self.file);
            WTSVirtualChannelClose(self.channel);
        }
    }
}

fn open(runtime: &Handle) -> io::Result<Stream> {
    // SAFETY: the name ends with 0.
    let channel = unsafe {
        WTSVirtualChannelOpenEx(
            WTS_CURRENT_SESSION,
            CHANNEL_NAME.as_ptr(),
            WTS_CHANNEL_OPTION_DYNAMIC,
        )
    };
    if channel.is_null() {
        return Err(io::Error::last_os_error());
    }
    let file = match file_of(channel) {
        Ok(file) => file,
        Err(error) => {
            // SAFETY: it was opened above and is used no more.
            unsafe { WTSVirtualChannelClose(channel) };
            return Err(error);
        }
    };
    let channel = Arc::new(Channel { channel, file, ended: AtomicBool::new(false) });
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (from_host, to_host) = tokio::io::split(theirs);
    let (reading, read_runtime) = (Arc::clone(&channel), runtime.clone());
    std::thread::Builder::new()
        .name("channel-reader".to_owned())
        .spawn(move || read_all(&reading, to_host, &read_runtime))?;
    let (writing, write_runtime) = (Arc::clone(&channel), runtime.clone());
    std::thread::Builder::new()
        .name("channel-writer".to_owned())
        .spawn(move || write_all(&writing, from_host, &write_runtime))?;
    Ok(Stream { bytes: ours, channel })
}

/// A file handle of our own for the channel.
fn file_of(channel: HANDLE) -> io::Result<HANDLE> {
    let mut answer: *mut c_void = std::ptr::null_mut();
    let mut length = 0;
    // SAFETY: both are valid places for the answer, which is freed below.
    let asked = unsafe {
        WTSVirtualChannelQuery(channel, WTSVirtualFileHandle, &raw mut answer, &raw mut length)
    };
    if asked == 0 || answer.is_null() {
        return Err(io::Error::last_os_error());
    }
    let is_whole = usize::try_from(length).is_ok_and(|length| size_of::<HANDLE>() <= length);
    // SAFETY: the system has written a handle of that length.
    let queried = is_whole.then(|| unsafe { answer.cast::<HANDLE>().read_unaligned() });
    let mut file: HANDLE = std::ptr::null_mut();
    // SAFETY: the queried handle is valid while the channel is open.
    let duplicated = queried.is_some_and(|queried| unsafe {
        let process = GetCurrentProcess();
        DuplicateHandle(process, queried, process, &raw mut file, 0, 0, DUPLICATE_SAME_ACCESS) != 0
    });
    let error = io::Error::last_os_error();
    // SAFETY: the memory is the system's and is used no more.
    unsafe { WTSFreeMemory(answer) };
    if duplicated { Ok(file) } else { Err(error) }
}

/// From the channel to the broker, until either ends.
fn read_all(channel: &Channel, mut to_host: tokio::io::WriteHalf<DuplexStream>, runtime: &Handle) {
    let mut buffer = vec![0; READ_SIZE];
    while let Ok(count) = overlapped(channel, Direction::Read(&mut buffer)) {
        let Some(body) = buffer.get(HEADER..count) else { break };
        if runtime.block_on(to_host.write_all(body)).is_err() {
            break;
        }
    }
    // The broker reads the end.
    let _ = runtime.block_on(to_host.shutdown());
}

/// From the broker to the channel, until either ends.
fn write_all(
    channel: &Channel,
    mut from_host: tokio::io::ReadHalf<DuplexStream>,
    runtime: &Handle,
) {
    let mut buffer = vec![0; READ_SIZE];
    'ends: while let Ok(count @ 1..) = runtime.block_on(from_host.read(&mut buffer)) {
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match overlapped(channel, Direction::Write(rest)) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                _ => break 'ends,
            }
        }
    }
    // The reader waits for what will not come any more.
    channel.end();
}

enum Direction<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

/// One read or write, waited for until the channel's end.
fn overlapped(channel: &Channel, direction: Direction<'_>) -> io::Result<usize> {
    let file = channel.file;
    // SAFETY: an event without a name and attributes.
    let event = unsafe { CreateEventW(std::ptr::null(), 1, 0, std::ptr::null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut state = OVERLAPPED { hEvent: event, ..OVERLAPPED::default() };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: buffer and `state` live until GetOverlappedResult has waited for the end.
    let started = unsafe {
        match direction {
            Direction::Read(buffer) => ReadFile(
                file,
                buffer.as_mut_ptr(),
                length(buffer),
                std::ptr::null_mut(),
                &raw mut state,
            ),
            Direction::Write(bytes) => {
                WriteFile(file, bytes.as_ptr(), length(bytes), std::ptr::null_mut(), &raw mut state)
            }
        }
    };
    let mut count = 0;
    // SAFETY: as above; called only if the operation was started.
    let done = unsafe {
        let is_under_way = started != 0 || GetLastError() == ERROR_IO_PENDING;
        // One that began after the end was not cancelled by it.
        if is_under_way && channel.ended.load(Ordering::SeqCst) {
            CancelIoEx(file, &raw const state);
        }
        is_under_way && GetOverlappedResult(file, &raw const state, &raw mut count, 1) != 0
    };
    let error = io::Error::last_os_error();
    // SAFETY: made above and used no more.
    unsafe { CloseHandle(event) };
    if done { Ok(usize::try_from(count).unwrap_or(0)) } else { Err(error) }
}
