//! FreeRDP's side of the plugin interface, played by a test: loads the built plugin as FreeRDP
//! does and calls it as `channels/drdynvc/client/drdynvc_main.c` of 2.11.7 and of 3.x do.
//!
//! The structures are written after the C headers, not after the plugin's own, so that both are
//! checked against each other. Channels are never freed here: a write to one that FreeRDP would
//! have freed is counted in [`Channel::late_writes`].

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libloading::os::unix::Library;

/// Which FreeRDP is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Callback structures without a trailing `pInterface`.
    V2,
    /// With it, and with `GetRdpContext` among the entry points.
    V3,
}

pub(crate) const VERSIONS: [Version; 2] = [Version::V2, Version::V3];

#[repr(C)]
struct Points {
    register: unsafe extern "C" fn(*mut Points, *const c_char, *mut PluginInterface) -> u32,
    find: unsafe extern "C" fn(*mut Points, *const c_char) -> *mut PluginInterface,
    data: unsafe extern "C" fn(*mut Points) -> *mut Arguments,
    settings: unsafe extern "C" fn(*mut Points) -> *mut c_void,
    /// `GetRdpContext` in version 3, the manager in version 2: not for plugins of both.
    forbidden: *const c_void,
    arguments: *mut Arguments,
    rdp_settings: *mut c_void,
    registered: *mut PluginInterface,
}

#[repr(C)]
struct Arguments {
    count: c_int,
    values: *mut *mut c_char,
}

#[repr(C)]
struct PluginInterface {
    initialize: Option<unsafe extern "C" fn(*mut PluginInterface, *mut Manager) -> u32>,
    connected: Option<unsafe extern "C" fn(*mut PluginInterface) -> u32>,
    disconnected: Option<unsafe extern "C" fn(*mut PluginInterface, u32) -> u32>,
    terminated: Option<unsafe extern "C" fn(*mut PluginInterface) -> u32>,
    attached: Option<unsafe extern "C" fn(*mut PluginInterface) -> u32>,
    detached: Option<unsafe extern "C" fn(*mut PluginInterface) -> u32>,
    interface: *mut c_void,
}

type CreateListener = unsafe extern "C" fn(
    *mut Manager,
    *const c_char,
    u32,
    *mut ListenerCallback,
    *mut *mut c_void,
) -> u32;

#[repr(C)]
struct Manager {
    create_listener: CreateListener,
    unused: [*const c_void; 4],
    listener: *mut ListenerCallback,
    name: CString,
}

type OnNewChannel = unsafe extern "C" fn(
    *mut ListenerCallback,
    *mut Channel,
    *mut u8,
    *mut c_int,
    *mut *mut ChannelCallback,
) -> u32;

#[repr(C)]
struct ListenerCallback {
    on_new_channel: Option<OnNewChannel>,
    /// Version 3 only.
    interface: *mut c_void,
}

#[repr(C)]
struct ChannelCallback {
    on_data: Option<unsafe extern "C" fn(*mut ChannelCallback, *mut Stream) -> u32>,
    on_open: Option<unsafe extern "C" fn(*mut ChannelCallback) -> u32>,
    on_close: Option<unsafe extern "C" fn(*mut ChannelCallback) -> u32>,
    /// Version 3 only.
    interface: *mut c_void,
}

/// `wStream` of version 2; version 3 has other fields after the first four, too.
#[repr(C)]
struct Stream {
    buffer: *mut u8,
    pointer: *mut u8,
    length: usize,
    capacity: usize,
    count: u32,
    pool: *mut c_void,
    flags: [c_int; 2],
}

/// A dynamic virtual channel as FreeRDP has it.
#[repr(C)]
pub(crate) struct Channel {
    write: unsafe extern "C" fn(*mut Channel, u32, *const u8, *mut c_void) -> u32,
    close: unsafe extern "C" fn(*mut Channel) -> u32,
    callback: Mutex<usize>,
    closed: AtomicBool,
    late_writes: AtomicUsize,
    written: Mutex<Vec<u8>>,
    changed: Condvar,
}

// Channels live for ever and are used through a shared reference.
pub(crate) type ChannelRef = &'static Channel;

unsafe extern "C" fn write(
    channel: *mut Channel,
    length: u32,
    bytes: *const u8,
    _reserved: *mut c_void,
) -> u32 {
    // SAFETY: the plugin gives back the pointer that it was given; channels are never freed.
    let channel = unsafe { &*channel };
    if channel.closed.load(Ordering::SeqCst) {
        channel.late_writes.fetch_add(1, Ordering::SeqCst);
        return 1;
    }
    if length == 0 {
        channel.close();
        return 0;
    }
    let length = usize::try_from(length).unwrap();
    // SAFETY: the plugin passes `length` readable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    lock(&channel.written).extend_from_slice(bytes);
    channel.changed.notify_all();
    0
}

unsafe extern "C" fn close_does_nothing(_channel: *mut Channel) -> u32 {
    0
}

impl Channel {
    /// What arrived from the agent, as soon as it is `length` bytes; the rest stays.
    pub(crate) fn received(&self, length: usize) -> Vec<u8> {
        let mut written = lock(&self.written);
        while written.len() < length {
            written = self.changed.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        written.drain(..length).collect()
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Writes after the channel was closed: FreeRDP would have used freed memory.
    pub(crate) fn late_writes(&self) -> usize {
        self.late_writes.load(Ordering::SeqCst)
    }

    /// A message that came in one piece: the stream starts with the protocol's header.
    pub(crate) fn deliver(&self, bytes: &[u8]) {
        self.on_data([&[0x30, 0x01], bytes].concat(), 2);
    }

    /// A message that FreeRDP put together.
    pub(crate) fn deliver_fragmented(&self, bytes: &[u8]) {
        self.on_data(bytes.to_vec(), 0);
    }

    fn on_data(&self, mut buffer: Vec<u8>, position: usize) {
        let callback = *lock(&self.callback);
        if callback == 0 {
            return;
        }
        let callback: *mut ChannelCallback = ptr::with_exposed_provenance_mut(callback);
        let mut stream = Stream {
            buffer: buffer.as_mut_ptr(),
            pointer: buffer[position..].as_mut_ptr(),
            length: buffer.len(),
            capacity: buffer.len(),
            count: 1,
            pool: ptr::null_mut(),
            flags: [0; 2],
        };
        // SAFETY: the callback is the plugin's until OnClose, which takes it away from here.
        let status = unsafe { (*callback).on_data.unwrap()(callback, &raw mut stream) };
        assert_eq!(status, 0, "a plugin's error ends the session");
    }

    /// What FreeRDP does before it frees a channel, whoever closed it.
    pub(crate) fn close(&self) {
        let callback = std::mem::take(&mut *lock(&self.callback));
        if callback == 0 {
            return;
        }
        let callback: *mut ChannelCallback = ptr::with_exposed_provenance_mut(callback);
        // SAFETY: as above; FreeRDP calls this once.
        let status = unsafe { (*callback).on_close.unwrap()(callback) };
        assert_eq!(status, 0);
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// One RDP connection with the plugin loaded. One at a time in this process, so that the
/// plugin's threads can be counted.
pub(crate) struct Session {
    plugin: *mut PluginInterface,
    manager: Box<Manager>,
    version: Version,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Session {
    /// Loads the plugin as `/dvc:nearside,sock:PATH` does.
    pub(crate) fn start(version: Version, socket: &Path) -> Session {
        let socket = format!("sock:{}", socket.display());
        Self::start_with(version, &["nearside", &socket], ptr::null_mut())
    }

    pub(crate) fn start_with(
        version: Version,
        arguments: &[&str],
        rdp_settings: *mut c_void,
    ) -> Session {
        let alone = lock(&ALONE);
        let texts: Vec<CString> =
            arguments.iter().map(|text| CString::new(*text).unwrap()).collect();
        let mut values: Vec<*mut c_char> =
            texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
        let mut arguments = Arguments {
            count: c_int::try_from(values.len()).unwrap(),
            values: values.as_mut_ptr(),
        };
        let mut points = Points {
            register,
            find,
            data,
            settings,
            forbidden: ptr::without_provenance(0xdead),
            arguments: if values.is_empty() { ptr::null_mut() } else { &raw mut arguments },
            rdp_settings,
            registered: ptr::null_mut(),
        };
        let mut manager = Box::new(Manager {
            create_listener,
            unused: [ptr::without_provenance(0xdead); 4],
            listener: ptr::null_mut(),
            name: CString::default(),
        });
        // SAFETY: the entry's signature is that of `PDVC_PLUGIN_ENTRY`; all structures live
        // until the calls return, the manager until the plugin is terminated.
        unsafe {
            let entry = entry();
            assert_eq!(entry(&raw mut points), 0);
            // A second time it is there already.
            let first = points.registered;
            assert_eq!(entry(&raw mut points), 0);
            assert_eq!(points.registered, first);
            assert_eq!((*first).initialize.unwrap()(first, &raw mut *manager), 0);
            assert_eq!((*first).connected.unwrap()(first), 0);
            if version == Version::V3 {
                assert!((*manager.listener).interface.is_null());
            }
        }
        assert_eq!(manager.name.as_c_str(), c"Nearside::Media");
        Session { plugin: points.registered, manager, version, _alone: alone }
    }

    /// The server asks for the channel; `None` if the plugin refuses it.
    pub(crate) fn open(&self) -> Option<ChannelRef> {
        let channel: &'static mut Channel = Box::leak(Box::new(Channel {
            write,
            close: close_does_nothing,
            callback: Mutex::new(0),
            closed: AtomicBool::new(false),
            late_writes: AtomicUsize::new(0),
            written: Mutex::default(),
            changed: Condvar::new(),
        }));
        let channel = &raw mut *channel;
        let mut accept = 1;
        let mut callback = ptr::null_mut();
        // SAFETY: the listener is the plugin's until it is terminated; the channel lives for ever.
        unsafe {
            let listener = self.manager.listener;
            let on_new_channel = (*listener).on_new_channel.unwrap();
            let status = on_new_channel(
                listener,
                channel,
                ptr::null_mut(),
                &raw mut accept,
                &raw mut callback,
            );
            assert_eq!(status, 0);
            if accept == 0 {
                return None;
            }
            *lock(&(*channel).callback) = callback.expose_provenance();
            // Without one of the three, version 3 warns at each message.
            assert_eq!((*callback).on_open.unwrap()(callback), 0);
            if self.version == Version::V3 {
                assert!((*callback).interface.is_null());
            }
            Some(&*channel)
        }
    }

    /// Ends the connection, once. FreeRDP terminates plugins before it closes their channels.
    pub(crate) fn end(&self) {
        // SAFETY: FreeRDP calls these once, last; nothing uses the plugin afterwards.
        unsafe {
            assert_eq!((*self.plugin).disconnected.unwrap()(self.plugin, 0), 0);
            assert_eq!((*self.plugin).terminated.unwrap()(self.plugin), 0);
        }
    }
}

/// Threads of the plugin in this process.
fn plugin_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("nearside-"))
        .count()
}

/// Waits until the plugin's threads have ended.
pub(crate) fn wait_for_no_threads() {
    let started = Instant::now();
    while 0 < plugin_threads() {
        assert!(started.elapsed() < Duration::from_secs(60), "a thread of the plugin stays");
        thread::yield_now();
    }
}

type Entry = unsafe extern "C" fn(*mut Points) -> u32;

/// # Safety
/// The plugin is the one that was built with this test.
unsafe fn entry() -> Entry {
    // SAFETY: loading runs no code of the plugin; the symbol has the type that FreeRDP gives it.
    unsafe {
        let library = Library::new(plugin_path()).expect("the plugin loads");
        let entry = *library.get::<Entry>(b"DVCPluginEntry\0").expect("FreeRDP finds the entry");
        // FreeRDP never unloads a plugin either.
        std::mem::forget(library);
        entry
    }
}

/// Calls the entry as FreeRDP never would.
pub(crate) fn enter_with_nothing() -> u32 {
    // SAFETY: the plugin checks for null.
    unsafe { entry()(ptr::null_mut()) }
}

fn plugin_path() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.with_file_name("libnearside_rdp.so")
}

unsafe extern "C" fn register(
    points: *mut Points,
    name: *const c_char,
    plugin: *mut PluginInterface,
) -> u32 {
    // SAFETY: the plugin gives back the pointer that it was given, and a C string.
    unsafe {
        assert_eq!(CStr::from_ptr(name), c"nearside");
        (*points).registered = plugin;
    }
    0
}

unsafe extern "C" fn find(points: *mut Points, _name: *const c_char) -> *mut PluginInterface {
    // SAFETY: as above.
    unsafe { (*points).registered }
}

unsafe extern "C" fn data(points: *mut Points) -> *mut Arguments {
    // SAFETY: as above.
    unsafe { (*points).arguments }
}

unsafe extern "C" fn settings(points: *mut Points) -> *mut c_void {
    // SAFETY: as above.
    unsafe { (*points).rdp_settings }
}

unsafe extern "C" fn create_listener(
    manager: *mut Manager,
    name: *const c_char,
    _flags: u32,
    listener: *mut ListenerCallback,
    created: *mut *mut c_void,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        (*manager).listener = listener;
        (*manager).name = CStr::from_ptr(name).to_owned();
        *created = ptr::without_provenance_mut(0xdead);
    }
    0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
