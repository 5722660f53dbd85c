//! Bytes of a byte stream that arrived and are not yet parsed.
//!
//! Owned by one parser. Positions count bytes since the stream began. Holds no more than the
//! parser waits for, because what is to be skipped is dropped as it arrives.

#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that are consumed.
    read: usize,
    /// Stream position of the next unread byte, skipped ones included.
    position: u64,
    /// Bytes still to arrive and be dropped. INVARIANT: not 0 only while nothing is unread.
    skip: u64,
}

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= u64::try_from(skipped).unwrap_or(0);
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        } else if self.bytes.len() / 2 < self.read {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(&bytes[skipped..]);
    }

    /// What arrived and is unread.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// The next `count` bytes, once they are all here.
    pub(super) fn take(&mut self, count: u64) -> Option<&[u8]> {
        let count = usize::try_from(count).ok()?;
        let end = self.read.checked_add(count)?;
        let taken = self.bytes.get(self.read..end)?;
        self.read = end;
        self.position = self.position.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Some(taken)
    }

    /// Drops the next `count` bytes, also those still to come.
    pub(super) fn discard(&mut self, count: u64) {
        let unread = self.bytes.len() - self.read;
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(unread);
        self.read += here;
        self.skip = self.skip.saturating_add(count - u64::try_from(here).unwrap_or(0));
        self.position = self.position.saturating_add(count);
    }

    /// True while bytes are awaited only to be dropped.
    pub(super) fn discarding(&self) -> bool {
        self.skip != 0
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_what_has_not_arrived() {
        let mut input = Input::default();
        input.push(b"abcd");
        assert_eq!(input.take(1), Some(&b"a"[..]));
        input.discard(6);
        assert!(input.discarding());
        input.push(b"efghi");
        assert!(!input.discarding());
        assert_eq!((input.unread(), input.position()), (&b"hi"[..], 7));
        assert_eq!(input.take(3), None);
        assert_eq!(input.take(2), Some(&b"hi"[..]));
    }
}
