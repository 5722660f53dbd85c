//! The relay between pipes: asynchronous on the broker's side, because a named pipe that is
//! read and written at once must be; a thread for the browser's side.

use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::meeting;

/// One copy.
const CHUNK: usize = 64 << 10;

/// Copies until either end closes.
///
/// # Errors
/// There is no broker and none can be started.
pub fn run() -> anyhow::Result<()> {
    let executable = std::env::current_exe().context("find this program")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the event loop")?;
    let (chunks, from_browser) = mpsc::channel(4);
    // Ends with the process: reading the browser's pipe cannot be interrupted.
    std::thread::Builder::new().name("from-browser".to_owned()).spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            let chunk = buffer.get(..count).unwrap_or_default().to_vec();
            if chunks.blocking_send(chunk).is_err() {
                return;
            }
        }
    })?;
    runtime.block_on(copy(&executable, from_browser))
}

async fn copy(
    executable: &std::path::Path,
    mut from_browser: mpsc::Receiver<Vec<u8>>,
) -> anyhow::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(meeting::join(executable).await?);
    let sending = async {
        while let Some(chunk) = from_browser.recv().await {
            if writer.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    let receiving = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let mut output = std::io::stdout().lock();
            let chunk = buffer.get(..count).unwrap_or_default();
            if output.write_all(chunk).and_then(|()| output.flush()).is_err() {
                return;
            }
        }
    };
    // The browser's end or the broker's: both end the relay, and neither is an error.
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
    Ok(())
}
