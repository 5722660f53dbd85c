//! The RDP client's plugin: carries the bytes of the channel `Nearside::Media` between the
//! remote session and the agent on this device.
//!
//! It is loaded into the RDP client, so the session of the user hangs on it. Hence it does as
//! little as possible: it reads nothing of what it carries but where a frame ends, decides nothing, and has one promise:
//!
//! INVARIANT: whatever the remote side or the agent does, the session renders as before. No
//! callback blocks, fails or panics, and no queue grows without end.
//!
//! With no agent running the channel is refused, and each later attempt of the remote side is
//! tried anew.
//!
//! `pump` and `pace` are safe and know no RDP client; `freerdp` and `windows` are the clients'
//! interfaces and hold all unsafe code.

#[cfg(target_os = "linux")]
mod agent_socket;
#[cfg(target_os = "linux")]
mod freerdp;
#[cfg(any(target_os = "linux", windows))]
mod pace;
#[cfg(any(target_os = "linux", windows))]
mod pump;
#[cfg(windows)]
mod windows;

/// Tells whoever reads the RDP client's output. Never what the channel carries.
#[cfg(any(target_os = "linux", windows))]
fn log(message: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    // eprintln! panics where the output is closed.
    let _ = writeln!(std::io::stderr(), "nearside: {message}");
}
