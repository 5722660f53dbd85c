//! The latest log lines, for "Collect logs". Bounded; holds what `tracing` was given, which
//! is never an address nor anything of a page.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Most lines.
const MAX_LINES: usize = 1000;
/// Longest line in bytes; all of them fit into one message to a browser.
const MAX_LINE: usize = 400;

/// Shared by the subscriber, which writes, and the session, which reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    /// Number of the line after the last.
    end: u64,
}

impl Ring {
    /// Where the next line will be.
    pub(crate) fn end(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).end
    }

    /// The lines from number `since` on that are still there, oldest first.
    pub(crate) fn since(&self, since: u64) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = usize::try_from(lines.end.saturating_sub(since)).unwrap_or(usize::MAX);
        let skipped = lines.lines.len().saturating_sub(wanted);
        lines.lines.iter().skip(skipped).cloned().collect()
    }

    fn push(&self, text: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            if lines.lines.len() == MAX_LINES {
                lines.lines.pop_front();
            }
            let line = nearside_channel::validate::clipped(line, MAX_LINE);
            lines.lines.push_back(line.to_owned());
            lines.end += 1;
        }
    }
}

/// Takes one event of the subscriber at a time.
#[derive(Debug)]
pub(crate) struct Writer(Ring);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Ring {
    type Writer = Writer;

    fn make_writer(&self) -> Writer {
        Writer(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_there_and_no_more() {
        let ring = Ring::default();
        let start = ring.end();
        for number in 0..MAX_LINES + 10 {
            ring.push(&format!("line {number}\n"));
        }
        assert_eq!(ring.since(start).len(), MAX_LINES);
        assert_eq!(ring.since(start).first().unwrap(), "line 10");
        let here = ring.end();
        assert!(ring.since(here).is_empty());
        ring.push(&"ä".repeat(MAX_LINE));
        assert_eq!(ring.since(here), ["ä".repeat(MAX_LINE / 2)]);
    }
}
