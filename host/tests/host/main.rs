//! The real relay and broker between scripted browsers and scripted devices, over the real
//! sockets and pipes. What is not of one system runs on Windows, too, and under wine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;
mod channels;
mod device;
mod hostile;
mod place;
#[cfg(unix)]
mod policy;
#[cfg(windows)]
mod remote_desktop;
mod sharing;
#[cfg(target_os = "linux")]
mod windows;
#[cfg(unix)]
mod xrdp;

use std::time::Duration;

/// Longest a step may take before the test gives up; nothing waits so long when all is well.
const STEP: Duration = Duration::from_secs(20);
