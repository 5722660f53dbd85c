//! FreeRDP's interface for plugins of dynamic virtual channels (`freerdp/dvc.h`), as far as it
//! is used, and the start of WinPR's stream (`winpr/stream.h`).
//!
//! One layout serves 2.11 and 3.x: the callback structures that version 3 made longer by
//! `pInterface` have it here, which version 2 never reads, and the entry points end before
//! `GetRdpContext`, which only version 3 has. Every function returns 0 for success.

use std::ffi::{c_char, c_int, c_void};

/// `UINT` of the header: a Win32 error, 0 for success.
pub(super) type Status = u32;

/// `IDRDYNVC_ENTRY_POINTS`
#[repr(C)]
pub(super) struct EntryPoints {
    pub(super) register_plugin:
        Option<unsafe extern "C" fn(*mut EntryPoints, *const c_char, *mut Plugin) -> Status>,
    pub(super) plugin: Option<unsafe extern "C" fn(*mut EntryPoints, *const c_char) -> *mut Plugin>,
    pub(super) plugin_data: Option<unsafe extern "C" fn(*mut EntryPoints) -> *const Arguments>,
    pub(super) rdp_settings: Option<unsafe extern "C" fn(*mut EntryPoints) -> *mut c_void>,
}

/// `ADDIN_ARGV`
#[repr(C)]
pub(super) struct Arguments {
    pub(super) count: c_int,
    pub(super) values: *const *const c_char,
}

/// `IWTSPlugin`
#[repr(C)]
pub(super) struct Plugin {
    pub(super) initialize: Option<unsafe extern "C" fn(*mut Plugin, *mut ChannelManager) -> Status>,
    pub(super) connected: Option<unsafe extern "C" fn(*mut Plugin) -> Status>,
    pub(super) disconnected: Option<unsafe extern "C" fn(*mut Plugin, u32) -> Status>,
    pub(super) terminated: Option<unsafe extern "C" fn(*mut Plugin) -> Status>,
    pub(super) attached: Option<unsafe extern "C" fn(*mut Plugin) -> Status>,
    pub(super) detached: Option<unsafe extern "C" fn(*mut Plugin) -> Status>,
    pub(super) interface: *mut c_void,
}

/// `IWTSVirtualChannelManager`; the functions after the first are not used.
#[repr(C)]
pub(super) struct ChannelManager {
    pub(super) create_listener: Option<
        unsafe extern "C" fn(
            *mut ChannelManager,
            *const c_char,
            u32,
            *mut ListenerCallback,
            *mut *mut c_void,
        ) -> Status,
    >,
}

/// `IWTSListenerCallback`
#[repr(C)]
pub(super) struct ListenerCallback {
    pub(super) on_new_channel_connection: Option<
        unsafe extern "C" fn(
            *mut ListenerCallback,
            *mut VirtualChannel,
            *mut u8,
            *mut c_int,
            *mut *mut ChannelCallback,
        ) -> Status,
    >,
    pub(super) interface: *mut c_void,
}

/// `IWTSVirtualChannel`; its `Close` does nothing in 2.11 and is not used.
#[repr(C)]
pub(super) struct VirtualChannel {
    pub(super) write:
        Option<unsafe extern "C" fn(*mut VirtualChannel, u32, *const u8, *mut c_void) -> Status>,
}

/// `IWTSVirtualChannelCallback`
#[repr(C)]
pub(super) struct ChannelCallback {
    pub(super) on_data_received:
        Option<unsafe extern "C" fn(*mut ChannelCallback, *mut Stream) -> Status>,
    pub(super) on_open: Option<unsafe extern "C" fn(*mut ChannelCallback) -> Status>,
    pub(super) on_close: Option<unsafe extern "C" fn(*mut ChannelCallback) -> Status>,
    pub(super) interface: *mut c_void,
}

/// `wStream`, the part that all versions share.
#[repr(C)]
pub(super) struct Stream {
    pub(super) buffer: *mut u8,
    /// The reading position in `buffer`.
    pub(super) pointer: *mut u8,
    /// Bytes in `buffer`, from its start.
    pub(super) length: usize,
    pub(super) capacity: usize,
}
