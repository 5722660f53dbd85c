//! Carries bytes between the channel and the agent, both ways. Of what they say it reads only
//! where the agent's frames end: when the agent is gone, it says so in its place.
//!
//! Owner: one open channel. `push` is called on the RDP client's channel thread and never
//! waits: it queues for the thread that writes to the agent. A second thread reads from the
//! agent and writes to the channel. Both end with the pump, and dropping the pump joins them.
//!
//! INVARIANT: at most [`QUEUE_LIMIT`] bytes wait for the agent. The protocol's credits keep far
//! below; a peer that ignores them, or an agent that no longer reads, ends the pump.
//! INVARIANT: the first reason to end stands; afterwards nothing is carried.

use std::fmt;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nearside_channel::codec;
use nearside_channel::message::DeviceMessage;
use nearside_channel::wire::FrameReader;

use crate::pace::Pace;

/// Most bytes waiting for the agent: several control messages of the largest size (1 MiB) and
/// the media in flight (2 MiB at most).
pub(crate) const QUEUE_LIMIT: usize = 4 << 20;
/// Most bytes written to the channel at once.
const CHUNK: usize = 64 << 10;
/// How long a closed channel's last bytes may take to reach the agent.
const LAST_BYTES: Duration = Duration::from_millis(100);
/// The threads only copy bytes.
const STACK: usize = 256 << 10;

/// The connection to the agent.
pub(crate) trait Link: Send + Sync + 'static {
    /// Waits for bytes; 0 when the agent has closed.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Waits until all is written.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;
    /// Makes both of the others return, those that wait and those to come.
    fn hang_up(&self);
}

/// The way into the channel.
pub(crate) trait Outlet: Send + Sync + 'static {
    fn write(&self, bytes: &[u8]) -> Result<(), OutletClosed>;
}

/// The channel takes nothing any more.
pub(crate) struct OutletClosed;

/// Why nothing is carried any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    ChannelClosed,
    AgentGone,
    /// The agent did not read fast enough for what arrived.
    AgentTooSlow,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            End::ChannelClosed => "the session closed the channel",
            End::AgentGone => "the agent is gone",
            End::AgentTooSlow => "the agent does not keep up and was disconnected",
        })
    }
}

pub(crate) struct Pump {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    link: Box<dyn Link>,
}

#[derive(Default)]
struct State {
    /// Waits for the agent.
    pending: Vec<u8>,
    /// Taken from `pending` by the writing thread and not yet written.
    in_flight: usize,
    end: Option<End>,
}

impl Pump {
    /// Starts with `first` as the first bytes for the agent.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(
        link: Box<dyn Link>,
        first: Vec<u8>,
        outlet: Arc<dyn Outlet>,
    ) -> io::Result<Pump> {
        let state = State { pending: first, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), link });
        let mut pump = Pump { shared, threads: Vec::with_capacity(2) };
        // Should the second thread fail to start, dropping the pump ends the first.
        let shared = Arc::clone(&pump.shared);
        pump.threads.push(spawn("nearside-to", move || shared.write_to_agent())?);
        let shared = Arc::clone(&pump.shared);
        pump.threads.push(spawn("nearside-from", move || shared.read_from_agent(&*outlet))?);
        Ok(pump)
    }

    /// Queues bytes for the agent; does not wait.
    ///
    /// # Errors
    /// The pump has ended, now or before.
    pub(crate) fn push(&self, bytes: &[u8]) -> Result<(), End> {
        let mut state = self.shared.lock();
        if let Some(end) = state.end {
            return Err(end);
        }
        let waiting = state.pending.len().saturating_add(state.in_flight);
        if QUEUE_LIMIT.saturating_sub(waiting) < bytes.len() {
            drop(state);
            self.shared.end(End::AgentTooSlow);
            return Err(End::AgentTooSlow);
        }
        let was_empty = state.pending.is_empty();
        state.pending.extend_from_slice(bytes);
        drop(state);
        if was_empty {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// The channel was closed: lets the agent have what was queued, for a moment, and ends.
    pub(crate) fn finish(&self) {
        let waiting = |state: &mut State| {
            state.end.is_none() && (!state.pending.is_empty() || 0 < state.in_flight)
        };
        let changed = &self.shared.changed;
        drop(
            changed
                .wait_timeout_while(self.shared.lock(), LAST_BYTES, waiting)
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.shared.end(End::ChannelClosed);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.shared.end(End::ChannelClosed);
        for thread in self.threads.drain(..) {
            // A client that closes the channel inside a write does so on a thread of the pump.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        state.end = Some(end);
        state.pending = Vec::new();
        drop(state);
        self.changed.notify_all();
        self.link.hang_up();
        crate::log(format_args!("channel ended: {end}"));
    }

    fn write_to_agent(&self) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            if self.link.send(&batch).is_err() {
                self.end(End::AgentGone);
                return;
            }
        }
    }

    /// Waits for bytes and takes them all; false when the pump has ended.
    fn take(&self, batch: &mut Vec<u8>) -> bool {
        batch.clear();
        let mut state = self.lock();
        state.in_flight = 0;
        if state.pending.is_empty() {
            // Whoever finishes waits for this.
            self.changed.notify_all();
        }
        while state.end.is_none() && state.pending.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut state.pending, batch);
        state.in_flight = batch.len();
        state.end.is_none()
    }

    fn read_from_agent(&self, outlet: &dyn Outlet) {
        let mut buffer = vec![0; CHUNK];
        let mut pace = Pace::new(Instant::now());
        let mut frames = FrameReader::default();
        loop {
            let bytes = match self.link.receive(&mut buffer) {
                Ok(length) if 0 < length => &buffer[..length.min(CHUNK)],
                _ => {
                    self.say_goodbye(&frames, outlet);
                    return self.end(End::AgentGone);
                }
            };
            follow(&mut frames, bytes);
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.rest(pace.delay(length, Instant::now()));
            if outlet.write(bytes).is_err() {
                return self.end(End::ChannelClosed);
            }
        }
    }

    /// The other side would find out by the agent's silence, seconds later. In the middle of a
    /// frame that has to do.
    fn say_goodbye(&self, frames: &FrameReader, outlet: &dyn Outlet) {
        if self.lock().end == Some(End::ChannelClosed) || !frames.is_between_frames() {
            return;
        }
        let mut frame = Vec::new();
        let message = DeviceMessage::Goodbye { reason: End::AgentGone.to_string() };
        if codec::encode_device(&message, &mut frame).is_ok() {
            let _ = outlet.write(&frame);
        }
    }

    /// Waits, but not longer than the pump lives.
    fn rest(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        drop(
            self.changed
                .wait_timeout_while(self.lock(), delay, |state| state.end.is_none())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

/// What breaks the rules is the other side's to find out.
fn follow(frames: &mut FrameReader, mut bytes: &[u8]) {
    while let Ok(Some(_)) = frames.next_frame(&mut bytes) {}
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(run)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{self, Receiver, SyncSender};

    use super::*;
    use crate::agent_socket::AgentSocket;

    struct Channel(SyncSender<Vec<u8>>);

    impl Outlet for Channel {
        fn write(&self, bytes: &[u8]) -> Result<(), OutletClosed> {
            self.0.send(bytes.to_vec()).map_err(|_| OutletClosed)
        }
    }

    fn pump(first: &[u8]) -> (Pump, UnixStream, Receiver<Vec<u8>>) {
        let (ours, agent) = UnixStream::pair().unwrap();
        let (sender, receiver) = mpsc::sync_channel(4);
        let link = Box::new(AgentSocket::from(ours));
        (Pump::start(link, first.to_vec(), Arc::new(Channel(sender))).unwrap(), agent, receiver)
    }

    /// Waits for the end without a clock: the pump hangs up when it ends.
    fn end_of(pump: &Pump) -> End {
        loop {
            match pump.push(b"x") {
                Err(end) => return end,
                Ok(()) => thread::yield_now(),
            }
        }
    }

    #[test]
    fn bytes_go_both_ways_in_order_after_the_first_ones() {
        let (pump, mut agent, channel) = pump(b"facts\n");
        pump.push(b"down").unwrap();
        let mut bytes = [0; 10];
        agent.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"facts\ndown");
        agent.write_all(b"up").unwrap();
        assert_eq!(channel.recv().unwrap(), b"up");
    }

    #[test]
    fn an_agent_that_does_not_read_is_disconnected_at_the_limit() {
        let (pump, mut agent, _channel) = pump(b"");
        let chunk = vec![7; 64 << 10];
        let mut pushed = 0;
        while pump.push(&chunk).is_ok() {
            pushed += chunk.len();
            // What the system buffers comes on top, but that has an end too.
            assert!(pushed < 4 * QUEUE_LIMIT);
        }
        assert!(QUEUE_LIMIT - chunk.len() <= pushed);
        assert_eq!(pump.push(b"x"), Err(End::AgentTooSlow));
        // The agent sees an end, not a hang.
        let mut rest = Vec::new();
        agent.read_to_end(&mut rest).unwrap();
        assert!(rest.len() <= pushed);
    }

    #[test]
    fn a_message_larger_than_the_queue_ends_the_pump() {
        let (pump, _agent, _channel) = pump(b"");
        assert_eq!(pump.push(&vec![0; QUEUE_LIMIT + 1]), Err(End::AgentTooSlow));
    }

    fn frame_of(message: &DeviceMessage) -> Vec<u8> {
        let mut frame = Vec::new();
        codec::encode_device(message, &mut frame).unwrap();
        frame
    }

    #[test]
    fn an_agent_that_goes_is_noticed_without_traffic_and_said() {
        let (pump, mut agent, channel) = pump(b"");
        let last = frame_of(&DeviceMessage::Ping { seq: 7 });
        agent.write_all(&last).unwrap();
        drop(agent);
        let said: Vec<u8> = channel.iter().flatten().collect();
        let reason = "the agent is gone".to_owned();
        let goodbye = frame_of(&DeviceMessage::Goodbye { reason });
        assert_eq!(said, [last, goodbye].concat());
        // The reading thread, and with it the sender, has ended.
        assert_eq!(end_of(&pump), End::AgentGone);
    }

    #[test]
    fn nothing_is_said_within_what_a_gone_agent_was_saying() {
        let whole = frame_of(&DeviceMessage::Ping { seq: 7 });
        // In the middle of a header or a body, and after what is no frame.
        for cut in [&whole[..3], &whole[..whole.len() - 1], b"\xff\xff\xff\xff no frame"] {
            let (_pump, mut agent, channel) = pump(b"");
            agent.write_all(cut).unwrap();
            drop(agent);
            assert_eq!(channel.iter().flatten().collect::<Vec<u8>>(), cut);
        }
    }

    #[test]
    fn a_closed_channel_ends_the_connection_to_the_agent() {
        let (pump, mut agent, channel) = pump(b"");
        drop(channel);
        agent.write_all(b"up").unwrap();
        assert_eq!(end_of(&pump), End::ChannelClosed);
        let mut rest = Vec::new();
        let _ = agent.read_to_end(&mut rest);
    }

    #[test]
    fn the_last_bytes_before_a_close_arrive() {
        let (pump, mut agent, _channel) = pump(b"");
        let last = vec![9; 3 << 20];
        let reader = thread::Builder::new().name("agent".to_owned()).spawn(move || {
            let mut all = Vec::new();
            agent.read_to_end(&mut all).unwrap();
            all.len()
        });
        pump.push(&last).unwrap();
        pump.finish();
        drop(pump);
        assert_eq!(reader.unwrap().join().unwrap(), last.len());
    }

    #[test]
    fn a_pump_ends_while_both_threads_wait() {
        // The writer waits for an agent that does not read, the reader for a full channel's
        // peer or for a flooding agent's rate.
        let (pump, mut agent, channel) = pump(b"");
        pump.push(&vec![0; QUEUE_LIMIT]).unwrap();
        let flood = thread::Builder::new()
            .name("flood".to_owned())
            .spawn(move || while agent.write_all(&[1; 4096]).is_ok() {});
        assert!(!channel.recv().unwrap().is_empty());
        // A real channel never blocks: take what comes until the pump is gone.
        let drain = thread::Builder::new()
            .name("channel".to_owned())
            .spawn(move || channel.iter().map(|bytes| bytes.len()).sum::<usize>());
        drop(pump);
        flood.unwrap().join().unwrap();
        drain.unwrap().join().unwrap();
    }
}
