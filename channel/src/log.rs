//! The latest log lines of one part, for "Collect logs".
//!
//! Holds what `tracing` was given, which is never an address nor anything of a page; so do
//! lines that a less trusted part (a stage) hands in, of which only the bound is sure.
//!
//! INVARIANT: bounded, and all lines together fit into one message to a browser.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::validate::clipped;

/// Most lines.
pub const MAX_LINES: usize = 1000;
/// Longest line in bytes.
pub const MAX_LINE: usize = 400;

/// Shared by the subscriber, which writes, and whoever collects.
#[derive(Clone, Debug, Default)]
pub struct LogRing(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    /// Number of the line after the last.
    end: u64,
}

impl LogRing {
    /// Where the next line will be.
    pub fn end(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).end
    }

    /// The lines from number `since` on that are still there, oldest first.
    pub fn since(&self, since: u64) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = usize::try_from(lines.end.saturating_sub(since)).unwrap_or(usize::MAX);
        let first = lines.lines.len().saturating_sub(wanted);
        lines.lines.range(first..).cloned().collect()
    }

    /// Adds the lines of `text`, each cut to [`MAX_LINE`]; the oldest make room.
    pub fn push(&self, text: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            if lines.lines.len() == MAX_LINES {
                lines.lines.pop_front();
            }
            lines.lines.push_back(clipped(line, MAX_LINE).to_owned());
            lines.end += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_there_and_no_more() {
        let ring = LogRing::default();
        let start = ring.end();
        for number in 0..MAX_LINES + 10 {
            ring.push(&format!("line {number}\n"));
        }
        assert_eq!(ring.since(start).len(), MAX_LINES);
        assert_eq!(ring.since(start).first().unwrap(), "line 10");
        let here = ring.end();
        assert!(ring.since(here).is_empty());
        assert!(ring.since(u64::MAX).is_empty());
        ring.push(&"ä".repeat(MAX_LINE));
        assert_eq!(ring.since(here), ["ä".repeat(MAX_LINE / 2)]);
    }
}
