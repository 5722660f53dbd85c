//! The plugin of Windows' Remote Desktop clients: COM objects, found by the name of one exported
//! function. It is registered per user, without COM, by a value `Name` with the library's path
//! below `HKCU\Software\Microsoft\Terminal Server Client\Default\AddIns\Nearside`.
//!
//! INVARIANT: every method succeeds; a plugin's error is the client's to report.
#![expect(unsafe_code, reason = "the interface is COM's")]

mod agent_pipe;

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nearside_channel::plugin::{ConnectionFacts, PreambleError, preamble};
use windows::Win32::Foundation::{E_FAIL, E_NOINTERFACE, E_POINTER, S_OK};
use windows::Win32::System::RemoteDesktop::{
    IWTSListenerCallback, IWTSListenerCallback_Impl, IWTSPlugin, IWTSPlugin_Impl,
    IWTSVirtualChannel, IWTSVirtualChannelCallback, IWTSVirtualChannelCallback_Impl,
    IWTSVirtualChannelManager,
};
use windows::core::{BOOL, BSTR, GUID, HRESULT, Interface as _, OutRef, Ref, Result, implement, s};

use self::agent_pipe::{AgentPipe, Refusal};
use crate::pump::{Outlet, OutletClosed, Pump};

/// Hands the client the plugin: the number of objects if `objects` is null, else the object.
///
/// # Safety
/// As the client calls it: `interface` and `count` are readable, `objects` has `count` places.
#[unsafe(no_mangle)]
unsafe extern "system" fn VirtualChannelGetInstance(
    interface: *const GUID,
    count: *mut u32,
    objects: *mut *mut c_void,
) -> HRESULT {
    let made = catch_unwind(|| {
        if interface.is_null() || count.is_null() {
            return E_POINTER;
        }
        // SAFETY: not null, and the caller promises the rest.
        unsafe {
            if *interface != IWTSPlugin::IID {
                return E_NOINTERFACE;
            }
            if !objects.is_null() {
                if *count < 1 {
                    return E_POINTER;
                }
                *objects = IWTSPlugin::from(Plugin).into_raw();
            }
            *count = 1;
        }
        S_OK
    });
    made.unwrap_or(E_FAIL)
}

/// Runs a method's work; nothing leaves it but success.
fn guarded(work: impl FnOnce()) -> Result<()> {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        crate::log(format_args!("a callback failed; the session goes on without it"));
    }
    Ok(())
}

#[implement(IWTSPlugin)]
struct Plugin;

impl IWTSPlugin_Impl for Plugin_Impl {
    fn Initialize(&self, manager: Ref<'_, IWTSVirtualChannelManager>) -> Result<()> {
        guarded(|| {
            let Some(manager) = manager.as_ref() else { return };
            let listener = IWTSListenerCallback::from(Listener { refused: Cell::new(false) });
            // SAFETY: the name is a C string; the manager keeps its own reference.
            let made = unsafe { manager.CreateListener(s!("Nearside::Media"), 0, &listener) };
            if let Err(error) = made {
                crate::log(format_args!("the client refused the listener: {error}"));
            }
        })
    }

    fn Connected(&self) -> Result<()> {
        Ok(())
    }

    fn Disconnected(&self, _code: u32) -> Result<()> {
        Ok(())
    }

    fn Terminated(&self) -> Result<()> {
        Ok(())
    }
}

#[implement(IWTSListenerCallback)]
struct Listener {
    /// The last attempt was refused and it was said.
    refused: Cell<bool>,
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Facts(#[from] PreambleError),
    #[error("no thread to carry it: {0}")]
    Thread(std::io::Error),
}

impl IWTSListenerCallback_Impl for Listener_Impl {
    fn OnNewChannelConnection(
        &self,
        channel: Ref<'_, IWTSVirtualChannel>,
        _data: &BSTR,
        accept: *mut BOOL,
        callback: OutRef<'_, IWTSVirtualChannelCallback>,
    ) -> Result<()> {
        guarded(|| {
            let Some(channel) = channel.as_ref() else { return };
            if accept.is_null() {
                return;
            }
            let answer = open(channel.clone());
            if answer.is_ok() || !self.refused.replace(true) {
                self.refused.set(answer.is_err());
                if let Err(error) = &answer {
                    crate::log(format_args!("channel refused: {error}"));
                }
            }
            let accepted = answer.is_ok()
                && callback.write(answer.ok().map(IWTSVirtualChannelCallback::from)).is_ok();
            // SAFETY: not null, and the client's place for the answer.
            unsafe { *accept = accepted.into() };
        })
    }
}

fn open(channel: IWTSVirtualChannel) -> std::result::Result<Callback, OpenError> {
    let pipe = AgentPipe::connect()?;
    let first = preamble(&facts())?;
    let channel = Arc::new(Channel(Mutex::new(Some(channel))));
    let outlet = Arc::clone(&channel);
    let pump = Pump::start(Box::new(pipe), first, outlet).map_err(OpenError::Thread)?;
    Ok(Callback { channel, pump })
}

/// The client tells plugins nothing about the connection; the agent knows its process.
fn facts() -> ConnectionFacts {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_stem()?.to_str());
    ConnectionFacts {
        plugin_version: env!("CARGO_PKG_VERSION").to_owned(),
        client: name.unwrap_or("?").to_owned(),
        pid: std::process::id(),
        ..ConnectionFacts::default()
    }
}

/// The channel to write to, until it is closed.
struct Channel(Mutex<Option<IWTSVirtualChannel>>);

// SAFETY: the client's channels are free-threaded: writes may come from any thread, and the
// reference count is atomic. The pointer is used under this lock or by the one who took it out.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, Option<IWTSVirtualChannel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revoke(&self) -> Option<IWTSVirtualChannel> {
        self.lock().take()
    }
}

impl Outlet for Channel {
    fn write(&self, bytes: &[u8]) -> std::result::Result<(), OutletClosed> {
        let channel = self.lock();
        let channel = channel.as_ref().ok_or(OutletClosed)?;
        // SAFETY: the reference is counted; Write copies the bytes.
        unsafe { channel.Write(bytes, None) }.map_err(|_| OutletClosed)
    }
}

#[implement(IWTSVirtualChannelCallback)]
struct Callback {
    channel: Arc<Channel>,
    pump: Pump,
}

impl IWTSVirtualChannelCallback_Impl for Callback_Impl {
    fn OnDataReceived(&self, length: u32, bytes: *const u8) -> Result<()> {
        guarded(|| {
            let length = usize::try_from(length).unwrap_or(0);
            let bytes = if length == 0 || bytes.is_null() {
                &[]
            } else {
                // SAFETY: the client passes `length` bytes that live during the call.
                unsafe { slice::from_raw_parts(bytes, length) }
            };
            // Nobody is left to carry for: the remote side learns it by the closed channel. The
            // client calls `OnClose` inside, which finds the lock free.
            if self.pump.push(bytes).is_err()
                && let Some(channel) = self.channel.revoke()
            {
                // SAFETY: the reference is counted.
                let _ = unsafe { channel.Close() };
            }
        })
    }

    fn OnClose(&self) -> Result<()> {
        guarded(|| {
            self.channel.revoke();
            self.pump.finish();
        })
    }
}
