//! Which entries of a log may go. Pure set arithmetic over time ranges.

use nearside_channel::message::{StreamCommand, TimeRange};

use super::{Append, Brought, Entry, InitAt, Log};

/// How much to let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What the browser does not hold any more.
    Gone,
    /// Also what only replaced something that is kept.
    Replaced,
}

/// The parts of `after` that are not in `before`, as one span. `None`: it did not grow.
/// Both are sorted and disjoint, or the result is wrong but safe.
pub(super) fn growth(before: &[TimeRange], after: &[TimeRange]) -> Option<TimeRange> {
    let mut grown: Option<TimeRange> = None;
    let mut add = |start_micros: i64, end_micros: i64| {
        if start_micros < end_micros {
            let new = TimeRange { start_micros, end_micros };
            grown = Some(grown.map_or(new, |old| join(old, new)));
        }
    };
    for range in after {
        let mut from = range.start_micros;
        for old in before.iter().filter(|old| overlaps(**old, *range)) {
            add(from, old.start_micros);
            from = from.max(old.end_micros);
        }
        add(from, range.end_micros);
    }
    grown
}

/// From the first to the last instant.
pub(super) fn hull(ranges: &[TimeRange]) -> Option<TimeRange> {
    ranges.iter().copied().reduce(join)
}

fn join(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange {
        start_micros: a.start_micros.min(b.start_micros),
        end_micros: a.end_micros.max(b.end_micros),
    }
}

fn overlaps(a: TimeRange, b: TimeRange) -> bool {
    a.start_micros < b.end_micros && b.start_micros < a.end_micros
}

/// A group as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    number: u64,
    init: Option<InitAt>,
    /// May not go whatever it holds: not sent, still growing, or not told of yet.
    pinned: bool,
    /// Some of what it brought is in `buffered`.
    held: bool,
    kept: bool,
}

impl Log {
    /// Drops what may go at this depth.
    pub(super) fn prune(&mut self, depth: Depth) {
        if self.cursor.entry == 0 {
            return;
        }
        let groups = self.groups(depth);
        let group_of = |append: &Append| {
            let found = groups.binary_search_by_key(&append.group, |group| group.number);
            found.ok().and_then(|index| groups.get(index)).copied().unwrap_or_default()
        };
        let last_command = self.last_appended();
        let mut kept_span: Option<TimeRange> = None;
        let mut any_append = false;
        let mut after_append = false;
        let mut dropped_before_cursor = 0;
        let mut bytes = 0;
        let mut index = 0;
        let cursor = self.cursor.entry;
        let mime = &mut self.mime;
        self.entries.retain(|entry| {
            let is_sent = index < cursor;
            let keep = match entry {
                Entry::Append(append) => group_of(append).kept,
                Entry::Command(_) if !is_sent => true,
                Entry::Command(StreamCommand::Remove { start_micros, end_micros }) => {
                    let end_micros = end_micros.unwrap_or(i64::MAX);
                    let removed = TimeRange { start_micros: *start_micros, end_micros };
                    kept_span.is_some_and(|span| overlaps(span, removed))
                }
                Entry::Command(StreamCommand::ChangeType { mime: new }) => {
                    if !any_append {
                        mime.clone_from(new);
                    }
                    any_append
                }
                Entry::Command(StreamCommand::EndOfStream { .. }) => last_command <= Some(index),
                Entry::Command(_) => after_append,
            };
            index += 1;
            if keep {
                bytes += entry.bytes();
                after_append = matches!(entry, Entry::Append(_));
                any_append |= after_append;
                // What is kept only for its init segment needs no removal of its media.
                if let Entry::Append(append) = entry
                    && group_of(append).held
                {
                    kept_span = match (kept_span, append.brought.and_then(Brought::span)) {
                        (Some(a), Some(b)) => Some(join(a, b)),
                        (a, b) => a.or(b),
                    };
                }
            } else if is_sent {
                dropped_before_cursor += 1;
            }
            keep
        });
        self.cursor.entry -= dropped_before_cursor;
        self.bytes = bytes;
    }

    /// The groups in the order of their numbers, decided from the newest to the oldest.
    fn groups(&self, depth: Depth) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let Entry::Append(append) = entry else { continue };
            // Numbers rise along the log.
            if groups.last().is_none_or(|last| last.number != append.group) {
                groups.push(Group { number: append.group, ..Group::default() });
            }
            let Some(group) = groups.last_mut() else { continue };
            group.init = group.init.or(append.init);
            group.pinned |= self.cursor.entry <= index || append.brought.is_none();
            group.held |= match append.brought {
                Some(Brought::Replaced(_)) if depth == Depth::Replaced => false,
                Some(Brought::Growth(span) | Brought::Replaced(span)) => {
                    self.buffered.iter().any(|range| overlaps(*range, span))
                }
                Some(Brought::Nothing) | None => false,
            };
        }
        let mut needs_init = true;
        for group in groups.iter_mut().rev() {
            let is_open = group.number == self.group;
            group.kept =
                group.pinned || group.held || is_open || (group.init.is_some() && needs_init);
            if group.init == Some(InitAt::Start) {
                needs_init = false;
            } else if group.kept {
                needs_init = true;
            }
        }
        groups
    }

    /// Index of the last append or end of stream.
    fn last_appended(&self) -> Option<usize> {
        self.entries.iter().rposition(|entry| {
            matches!(entry, Entry::Append(_) | Entry::Command(StreamCommand::EndOfStream { .. }))
        })
    }
}

impl Brought {
    fn span(self) -> Option<TimeRange> {
        match self {
            Self::Growth(span) | Self::Replaced(span) => Some(span),
            Self::Nothing => None,
        }
    }
}
