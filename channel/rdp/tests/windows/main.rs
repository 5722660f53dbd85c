//! The built plugin in a process that plays Windows' Remote Desktop client and the agent.
//! Runs on Windows, and under wine with `CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER`.
#![cfg(windows)]
#![expect(unsafe_code, reason = "plays the client that loads the plugin")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(
    clippy::arc_with_non_send_sync,
    reason = "the COM objects of this test are free-threaded"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nearside_channel::plugin::{ConnectionFacts, read_preamble};
use windows::Win32::Foundation::{E_NOINTERFACE, E_NOTIMPL, ERROR_PIPE_CONNECTED, HANDLE};
use windows::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows::Win32::Security::{
    GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER,
    TokenUser,
};
use windows::Win32::Storage::FileSystem::PIPE_ACCESS_DUPLEX;
use windows::Win32::System::Com::StructuredStorage::IPropertyBag;
use windows::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};
use windows::Win32::System::Pipes::{
    ConnectNamedPipe, CreateNamedPipeW, GetNamedPipeClientProcessId, PIPE_TYPE_BYTE, PIPE_WAIT,
};
use windows::Win32::System::RemoteDesktop::{
    IWTSListener, IWTSListener_Impl, IWTSListenerCallback, IWTSPlugin, IWTSVirtualChannel,
    IWTSVirtualChannel_Impl, IWTSVirtualChannelCallback, IWTSVirtualChannelManager,
    IWTSVirtualChannelManager_Impl,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{
    BOOL, BSTR, GUID, HRESULT, HSTRING, IUnknown, Interface as _, PCSTR, PWSTR, Ref, Result,
    implement, s,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The agent's name is the user's, so one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[implement(IWTSVirtualChannelManager)]
struct Manager(Arc<Mutex<Option<IWTSListenerCallback>>>);

impl IWTSVirtualChannelManager_Impl for Manager_Impl {
    fn CreateListener(
        &self,
        name: &PCSTR,
        _flags: u32,
        callback: Ref<'_, IWTSListenerCallback>,
    ) -> Result<IWTSListener> {
        // SAFETY: the plugin passes a C string.
        assert_eq!(unsafe { name.to_string() }.unwrap(), "Nearside::Media");
        *lock(&self.0) = Some(callback.unwrap().clone());
        Ok(Listener.into())
    }
}

#[implement(IWTSListener)]
struct Listener;

impl IWTSListener_Impl for Listener_Impl {
    fn GetConfiguration(&self) -> Result<IPropertyBag> {
        Err(E_NOTIMPL.into())
    }
}

#[derive(Default)]
struct ChannelState {
    written: Mutex<Vec<u8>>,
    changed: Condvar,
    callback: Mutex<Option<IWTSVirtualChannelCallback>>,
}

impl ChannelState {
    fn received(&self, length: usize) -> Vec<u8> {
        let mut written = lock(&self.written);
        while written.len() < length {
            written = self.changed.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        written.drain(..length).collect()
    }

    fn deliver(&self, bytes: &[u8]) {
        let callback = lock(&self.callback).clone();
        if let Some(callback) = callback {
            // SAFETY: the callback is the plugin's; the bytes live during the call.
            unsafe { callback.OnDataReceived(bytes) }.expect("a plugin's error is shown");
        }
    }

    fn closed(&self) -> bool {
        lock(&self.callback).is_none()
    }

    fn close(&self) {
        let callback = lock(&self.callback).take();
        if let Some(callback) = callback {
            // SAFETY: as above, once.
            unsafe { callback.OnClose() }.unwrap();
        }
    }
}

#[implement(IWTSVirtualChannel)]
struct Channel(Arc<ChannelState>);

impl IWTSVirtualChannel_Impl for Channel_Impl {
    fn Write(&self, length: u32, bytes: *const u8, _reserved: Ref<'_, IUnknown>) -> Result<()> {
        assert!(!self.0.closed(), "a write after the close");
        // SAFETY: the plugin passes `length` readable bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, usize::try_from(length).unwrap()) };
        lock(&self.0.written).extend_from_slice(bytes);
        self.0.changed.notify_all();
        Ok(())
    }

    fn Close(&self) -> Result<()> {
        self.0.close();
        Ok(())
    }
}

struct Session {
    plugin: IWTSPlugin,
    listener: IWTSListenerCallback,
}

type GetInstance = unsafe extern "system" fn(*const GUID, *mut u32, *mut *mut c_void) -> HRESULT;

impl Session {
    fn start() -> Session {
        let library = std::env::current_exe().unwrap().with_file_name("nearside_rdp.dll");
        let listener = Arc::new(Mutex::new(None));
        // SAFETY: the library is the one built with this test; the function has this type.
        unsafe {
            let library = LoadLibraryW(&HSTRING::from(library.as_path())).unwrap();
            let entry = GetProcAddress(library, s!("VirtualChannelGetInstance")).unwrap();
            let entry =
                std::mem::transmute::<unsafe extern "system" fn() -> isize, GetInstance>(entry);
            let mut count = 0;
            let none = std::ptr::null_mut();
            assert_eq!(entry(&IWTSListener::IID, &raw mut count, none), E_NOINTERFACE);
            assert!(entry(std::ptr::null(), &raw mut count, none).is_err());
            entry(&IWTSPlugin::IID, &raw mut count, none).ok().unwrap();
            assert_eq!(count, 1);
            let mut object = std::ptr::null_mut();
            entry(&IWTSPlugin::IID, &raw mut count, &raw mut object).ok().unwrap();
            let plugin = IWTSPlugin::from_raw(object);
            let manager = IWTSVirtualChannelManager::from(Manager(Arc::clone(&listener)));
            plugin.Initialize(&manager).unwrap();
            plugin.Connected().unwrap();
            let listener = lock(&listener).take().unwrap();
            Session { plugin, listener }
        }
    }

    fn open(&self) -> Option<Arc<ChannelState>> {
        let state = Arc::new(ChannelState::default());
        let channel = IWTSVirtualChannel::from(Channel(Arc::clone(&state)));
        let mut accept = BOOL(1);
        let mut callback = None;
        // SAFETY: as the client calls it.
        unsafe {
            let data = BSTR::new();
            self.listener
                .OnNewChannelConnection(&channel, &data, &raw mut accept, &raw mut callback)
                .unwrap();
        }
        assert_eq!(accept.as_bool(), callback.is_some());
        *lock(&state.callback) = callback;
        accept.as_bool().then_some(state)
    }

    fn end(self) {
        // SAFETY: once, last.
        unsafe {
            self.plugin.Disconnected(0).unwrap();
            self.plugin.Terminated().unwrap();
        }
    }
}

/// One instance of the agent's pipe.
struct Agent(File);

impl Agent {
    fn start() -> Agent {
        let name = HSTRING::from(format!(r"\\.\pipe\nearside-plugin-{}", user()));
        // Owned by this user, and for this user only.
        let access = HSTRING::from(format!("O:{0}D:P(A;;GA;;;{0})", user()));
        let mut descriptor = PSECURITY_DESCRIPTOR::default();
        // SAFETY: makes a descriptor, which is not freed, and then a new handle or fails.
        let pipe = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                &access,
                SDDL_REVISION_1,
                &raw mut descriptor,
                None,
            )
            .unwrap();
            let attributes = SECURITY_ATTRIBUTES {
                nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap(),
                lpSecurityDescriptor: descriptor.0,
                bInheritHandle: BOOL(0),
            };
            let mode = PIPE_TYPE_BYTE | PIPE_WAIT;
            let attributes = Some(&raw const attributes);
            let handle =
                CreateNamedPipeW(&name, PIPE_ACCESS_DUPLEX, mode, 1, 65_536, 65_536, 0, attributes);
            assert!(!handle.is_invalid());
            OwnedHandle::from_raw_handle(handle.0)
        };
        Agent(File::from(pipe))
    }

    fn accept(&mut self) -> ConnectionFacts {
        let pipe = HANDLE(self.0.as_raw_handle());
        let mut pid = 0;
        // SAFETY: the handle is an open pipe's.
        unsafe {
            if let Err(error) = ConnectNamedPipe(pipe, None) {
                assert_eq!(error.code(), ERROR_PIPE_CONNECTED.to_hresult());
            }
            GetNamedPipeClientProcessId(pipe, &raw mut pid).unwrap();
        }
        assert_eq!(pid, std::process::id());
        let mut line = Vec::new();
        loop {
            line.extend(self.read(1));
            if let Some((facts, _)) = read_preamble(&line).unwrap() {
                return facts;
            }
        }
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

fn user() -> String {
    let mut token = HANDLE::default();
    let mut buffer = [0_usize; 64];
    let mut text = PWSTR::null();
    let mut length = 0;
    // SAFETY: the buffer is large and aligned enough for a user's SID; the text is not freed.
    unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token).unwrap();
        let bytes = u32::try_from(size_of_val(&buffer)).unwrap();
        let place = buffer.as_mut_ptr().cast();
        GetTokenInformation(token, TokenUser, Some(place), bytes, &raw mut length).unwrap();
        let sid = (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid;
        ConvertSidToStringSidW(sid, &raw mut text).unwrap();
        text.to_string().unwrap()
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn refused_without_an_agent_then_bytes_go_both_ways() {
    let _alone = lock(&ALONE);
    let session = Session::start();
    assert!(session.open().is_none());
    let mut agent = Agent::start();
    let channel = session.open().expect("an agent is there now");
    let facts = agent.accept();
    assert_eq!(facts.pid, std::process::id());
    assert_eq!(facts.plugin_version, env!("CARGO_PKG_VERSION"));
    for length in [1, 1590, 65_536, 1 << 20] {
        // The plugin's reading thread waits in the pipe while the other one writes.
        let bytes = pattern(length);
        channel.deliver(&bytes);
        assert_eq!(agent.read(length), bytes);
        agent.0.write_all(&bytes).unwrap();
        assert_eq!(channel.received(length), bytes);
    }
    channel.close();
    assert!(agent.0.read_exact(&mut [0]).is_err(), "the agent sees the end");
    session.end();
}

#[test]
fn an_agent_that_goes_closes_the_channel_and_the_next_one_is_used() {
    let _alone = lock(&ALONE);
    let session = Session::start();
    for _ in 0..10 {
        let mut agent = Agent::start();
        let channel = session.open().expect("accepted");
        agent.accept();
        drop(agent);
        while !channel.closed() {
            channel.deliver(b"anyone there?");
            thread::yield_now();
        }
    }
    assert!(session.open().is_none());
    session.end();
}

#[test]
fn an_agent_that_does_not_read_loses_its_connection() {
    let _alone = lock(&ALONE);
    let session = Session::start();
    let mut agent = Agent::start();
    let channel = session.open().expect("accepted");
    agent.accept();
    let message = pattern(16 << 10);
    let mut delivered = 0;
    while !channel.closed() {
        channel.deliver(&message);
        delivered += message.len();
        assert!(delivered < 64 << 20, "the queue has no end");
    }
    drop(agent);
    session.end();
}
