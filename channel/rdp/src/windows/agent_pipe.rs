//! The named pipe on which the agent of this user waits for plugins.
//!
//! Reading and writing at the same time needs overlapped I/O: Windows lets one wait for the
//! other on a pipe that is opened without.

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows::Win32::Foundation::{
    ERROR_FILE_NOT_FOUND, ERROR_IO_PENDING, GENERIC_READ, GENERIC_WRITE, HANDLE, HLOCAL, LocalFree,
    WAIT_OBJECT_0,
};
use windows::Win32::Security::Authorization::{
    ConvertSidToStringSidW, GetSecurityInfo, SE_KERNEL_OBJECT,
};
use windows::Win32::Security::{
    EqualSid, GetTokenInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
    TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, FILE_SHARE_NONE, OPEN_EXISTING, ReadFile,
    SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT, WriteFile,
};
use windows::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, INFINITE, OpenProcessToken, SetEvent, WaitForMultipleObjects,
    WaitForSingleObject,
};
use windows::core::{HSTRING, PCWSTR, PWSTR};

use crate::pump::Link;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no agent is running")]
    NoAgent,
    #[error("the agent's pipe belongs to another user")]
    OtherUser,
    #[error("the agent cannot be reached: {0}")]
    System(windows::core::Error),
}

impl From<windows::core::Error> for Refusal {
    fn from(error: windows::core::Error) -> Self {
        if error.code() == ERROR_FILE_NOT_FOUND.to_hresult() {
            Refusal::NoAgent
        } else {
            Refusal::System(error)
        }
    }
}

/// A connection to an agent of this user.
pub(crate) struct AgentPipe {
    pipe: OwnedHandle,
    /// Set once, to make every transfer return.
    hung_up: OwnedHandle,
}

impl AgentPipe {
    /// Does not wait.
    ///
    /// # Errors
    /// Nobody listens, the listener is another user's, or all its instances are taken.
    pub(crate) fn connect() -> Result<AgentPipe, Refusal> {
        let user = User::of_this_process()?;
        let name = HSTRING::from(format!(r"\\.\pipe\nearside-plugin-{}", user.name()?));
        // The agent may learn who this is, but not act as this user before it is checked.
        let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
        // SAFETY: the name outlives the call, which returns a new handle or fails.
        let pipe = unsafe {
            let access = GENERIC_READ.0 | GENERIC_WRITE.0;
            let handle =
                CreateFileW(&name, access, FILE_SHARE_NONE, None, OPEN_EXISTING, flags, None)?;
            OwnedHandle::from_raw_handle(handle.0)
        };
        if !user.owns(&pipe)? {
            return Err(Refusal::OtherUser);
        }
        Ok(AgentPipe { pipe, hung_up: event()? })
    }

    /// Runs one overlapped transfer to its end; returns the bytes.
    ///
    /// # Safety
    /// `start` begins a transfer on the pipe with the structure it is given, and what it reads or
    /// writes lives until this returns.
    unsafe fn transfer(
        &self,
        start: impl FnOnce(HANDLE, *mut OVERLAPPED) -> windows::core::Result<()>,
    ) -> io::Result<usize> {
        let done = event()?;
        let pipe = HANDLE(self.pipe.as_raw_handle());
        let hung_up = HANDLE(self.hung_up.as_raw_handle());
        let mut overlapped =
            OVERLAPPED { hEvent: HANDLE(done.as_raw_handle()), ..OVERLAPPED::default() };
        let overlapped = &raw mut overlapped;
        let mut length = 0;
        // SAFETY: the handles are open. Every path that began a transfer waits for its end in
        // GetOverlappedResult, so the structure and the buffer outlive it.
        unsafe {
            if WaitForSingleObject(hung_up, 0) == WAIT_OBJECT_0 {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if let Err(error) = start(pipe, overlapped) {
                if error.code() != ERROR_IO_PENDING.to_hresult() {
                    return Err(error.into());
                }
                let ended = [HANDLE(done.as_raw_handle()), hung_up];
                if WaitForMultipleObjects(&ended, false, INFINITE) != WAIT_OBJECT_0 {
                    let _ = CancelIoEx(pipe, Some(overlapped));
                }
            }
            GetOverlappedResult(pipe, overlapped, &raw mut length, true)?;
        }
        usize::try_from(length).map_err(io::Error::other)
    }
}

impl Link for AgentPipe {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: begins one read into the buffer, which outlives the transfer.
        unsafe {
            self.transfer(|pipe, overlapped| ReadFile(pipe, Some(buffer), None, Some(overlapped)))
        }
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // SAFETY: begins one write from the bytes, which outlive the transfer.
            let length = unsafe {
                self.transfer(|pipe, overlapped| {
                    WriteFile(pipe, Some(bytes), None, Some(overlapped))
                })
            }?;
            if length == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn hang_up(&self) {
        // SAFETY: the handle is an open event.
        let _ = unsafe { SetEvent(HANDLE(self.hung_up.as_raw_handle())) };
    }
}

/// A new event that stays set.
fn event() -> windows::core::Result<OwnedHandle> {
    // SAFETY: returns a new handle or fails.
    unsafe {
        let handle = CreateEventW(None, true, false, PCWSTR::null())?;
        Ok(OwnedHandle::from_raw_handle(handle.0))
    }
}

/// The user that this process runs as.
struct User {
    /// A `TOKEN_USER` and the SID that it points to, in an allocation with its alignment.
    token_user: Vec<usize>,
}

impl User {
    fn of_this_process() -> windows::core::Result<User> {
        let mut token = HANDLE::default();
        let mut length = 0;
        // SAFETY: the first call opens a handle that is closed by its owner; the second asks for
        // the length, and the third fills a buffer of at least this length.
        unsafe {
            OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token)?;
            let _token = OwnedHandle::from_raw_handle(token.0);
            let _ = GetTokenInformation(token, TokenUser, None, 0, &raw mut length);
            let words = usize::try_from(length).unwrap_or(0).div_ceil(size_of::<usize>());
            let mut token_user = vec![0_usize; words];
            let buffer = token_user.as_mut_ptr().cast();
            GetTokenInformation(token, TokenUser, Some(buffer), length, &raw mut length)?;
            Ok(User { token_user })
        }
    }

    fn sid(&self) -> PSID {
        // SAFETY: filled by GetTokenInformation, which writes this structure first.
        unsafe { (*self.token_user.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }

    /// The SID as text, `S-1-…`.
    fn name(&self) -> windows::core::Result<String> {
        let mut text = PWSTR::null();
        // SAFETY: the SID is valid; the call allocates a string that is freed after it is copied.
        unsafe {
            ConvertSidToStringSidW(self.sid(), &raw mut text)?;
            let name = text.to_string();
            LocalFree(Some(HLOCAL(text.0.cast())));
            Ok(name?)
        }
    }

    /// Whether this user made the object: only an administrator can make it look so.
    fn owns(&self, object: &OwnedHandle) -> windows::core::Result<bool> {
        let mut owner = PSID::default();
        let mut descriptor = PSECURITY_DESCRIPTOR(ptr::null_mut());
        // SAFETY: the handle is open; the owner points into the descriptor, which is freed after
        // it was compared.
        unsafe {
            GetSecurityInfo(
                HANDLE(object.as_raw_handle()),
                SE_KERNEL_OBJECT,
                OWNER_SECURITY_INFORMATION,
                Some(&raw mut owner),
                None,
                None,
                None,
                Some(&raw mut descriptor),
            )
            .ok()?;
            let same = !owner.is_invalid() && EqualSid(owner, self.sid()).is_ok();
            LocalFree(Some(HLOCAL(descriptor.0)));
            Ok(same)
        }
    }
}
