//! What the browser starts: copies its native messages to the session's broker and back.
//!
//! It knows nothing of them. The browser ends it with the port; the broker and the other
//! browsers live on.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use self::unix::run;
#[cfg(windows)]
pub use self::windows::run;
