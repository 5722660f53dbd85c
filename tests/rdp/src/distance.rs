//! A socket behind which another lies far away: what is written to it arrives later.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Chunks on the way. The credit of a stream is far below.
const CHUNKS: usize = 1 << 12;

/// Carries one connection after another; runs until the process ends.
pub struct Distance {
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    /// Bytes on the way to the far socket now, and the most there were.
    bytes: AtomicUsize,
    most: AtomicUsize,
}

impl Distance {
    /// Listens at `near` and passes what comes on to `far`, and back, each `one_way` late.
    ///
    /// # Errors
    /// The socket cannot be opened.
    pub fn open(near: &Path, far: &Path, one_way: Duration) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(near)?;
        let (way, far) = (Arc::new(Way::default()), far.to_owned());
        let of_connections = Arc::clone(&way);
        thread::Builder::new().name("distance".to_owned()).spawn(move || {
            for near in listener.incoming().flatten() {
                let _ = connect(near, &far, one_way, &of_connections);
            }
        })?;
        Ok(Self { way })
    }

    /// The most bytes that were on the way to the far socket at once.
    pub fn most_bytes(&self) -> usize {
        self.way.most.load(Ordering::Relaxed)
    }
}

fn connect(near: UnixStream, far: &Path, one_way: Duration, way: &Arc<Way>) -> std::io::Result<()> {
    let far = UnixStream::connect(far)?;
    carry(far.try_clone()?, near.try_clone()?, one_way, Arc::new(Way::default()))?;
    carry(near, far, one_way, Arc::clone(way))
}

/// Carries one direction, with a thread at each end.
fn carry(
    mut from: UnixStream,
    mut to: UnixStream,
    one_way: Duration,
    way: Arc<Way>,
) -> std::io::Result<()> {
    let (sender, on_the_way) = mpsc::sync_channel::<(Instant, Vec<u8>)>(CHUNKS);
    let of_arrivals = Arc::clone(&way);
    thread::Builder::new().name("distance-to".to_owned()).spawn(move || {
        for (at, chunk) in on_the_way {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            of_arrivals.bytes.fetch_sub(chunk.len(), Ordering::Relaxed);
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    })?;
    thread::Builder::new().name("distance-from".to_owned()).spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = way.bytes.fetch_add(count, Ordering::Relaxed) + count;
            way.most.fetch_max(bytes, Ordering::Relaxed);
            let chunk = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + one_way, chunk)).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
    })?;
    Ok(())
}
