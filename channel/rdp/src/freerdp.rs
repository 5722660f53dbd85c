//! The plugin of FreeRDP 2.11 and 3.x, loaded as `libnearside-client.so` by `/dvc:nearside`.
//! `/dvc:nearside,sock:PATH` names another socket of the agent.
//!
//! Who calls: everything but the entry is called on the thread of FreeRDP's `drdynvc`. FreeRDP
//! terminates the plugin before it closes the channels that are still open, so a channel owns
//! all that it needs.
//!
//! INVARIANT: every function returns 0. An error from one plugin can end the whole session.
//! INVARIANT: FreeRDP frees a channel when its `OnClose` returns. The pointer to it lies in
//! [`Channel`], under a lock that every write holds, and `OnClose` takes it away.
#![expect(
    unsafe_code,
    reason = "the interface is C's: pointers, and structures that both sides own"
)]

mod abi;
mod settings;

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nearside_channel::plugin::{PreambleError, preamble};

use self::abi::{
    Arguments, ChannelCallback, ChannelManager, EntryPoints, ListenerCallback, Status, Stream,
    VirtualChannel,
};
use self::settings::Settings;
use crate::agent_socket::{AgentSocket, Refusal, default_path};
use crate::pump::{Outlet, OutletClosed, Pump};

const PLUGIN_NAME: &CStr = c"nearside";
const CHANNEL_NAME: &CStr = c"Nearside::Media";

/// Registers the plugin; FreeRDP finds it by this name and calls it once for each connection.
#[unsafe(no_mangle)]
unsafe extern "C" fn DVCPluginEntry(points: *mut EntryPoints) -> Status {
    // SAFETY: FreeRDP's entry points live during the call.
    guarded(|| unsafe { register(points) })
}

/// Runs a callback's work; nothing leaves it but success.
fn guarded(work: impl FnOnce()) -> Status {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        crate::log(format_args!("a callback failed; the session goes on without it"));
    }
    0
}

/// The registered plugin. One allocation, freed by [`terminated`].
#[repr(C)]
struct Plugin {
    /// First, so that a pointer to it is one to the whole.
    interface: abi::Plugin,
    listener: Listener,
}

/// What FreeRDP asks for each new channel.
#[repr(C)]
struct Listener {
    interface: ListenerCallback,
    settings: Settings,
    /// Where the user said that the agent waits.
    socket: Option<PathBuf>,
    /// The last attempt was refused and it was said.
    refused: Cell<bool>,
}

/// One open channel, freed by [`on_close`].
#[repr(C)]
struct Callback {
    interface: ChannelCallback,
    open: Arc<OpenChannel>,
}

struct OpenChannel {
    channel: Arc<Channel>,
    pump: Pump,
}

/// The channel to write to, until it is closed.
struct Channel(Mutex<Option<NonNull<VirtualChannel>>>);

// SAFETY: FreeRDP's Write may be called on any thread; it takes a lock of its own. The pointer is
// only used under this lock, or by the one who has taken it out.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, Option<NonNull<VirtualChannel>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a write on another thread; afterwards there are no more.
    fn revoke(&self) -> Option<NonNull<VirtualChannel>> {
        self.lock().take()
    }

    /// Closes the channel, which FreeRDP understands as a write of nothing. It calls `OnClose`
    /// before this returns, and frees the channel.
    ///
    /// # Safety
    /// On drdynvc's thread, inside `OnDataReceived` for a message after which FreeRDP does not
    /// touch the channel again.
    unsafe fn close(&self) {
        let Some(channel) = self.revoke() else { return };
        // SAFETY: only drdynvc's thread, this one, frees channels, and not before `OnClose`,
        // which would have taken the pointer. The lock is free, because `OnClose` takes it.
        unsafe {
            if let Some(write) = (*channel.as_ptr()).write {
                write(channel.as_ptr(), 0, ptr::null(), ptr::null_mut());
            }
        }
    }
}

impl Outlet for Channel {
    fn write(&self, bytes: &[u8]) -> Result<(), OutletClosed> {
        let length = u32::try_from(bytes.len()).map_err(|_| OutletClosed)?;
        let channel = self.lock();
        let pointer = channel.ok_or(OutletClosed)?.as_ptr();
        // A write of nothing would close the channel on this thread.
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the channel is not closed, because closing takes the pointer away under this
        // lock, which is held until Write has returned; Write copies the bytes.
        let status = unsafe {
            let write = (*pointer).write.ok_or(OutletClosed)?;
            write(pointer, length, bytes.as_ptr(), ptr::null_mut())
        };
        if status == 0 { Ok(()) } else { Err(OutletClosed) }
    }
}

/// # Safety
/// `points` is null or FreeRDP's, alive during the call.
unsafe fn register(points: *mut EntryPoints) {
    if points.is_null() {
        return;
    }
    // SAFETY: FreeRDP fills the structure in and promises what its header says: functions that
    // take it back, arguments that live during the call, and settings that outlive the plugin.
    unsafe {
        if let Some(plugin) = (*points).plugin
            && !plugin(points, PLUGIN_NAME.as_ptr()).is_null()
        {
            return;
        }
        let Some(register_plugin) = (*points).register_plugin else { return };
        let arguments = (*points).plugin_data.map_or(ptr::null(), |data| data(points));
        let settings = (*points).rdp_settings.map_or(ptr::null_mut(), |settings| settings(points));
        let plugin = Box::into_raw(Box::new(Plugin {
            interface: abi::Plugin {
                initialize: Some(initialize),
                connected: Some(connected),
                disconnected: Some(disconnected),
                terminated: Some(terminated),
                attached: None,
                detached: None,
                interface: ptr::null_mut(),
            },
            listener: Listener {
                interface: ListenerCallback {
                    on_new_channel_connection: Some(on_new_channel_connection),
                    interface: ptr::null_mut(),
                },
                settings: Settings::read(settings),
                socket: socket_argument(arguments),
                refused: Cell::new(false),
            },
        }));
        if register_plugin(points, PLUGIN_NAME.as_ptr(), plugin.cast()) != 0 {
            drop(Box::from_raw(plugin));
        }
    }
}

/// The path in `sock:PATH`, if it is absolute.
///
/// # Safety
/// `arguments` is null or as FreeRDP made them.
unsafe fn socket_argument(arguments: *const Arguments) -> Option<PathBuf> {
    if arguments.is_null() {
        return None;
    }
    // SAFETY: not null; `values` has `count` C strings.
    unsafe {
        let count = usize::try_from((*arguments).count).unwrap_or(0);
        let values = (*arguments).values;
        if values.is_null() {
            return None;
        }
        (0..count).find_map(|index| {
            let argument = settings::text(*values.add(index))?;
            let path = PathBuf::from(argument.strip_prefix("sock:")?);
            path.is_absolute().then_some(path)
        })
    }
}

unsafe extern "C" fn initialize(plugin: *mut abi::Plugin, manager: *mut ChannelManager) -> Status {
    guarded(|| {
        // SAFETY: FreeRDP gives back the registered pointer, and its manager, which keeps the
        // pointer to the listener no longer than the plugin.
        let status = unsafe {
            let Some(create_listener) = (*manager).create_listener else { return };
            let listener = &raw mut (*plugin.cast::<Plugin>()).listener;
            let mut created = ptr::null_mut();
            create_listener(manager, CHANNEL_NAME.as_ptr(), 0, listener.cast(), &raw mut created)
        };
        if status != 0 {
            crate::log(format_args!("FreeRDP refused the listener: error {status}"));
        }
    })
}

unsafe extern "C" fn connected(_plugin: *mut abi::Plugin) -> Status {
    0
}

unsafe extern "C" fn disconnected(_plugin: *mut abi::Plugin, _code: u32) -> Status {
    0
}

unsafe extern "C" fn terminated(plugin: *mut abi::Plugin) -> Status {
    // SAFETY: made by `register`; FreeRDP calls this once, last, and no channel points here.
    guarded(|| drop(unsafe { Box::from_raw(plugin.cast::<Plugin>()) }))
}

unsafe extern "C" fn on_new_channel_connection(
    listener: *mut ListenerCallback,
    channel: *mut VirtualChannel,
    _data: *mut u8,
    accept: *mut c_int,
    callback: *mut *mut ChannelCallback,
) -> Status {
    guarded(|| {
        // SAFETY: FreeRDP gives back the pointer of `initialize`, on the one thread that uses the
        // listener, and two places to answer in.
        unsafe {
            *accept = 0;
            let listener = &*listener.cast::<Listener>();
            let Some(channel) = NonNull::new(channel) else { return };
            match listener.open(channel) {
                Ok(open) => {
                    listener.refused.set(false);
                    *callback = Box::into_raw(Box::new(open)).cast();
                    *accept = 1;
                }
                Err(error) => {
                    if !listener.refused.replace(true) {
                        crate::log(format_args!("channel refused: {error}"));
                    }
                }
            }
        }
    })
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

impl Listener {
    fn open(&self, channel: NonNull<VirtualChannel>) -> Result<Callback, OpenError> {
        let path = self.socket.clone().unwrap_or_else(default_path);
        let socket = AgentSocket::connect(&path)?;
        let first = preamble(&self.settings.facts())?;
        let channel = Arc::new(Channel(Mutex::new(Some(channel))));
        let outlet = Arc::clone(&channel);
        let pump = Pump::start(Box::new(socket), first, outlet).map_err(OpenError::Thread)?;
        Ok(Callback {
            interface: ChannelCallback {
                on_data_received: Some(on_data_received),
                // Does nothing, but without it version 3 warns at each message.
                on_open: Some(on_open),
                on_close: Some(on_close),
                interface: ptr::null_mut(),
            },
            open: Arc::new(OpenChannel { channel, pump }),
        })
    }
}

unsafe extern "C" fn on_data_received(callback: *mut ChannelCallback, data: *mut Stream) -> Status {
    guarded(|| {
        // SAFETY: FreeRDP gives back the pointer of `on_new_channel_connection` until `OnClose`,
        // and a stream that lives during the call.
        let (open, bytes, has_header) = unsafe {
            let open = Arc::clone(&(*callback.cast::<Callback>()).open);
            let position = ((*data).pointer.addr()).saturating_sub((*data).buffer.addr());
            let length = (*data).length.min((*data).capacity).saturating_sub(position);
            let bytes: &[u8] =
                if length == 0 { &[] } else { slice::from_raw_parts((*data).pointer, length) };
            (open, bytes, 0 < position)
        };
        // Nobody is left to carry for: the remote side learns it by the closed channel. A stream
        // that starts with the message was put together from several and belongs to the channel,
        // which FreeRDP 2 would touch again; then the next message does it.
        if open.pump.push(bytes).is_err() && has_header {
            // SAFETY: FreeRDP calls this on drdynvc's thread. It reads the message with the
            // protocol's header in a stream that is not the channel's; with such a one version 2
            // returns at once, and version 3 holds a reference to the channel.
            unsafe { open.channel.close() };
        }
    })
}

unsafe extern "C" fn on_open(_callback: *mut ChannelCallback) -> Status {
    0
}

unsafe extern "C" fn on_close(callback: *mut ChannelCallback) -> Status {
    guarded(|| {
        // SAFETY: made by `on_new_channel_connection`; FreeRDP calls this once and forgets it.
        let callback = unsafe { Box::from_raw(callback.cast::<Callback>()) };
        callback.open.channel.revoke();
        callback.open.pump.finish();
    })
}
