//! A device's end of the channel that does what a test wants, in place of the agent.

use anyhow::{Context as _, bail};
use nearside_channel::plugin::{ConnectionFacts, read_preamble};
use nearside_tests::STEP;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

/// Listens where the agent would; the socket file goes with it.
#[derive(Debug)]
pub struct FakeDevice {
    path: PathBuf,
    arrived: Receiver<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl FakeDevice {
    /// Listens for plugins.
    ///
    /// # Errors
    /// Somebody listens there already.
    pub fn listen(path: &Path) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(path).context("listen for the plugin")?;
        let (sender, arrived) = std::sync::mpsc::sync_channel(1);
        let accept = move || {
            // Ends when nobody wants more: [`Drop`] connects once to wake it.
            while let Ok((stream, _)) = listener.accept() {
                if sender.send(stream).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("fake device".to_owned()).spawn(accept)?;
        Ok(Self { path: path.to_owned(), arrived, thread: Some(thread) })
    }

    /// Waits for a plugin and reads its facts. Reads and writes are bounded in time.
    ///
    /// # Errors
    /// None comes, or its facts are none.
    pub fn accept(&self) -> anyhow::Result<(UnixStream, ConnectionFacts)> {
        let mut stream = self.arrived.recv_timeout(STEP).context("wait for a plugin")?;
        stream.set_read_timeout(Some(STEP))?;
        stream.set_write_timeout(Some(STEP))?;
        let mut line = Vec::new();
        loop {
            // One by one: what follows belongs to the channel.
            let mut byte = [0];
            stream.read_exact(&mut byte).context("read the plugin's facts")?;
            line.extend_from_slice(&byte);
            if let Some((facts, _)) = read_preamble(&line)? {
                return Ok((stream, facts));
            }
        }
    }

    /// Whether a plugin comes within this time.
    pub fn is_asked(&self, within: Duration) -> bool {
        self.arrived.recv_timeout(within).is_ok()
    }
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        let (_, nobody) = std::sync::mpsc::sync_channel(0);
        self.arrived = nobody;
        let woken = UnixStream::connect(&self.path);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join(); // a panic is in the test's output
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Sends all of `bytes` and reads them back from the other end, which echoes.
///
/// # Errors
/// They do not come back whole and in order.
pub fn check_whole(near: &UnixStream, far: &UnixStream, bytes: &[u8]) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || -> anyhow::Result<()> {
            let (mut reader, mut writer) = (far, far);
            let mut buffer = vec![0; 64 << 10];
            let mut left = bytes.len();
            while 0 < left {
                let count = reader.read(&mut buffer).context("read at the far end")?;
                if count == 0 {
                    bail!("the far end closed, {left} bytes left");
                }
                writer.write_all(buffer.get(..count).unwrap_or_default())?;
                left = left.saturating_sub(count);
            }
            Ok(())
        });
        let send = scope.spawn(move || {
            let mut writer = near;
            writer.write_all(bytes).context("write at the near end")
        });
        let mut received = vec![0; bytes.len()];
        let mut reader = near;
        let read = reader.read_exact(&mut received).context("read what comes back");
        if read.is_err() {
            // The other threads would wait for what does not come any more.
            let _ = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
        }
        for thread in [echo, send] {
            thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        read?;
        match received.iter().zip(bytes).position(|(received, sent)| received != sent) {
            Some(at) => bail!("other bytes from {at} on"),
            None => Ok(()),
        }
    })
}

/// Bytes without a period that a cut or doubled piece could hide in.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}
