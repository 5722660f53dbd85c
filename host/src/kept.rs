//! What one SourceBuffer was given, in order: the queue to the device and the memory for a
//! device that starts anew are one and the same log.
//!
//! A *cursor* walks the log as credit allows. Behind the cursor entries stay as long as the
//! browser's own SourceBuffer still holds what they brought ([`Log::buffered`]); a new stage
//! gets the log again from its start ([`Log::rewind`]). Owner: the session core. Pure.
//!
//! Appends are kept and let go by *group*: from where a segment begins to where the next does.
//! An append that holds such a place is kept in parts, which go to the device as one append.
//! Which time a group covers is not parsed but learned: what `buffered` grew by.
//!
//! INVARIANT: each instant of `buffered` lies in a group that is kept, with the newest init
//! segment before it: the group that made it appear in `buffered` stays until it leaves.
//! INVARIANT: nothing at or after the cursor is ever dropped.

mod prune;
mod sniff;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use nearside_channel::message::{AppendMode, StreamCommand, StreamId, TimeRange};
use nearside_channel::scheduler::{PushError, Scheduler};

use self::sniff::{Begins, Found, Sniffer};

/// What an entry counts beside its bytes, so that many tiny ones are bounded too.
const ENTRY_OVERHEAD: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Log {
    /// Of the stream as the device must open it: folded `changeType`s are in it.
    mime: String,
    entries: VecDeque<Entry>,
    cursor: Cursor,
    sniffer: Sniffer,
    /// As the browser said last.
    buffered: Vec<TimeRange>,
    group: u64,
    /// INVARIANT: the bytes of all entries and their overhead.
    bytes: usize,
}

#[derive(Debug)]
enum Entry {
    Command(StreamCommand),
    Append(Append),
}

/// An append or a part of one; parts of one append lie side by side and share its `seq`.
#[derive(Debug)]
struct Append {
    /// As the page gave it, for the whole append.
    command: StreamCommand,
    seq: u32,
    /// The append begins with it.
    is_first: bool,
    /// Bytes of this part: of the last one, what is still to come, too.
    total: usize,
    /// Bytes that have come. INVARIANT: the sum over `pieces`, at most `total`.
    received: usize,
    pieces: Vec<Bytes>,
    group: u64,
    /// Where an init segment begins in it.
    init: Option<InitAt>,
    /// What it brought, once the browser has said: nothing may be in it.
    brought: Option<Brought>,
    /// A device was given it before.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InitAt {
    /// As the first of its group.
    Start,
    /// Behind other media, which need the init segment before this one.
    Later,
}

#[derive(Clone, Copy, Debug)]
enum Brought {
    /// `buffered` grew within this span.
    Growth(TimeRange),
    /// `buffered` stayed: it may have replaced something within this span.
    Replaced(TimeRange),
    Nothing,
}

/// The next thing to send.
#[derive(Debug, Default)]
struct Cursor {
    entry: usize,
    /// Of the append that the entry is, or is a part of.
    command_sent: bool,
    piece: usize,
    offset: usize,
}

impl Log {
    pub(crate) fn new(mime: &str) -> Self {
        Self {
            mime: mime.to_owned(),
            entries: VecDeque::new(),
            cursor: Cursor::default(),
            sniffer: Sniffer::new(mime),
            buffered: Vec::new(),
            group: 0,
            bytes: 0,
        }
    }

    /// The type that a replay begins with.
    pub(crate) fn mime(&self) -> &str {
        &self.mime
    }

    /// Bytes held, with what entries cost beside their media.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a command. The caller has checked its place and its bounds.
    pub(crate) fn command(&mut self, command: StreamCommand) {
        self.bytes += ENTRY_OVERHEAD;
        let entry = match command {
            StreamCommand::Append { seq, bytes, .. } => Entry::Append(Append {
                command,
                seq,
                is_first: true,
                total: usize::try_from(bytes).unwrap_or(usize::MAX),
                received: 0,
                pieces: Vec::new(),
                group: self.group,
                init: None,
                brought: None,
                is_known: false,
            }),
            StreamCommand::Abort => {
                self.sniffer.reset();
                Entry::Command(command)
            }
            StreamCommand::ChangeType { ref mime } => {
                self.sniffer = Sniffer::new(mime);
                Entry::Command(command)
            }
            StreamCommand::Remove { .. } | StreamCommand::EndOfStream { .. } => {
                Entry::Command(command)
            }
        };
        self.entries.push_back(entry);
    }

    /// Adds the next bytes of the append under way. The caller has checked that there is one
    /// and that it is long enough.
    pub(crate) fn media(&mut self, piece: Bytes) {
        let Some(Entry::Append(append)) = self.entries.back_mut() else { return };
        let is_first = append.is_first && append.received == 0;
        self.bytes += piece.len();
        let mut rest = piece;
        let mut given = 0;
        for found in self.sniffer.feed(&rest.clone(), is_first) {
            let Some(Entry::Append(append)) = self.entries.back_mut() else { return };
            match found {
                Found::AtStart(begins) => {
                    self.group += 1;
                    append.group = self.group;
                    append.init = (begins == Begins::Init).then_some(InitAt::Start);
                }
                Found::Init => append.init = append.init.or(Some(InitAt::Later)),
                Found::Within(offset, begins) => {
                    let head = rest.split_to(offset.saturating_sub(given).min(rest.len()));
                    given = offset;
                    append.push(head);
                    self.group += 1;
                    self.bytes += ENTRY_OVERHEAD;
                    let mut next = append.split(self.group);
                    next.init = (begins == Begins::Init).then_some(InitAt::Start);
                    self.entries.push_back(Entry::Append(next));
                }
            }
        }
        if let Some(Entry::Append(append)) = self.entries.back_mut() {
            append.push(rest);
        }
    }

    /// Notes what the browser's SourceBuffer holds after append `seq` or a removal, and lets
    /// go of what it does not hold any more.
    pub(crate) fn buffered(&mut self, seq: u32, buffered: Vec<TimeRange>) {
        let growth = prune::growth(&self.buffered, &buffered);
        let hull = prune::hull(&buffered);
        for entry in &mut self.entries {
            let Entry::Append(append) = entry else { continue };
            // Numbers of appends may wrap; an append is at most half of them away.
            let is_told = seq.wrapping_sub(append.seq) < u32::MAX / 2;
            if is_told && append.brought.is_none() {
                append.brought = Some(match (growth, hull) {
                    (Some(growth), _) => Brought::Growth(growth),
                    (None, Some(hull)) => Brought::Replaced(hull),
                    (None, None) => Brought::Nothing,
                });
            }
        }
        self.buffered = buffered;
        self.prune(prune::Depth::Gone);
    }

    /// Lets go of what only replaced something else, to come back within a bound.
    pub(crate) fn shed(&mut self) {
        self.prune(prune::Depth::Replaced);
    }

    /// The device starts anew: everything is to be sent again.
    pub(crate) fn rewind(&mut self) {
        self.cursor = Cursor::default();
    }

    /// Whether everything that has come was handed to the scheduler.
    #[cfg(test)]
    pub(crate) fn is_sent(&self) -> bool {
        self.entries.len() <= self.cursor.entry
    }

    /// Hands to the scheduler what it has room for.
    ///
    /// # Errors
    /// The scheduler refuses what this log holds: the stream cannot go on.
    pub(crate) fn feed(
        &mut self,
        stream: StreamId,
        scheduler: &mut Scheduler,
    ) -> Result<(), PushError> {
        let before = self.cursor.entry;
        let result = self.walk(stream, scheduler);
        // What was waiting for its turn may be outside of `buffered` already.
        if before != self.cursor.entry {
            self.prune(prune::Depth::Gone);
        }
        match result {
            Err(PushError::Full) => Ok(()),
            result => result,
        }
    }

    fn walk(&mut self, stream: StreamId, scheduler: &mut Scheduler) -> Result<(), PushError> {
        let cursor = &mut self.cursor;
        while let Some(entry) = self.entries.get(cursor.entry) {
            let append = match entry {
                Entry::Command(command) => {
                    scheduler.push_command(stream, command)?;
                    cursor.entry += 1;
                    continue;
                }
                Entry::Append(append) => append,
            };
            if !cursor.command_sent {
                let after = self.entries.range(cursor.entry + 1..);
                let mut command = append.command_for(after);
                let mut before = self.entries.range(..cursor.entry).rev();
                let before = before.find_map(Entry::as_append);
                append.place_again(before.map_or(0, |it| it.seq), &mut command);
                scheduler.push_command(stream, &command)?;
                cursor.command_sent = true;
            }
            while let Some(piece) = append.pieces.get(cursor.piece) {
                let mut rest = piece.slice(cursor.offset..);
                cursor.offset += scheduler.push_media(stream, &mut rest)?;
                if !rest.is_empty() {
                    return Ok(());
                }
                (cursor.piece, cursor.offset) = (cursor.piece + 1, 0);
            }
            if append.received < append.total {
                return Ok(()); // the page has not given the rest yet
            }
            let next = self.entries.get(cursor.entry + 1);
            let command_sent = next.is_some_and(|next| append.goes_on_in(next));
            if let Some(Entry::Append(append)) = self.entries.get_mut(cursor.entry) {
                append.is_known = true;
            }
            *cursor = Cursor { entry: cursor.entry + 1, command_sent, ..Cursor::default() };
        }
        Ok(())
    }
}

impl Append {
    fn push(&mut self, piece: Bytes) {
        self.received += piece.len();
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    /// Ends this part with what has come; what is still to come is the next one's, of `group`.
    fn split(&mut self, group: u64) -> Self {
        let total = self.total.saturating_sub(self.received);
        self.total = self.received;
        Self {
            command: self.command.clone(),
            is_first: false,
            total,
            received: 0,
            pieces: Vec::new(),
            group,
            init: None,
            brought: None,
            ..*self
        }
    }

    /// In sequence mode an append begins where the one before it has ended. Where a device that
    /// starts anew is not given that one any more, the command says where: `before` is the
    /// append that the device was given last, 0 for none.
    fn place_again(&self, before: u32, command: &mut StreamCommand) {
        let StreamCommand::Append { timestamp_offset_micros, mode, .. } = command else { return };
        let follows = before == self.seq.wrapping_sub(1);
        if !self.is_known || !self.is_first || follows || *mode != AppendMode::Sequence {
            return;
        }
        if let Some(Brought::Growth(span)) = self.brought {
            *timestamp_offset_micros = span.start_micros;
        }
    }

    fn goes_on_in(&self, next: &Entry) -> bool {
        matches!(next, Entry::Append(next) if !next.is_first && next.seq == self.seq)
    }

    /// The append that this part begins, as long as its parts that are kept; `after`: the log
    /// behind this one.
    fn command_for<'a>(&self, after: impl Iterator<Item = &'a Entry>) -> StreamCommand {
        let mut command = self.command.clone();
        if let StreamCommand::Append { bytes, .. } = &mut command {
            let others = after.map_while(|entry| match entry {
                Entry::Append(part) if self.goes_on_in(entry) => Some(part.total),
                _ => None,
            });
            *bytes =
                u32::try_from(others.fold(self.total, usize::saturating_add)).unwrap_or(*bytes);
        }
        command
    }
}

impl Entry {
    fn as_append(&self) -> Option<&Append> {
        match self {
            Self::Append(append) => Some(append),
            Self::Command(_) => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Command(_) => ENTRY_OVERHEAD,
            Self::Append(append) => ENTRY_OVERHEAD + append.received,
        }
    }
}
