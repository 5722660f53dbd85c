//! What the scenarios stand on: real programs, started in places of their own, bounded in time.
//!
//! | module       | job                                                                    |
//! |--------------|------------------------------------------------------------------------|
//! | [`programs`] | where the programs under test are                                      |
//! | [`place`]    | a folder of a test's own: runtime folder, home, what it writes         |
//! | [`process`]  | a program that runs, and what the kernel counts of it                  |
//! | [`agent`]    | `nearside agent`, its status                                           |
//! | [`demo`]     | `nearside demo`, its report                                            |
//! | [`host`]     | a session host that can misbehave, on the real channel socket          |
//! | [`http`]     | a web server for media by URL                                          |
//! | [`clips`]    | clips made by the ffmpeg program                                       |
//! | [`picture`]  | what is on a screenshot                                                |
//! | [`screen`]   | a display of a test's own, and an RDP client's window on it           |
//! | [`sound`]    | a sound server of a test's own, and what it heard                      |
//! | [`tray`]     | a session bus of a test's own, and the desktop's tray on it            |
//!
//! INVARIANT: nothing here waits without a limit, and what a test starts ends with it. Limits
//! only catch what hangs: no scenario asserts how long anything takes.

pub mod agent;
pub mod clips;
pub mod demo;
pub mod host;
pub mod http;
pub mod picture;
pub mod place;
pub mod process;
pub mod programs;
pub mod screen;
pub mod sound;
pub mod tray;

use anyhow::bail;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// For one step that takes a fraction of a second when nothing else runs.
pub const STEP: Duration = Duration::from_secs(20);

/// For a clip of a few seconds.
pub const PLAY: Duration = Duration::from_secs(60);

/// Between two looks at something that cannot be waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Rows of one table that are checked at the same time.
const WORKERS: usize = 4;

/// Checks every row, a few at a time, and names all that fail.
///
/// # Errors
/// The failed rows by `name`, each with its reason.
pub fn check_rows<T: Sync>(
    rows: &[T],
    name: impl Fn(&T) -> &str + Sync,
    check: impl Fn(&T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = check(row) {
                        let failure = format!("{}: {error:#}", name(row));
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failures.is_empty() {
        bail!("{} of {} rows:\n{}", failures.len(), rows.len(), failures.join("\n"));
    }
    Ok(())
}
