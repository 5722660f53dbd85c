//! From the logs to the wire.

use nearside_channel::message::{Reason, ReasonCode};

use super::Session;

/// Bytes that wait for credit in the scheduler, for each stream: the rest waits in its log.
pub(super) const STREAM_QUEUE: usize = 64 << 10;

impl Session {
    /// Appends the next frame for the device to `out`. False: nothing may be sent now.
    pub(crate) fn next_frame(&mut self, out: &mut Vec<u8>) -> bool {
        match &mut self.device {
            Some(device) => device.scheduler.next_frame(out),
            None => false,
        }
    }

    /// Lets the scheduler have what it has room for.
    pub(crate) fn fill(&mut self) {
        let Some(device) = &mut self.device else { return };
        let mut failed = Vec::new();
        for (channel, (key, stream)) in &device.streams {
            if device.scheduler.room(*channel) == 0 {
                continue;
            }
            let page = self.pages.get_mut(&(key.0, key.1));
            let player = page.and_then(|page| page.players.get_mut(&key.2));
            let entry = player.and_then(|player| player.streams.get_mut(stream));
            let fed = entry.map(|entry| entry.log.feed(*channel, &mut device.scheduler));
            if let Some(Err(error)) = fed {
                tracing::warn!(%error, "a stream cannot go on");
                failed.push(*key);
            }
        }
        for key in failed {
            let reason = Reason::new(
                ReasonCode::ProtocolViolation,
                "The media of this player cannot be sent to the device.",
                "It plays in the session; reload the page to try again.",
            );
            if self.fail_player(key, reason).is_err() {
                // The control queue is full; the connection is about to be given up.
                return;
            }
        }
    }
}
