//! "Collect logs" of a session: from which line on, and the lines in messages that fit.

use super::{Connection, End};
use nearside_channel::message::DeviceMessage;
use nearside_channel::validate::MAX_LOG_LINES;

impl Connection {
    /// Begins a collection, or sends the lines of the one that ends.
    pub(super) fn collect_logs(&mut self, start: bool) -> Result<(), End> {
        if start {
            self.logs_since = self.hub.logs.end();
            return Ok(());
        }
        let lines = self.hub.logs.since(std::mem::take(&mut self.logs_since));
        let mut pieces = lines.chunks(MAX_LOG_LINES).peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            self.send(&DeviceMessage::Logs { lines: piece.to_vec(), last })?;
        }
        if lines.is_empty() {
            return self.send(&DeviceMessage::Logs { lines, last: true });
        }
        Ok(())
    }
}
