//! Stands in for `wtsapi32.dll`, in a folder with a copy of `nearside-host.exe`: a session of
//! Remote Desktop Services whose client is a test.
//!
//! `NEARSIDE_WTS_STAND_IN` names a file. It holds the loopback port of the test that plays the
//! client; without the file there is no client with a plugin. While there is a file of that name,
//! but ending in `.away`, nobody is connected to the session; the event of the variable's value,
//! with `/` for `\`, says that this has changed.
//!
//! As on Windows a read gives one chunk after its CHANNEL_PDU_HEADER (MS-RDPBCGR 2.2.6.1.1), and
//! a write takes bytes as they are.
#![cfg(windows)]
#![expect(unsafe_code, reason = "has the interface of a library of the system")]

use std::ffi::c_void;
use std::io;
use std::net::TcpStream;
use std::os::windows::io::AsRawHandle as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::windows::named_pipe::{NamedPipeServer, PipeMode, ServerOptions};
use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER, GENERIC_READ, GENERIC_WRITE,
    HANDLE, INVALID_HANDLE_VALUE, LocalFree, SetLastError, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING};
use windows_sys::Win32::System::Memory::{LMEM_FIXED, LocalAlloc};
use windows_sys::Win32::System::Pipes::{
    PIPE_READMODE_BYTE, PIPE_READMODE_MESSAGE, SetNamedPipeHandleState,
};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CHANNEL_OPTION_DYNAMIC, WTSActive, WTSConnectState, WTSDisconnected, WTSVirtualFileHandle,
};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};

/// CHANNEL_CHUNK_LENGTH without the header that it counts.
const CHUNK: usize = 1592;
/// CHANNEL_FLAG_FIRST and CHANNEL_FLAG_LAST.
const WHOLE: u32 = 3;

fn place() -> Option<PathBuf> {
    std::env::var_os("NEARSIDE_WTS_STAND_IN").map(PathBuf::from)
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// # Safety
/// `name` is a C string.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSVirtualChannelOpenEx(
    _session: u32,
    name: *const u8,
    flags: u32,
) -> HANDLE {
    // SAFETY: the caller's promise.
    let name = unsafe { std::ffi::CStr::from_ptr(name.cast()) };
    let opened = if name == c"Nearside::Media" && flags & WTS_CHANNEL_OPTION_DYNAMIC != 0 {
        open()
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    };
    opened.unwrap_or_else(|_| {
        refuse(ERROR_FILE_NOT_FOUND);
        std::ptr::null_mut()
    })
}

/// Says why not, and returns FALSE.
fn refuse(error: u32) -> i32 {
    // SAFETY: always allowed.
    unsafe { SetLastError(error) };
    0
}

fn open() -> io::Result<HANDLE> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let port = std::fs::read_to_string(place().ok_or(io::ErrorKind::NotFound)?)?;
    let port = port.parse::<u16>().map_err(io::Error::other)?;
    let client = TcpStream::connect(("127.0.0.1", port))?;
    client.set_nonblocking(true)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(r"\\.\pipe\nearside-wts-stand-in-{}-{number}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let pipe = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
    drop(guard);
    set_read_mode(pipe.as_raw_handle(), PIPE_READMODE_BYTE)?;
    // SAFETY: the name ends with 0; nothing else is passed.
    let channel = unsafe {
        CreateFileW(
            wide(&name).as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            0,
            std::ptr::null(),
            OPEN_EXISTING,
            FILE_FLAG_OVERLAPPED,
            std::ptr::null_mut(),
        )
    };
    if channel == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    set_read_mode(channel, PIPE_READMODE_MESSAGE)?;
    std::thread::Builder::new()
        .name("stand-in".to_owned())
        .spawn(move || runtime.block_on(carry(client, pipe)))?;
    Ok(channel)
}

fn set_read_mode(pipe: HANDLE, mode: u32) -> io::Result<()> {
    // SAFETY: the pipe is open; of its modes only this one is set.
    let set = unsafe {
        SetNamedPipeHandleState(pipe, &raw const mode, std::ptr::null(), std::ptr::null())
    };
    if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Until either end goes.
async fn carry(client: TcpStream, pipe: NamedPipeServer) {
    let Ok(client) = tokio::net::TcpStream::from_std(client) else { return };
    if pipe.connect().await.is_err() {
        return;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_host, mut to_host) = tokio::io::split(pipe);
    let down = async {
        let mut chunk = [0; 8 + CHUNK];
        while let Ok(count @ 1..) = from_client.read(&mut chunk[8..]).await {
            let length = u32::try_from(count).unwrap_or(0);
            chunk[..4].copy_from_slice(&length.to_le_bytes());
            chunk[4..8].copy_from_slice(&WHOLE.to_le_bytes());
            // One write is one message.
            if to_host.write_all(&chunk[..8 + count]).await.is_err() {
                return;
            }
        }
    };
    let up = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from_host.read(&mut buffer).await {
            if to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
}

/// # Safety
/// `channel` is open; the others are places for the answer.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSVirtualChannelQuery(
    channel: HANDLE,
    class: i32,
    answer: *mut *mut c_void,
    length: *mut u32,
) -> i32 {
    if class != WTSVirtualFileHandle {
        return refuse(ERROR_INVALID_PARAMETER);
    }
    // SAFETY: the caller's promise.
    unsafe { give(channel, answer, length) }
}

/// # Safety
/// `channel` is open and used no more.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSVirtualChannelClose(channel: HANDLE) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { CloseHandle(channel) }
}

/// # Safety
/// The memory came from here.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSFreeMemory(memory: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { LocalFree(memory) };
}

/// # Safety
/// The last two are places for the answer.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSQuerySessionInformationW(
    _server: HANDLE,
    _session: u32,
    class: i32,
    answer: *mut *mut u16,
    length: *mut u32,
) -> i32 {
    if class != WTSConnectState {
        return refuse(ERROR_INVALID_PARAMETER);
    }
    let is_away = place().is_some_and(|place| place.with_extension("away").exists());
    let state = if is_away { WTSDisconnected } else { WTSActive };
    // SAFETY: the caller's promise.
    unsafe { give(state, answer.cast(), length) }
}

/// # Safety
/// `flags` is a place for the answer.
#[unsafe(no_mangle)]
unsafe extern "system" fn WTSWaitSystemEvent(_server: HANDLE, mask: u32, flags: *mut u32) -> i32 {
    let Some(place) = place() else { return 0 };
    let name = wide(&place.display().to_string().replace('\\', "/"));
    // SAFETY: the name ends with 0.
    let event = unsafe { CreateEventW(std::ptr::null(), 0, 0, name.as_ptr()) };
    if event.is_null() {
        return 0;
    }
    // SAFETY: opened above and closed once; `flags` is the caller's promise.
    unsafe {
        let waited = WaitForSingleObject(event, INFINITE);
        CloseHandle(event);
        *flags = mask;
        i32::from(waited == WAIT_OBJECT_0)
    }
}

/// Answers with memory that WTSFreeMemory takes back.
///
/// # Safety
/// Both are places for the answer.
unsafe fn give<T>(value: T, answer: *mut *mut c_void, length: *mut u32) -> i32 {
    // SAFETY: any size is allowed.
    let memory = unsafe { LocalAlloc(LMEM_FIXED, size_of::<T>()) };
    if memory.is_null() {
        return 0;
    }
    // SAFETY: there is room for one `T`; the others are the caller's promise.
    unsafe {
        memory.cast::<T>().write_unaligned(value);
        *answer = memory;
        *length = u32::try_from(size_of::<T>()).unwrap_or(0);
    }
    1
}
