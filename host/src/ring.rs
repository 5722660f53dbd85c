//! Log lines on their way from the subscriber to the ring that "Collect logs" reads.

use std::io;

use nearside_channel::log::LogRing;

/// Takes one event of the subscriber at a time.
#[derive(Debug)]
pub(crate) struct Writer(pub(crate) LogRing);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
