//! Where segments and init segments begin, from the first bytes of boxes and elements only.
//!
//! ISO BMFF: top-level boxes are followed through the appends by their lengths (ISO/IEC
//! 14496-12 4.2). WebM: only the beginning of an append is looked at, for an EBML header or a
//! Cluster (RFC 9559). Other types are taken as one long segment.

/// Bytes of a box header with a 64-bit size.
const LONG_HEADER: usize = 16;
/// Bytes of a box header without.
const SHORT_HEADER: usize = 8;
const EBML_ID: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const CLUSTER_ID: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];

/// What a piece of an append holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The append begins a segment. Told at most once for an append.
    pub(super) begins_segment: bool,
    /// An init segment begins in it.
    pub(super) init: bool,
}

/// Follows one byte stream.
#[derive(Debug)]
pub(super) struct Sniffer {
    format: Format,
    /// Bytes of the header that is being read. INVARIANT: `have < LONG_HEADER` between calls.
    header: [u8; LONG_HEADER],
    have: usize,
    /// Bytes of the current box that are still to come; `u64::MAX`: no end.
    skip: u64,
    /// The header under way began with the append's first byte.
    from_start: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Boxes,
    Elements,
    Unknown,
}

impl Sniffer {
    pub(super) fn new(mime: &str) -> Self {
        let container = mime.split(';').next().unwrap_or_default().trim();
        let format = match container.rsplit('/').next() {
            Some("mp4") => Format::Boxes,
            Some("webm") => Format::Elements,
            _ => Format::Unknown,
        };
        Self { format, header: [0; LONG_HEADER], have: 0, skip: 0, from_start: false }
    }

    /// The parser was reset: a segment begins with the next append.
    pub(super) fn reset(&mut self) {
        (self.have, self.skip) = (0, 0);
    }

    /// Looks at the next bytes; `is_first`: they are the first of their append.
    pub(super) fn feed(&mut self, bytes: &[u8], is_first: bool) -> Found {
        match self.format {
            Format::Unknown => Found::default(),
            Format::Boxes => self.boxes(bytes, is_first),
            Format::Elements => self.elements(bytes, is_first),
        }
    }

    fn boxes(&mut self, mut bytes: &[u8], is_first: bool) -> Found {
        let mut found = Found::default();
        if is_first {
            self.from_start = self.have == 0 && self.skip == 0;
        }
        loop {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.get(skipped..).unwrap_or_default();
            if self.skip != u64::MAX {
                self.skip -= u64::try_from(skipped).unwrap_or(self.skip);
            }
            let Some((byte, rest)) = bytes.split_first() else { return found };
            bytes = rest;
            if let Some(slot) = self.header.get_mut(self.have) {
                *slot = *byte;
            }
            self.have += 1;
            if let Some((kind, length)) = self.whole_header() {
                let header = u64::try_from(self.have).unwrap_or(0);
                self.have = 0;
                // A length below its own header is malformed: the device will say so.
                self.skip = match length {
                    0 => u64::MAX,
                    length => length.saturating_sub(header),
                };
                found.init |= &kind == b"moov" || &kind == b"ftyp";
                if std::mem::take(&mut self.from_start) {
                    found.begins_segment = &kind != b"mdat";
                }
            }
        }
    }

    /// Type and length of the box, once its header is whole.
    fn whole_header(&self) -> Option<([u8; 4], u64)> {
        if self.have < SHORT_HEADER {
            return None;
        }
        let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = self.header;
        let length = u32::from_be_bytes([a, b, c, d]);
        if length != 1 {
            return Some((kind, u64::from(length)));
        }
        let [_, _, _, _, _, _, _, _, long @ ..] = self.header;
        (self.have == LONG_HEADER).then(|| (kind, u64::from_be_bytes(long)))
    }

    fn elements(&mut self, bytes: &[u8], is_first: bool) -> Found {
        if is_first {
            self.have = 0;
        }
        let mut found = Found::default();
        for byte in bytes.iter().take(EBML_ID.len().saturating_sub(self.have)) {
            if let Some(slot) = self.header.get_mut(self.have) {
                *slot = *byte;
            }
            self.have += 1;
            if self.have == EBML_ID.len() {
                found.init = self.header.starts_with(&EBML_ID);
                found.begins_segment = found.init || self.header.starts_with(&CLUSTER_ID);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(body + 8).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(kind);
        bytes.resize(body + 8, 0);
        bytes
    }

    /// All of `append`, in pieces of `cut` bytes.
    fn look(sniffer: &mut Sniffer, append: &[u8], cut: usize) -> (bool, bool) {
        let mut all = Found::default();
        for (index, piece) in append.chunks(cut).enumerate() {
            let found = sniffer.feed(piece, index == 0);
            all.begins_segment |= found.begins_segment;
            all.init |= found.init;
        }
        (all.begins_segment, all.init)
    }

    #[test]
    fn boxes_are_followed_however_they_are_cut() {
        let init = [boxed(b"ftyp", 20), boxed(b"moov", 300)].concat();
        let segment = [boxed(b"moof", 100), boxed(b"mdat", 5000)].concat();
        let mut long = [&1_u32.to_be_bytes()[..], b"mdat", &40_u64.to_be_bytes()].concat();
        long.resize(40, 0);
        for cut in [1, 3, 8, 4096] {
            let mut sniffer = Sniffer::new("video/mp4; codecs=\"avc1.64001f\"");
            assert_eq!(look(&mut sniffer, &init, cut), (true, true));
            let (head, tail) = segment.split_at(2000);
            assert_eq!(look(&mut sniffer, head, cut), (true, false));
            assert_eq!(look(&mut sniffer, tail, cut), (false, false), "goes on in mdat");
            assert_eq!(look(&mut sniffer, &[&long[..], &segment].concat(), cut), (false, false));
            assert_eq!(look(&mut sniffer, &[&segment[..], &init].concat(), cut), (true, true));
            look(&mut sniffer, head, cut);
            sniffer.reset();
            assert_eq!(look(&mut sniffer, &segment, cut), (true, false), "after abort()");
        }
    }

    #[test]
    fn clusters_begin_segments_where_an_append_begins_with_one() {
        for cut in [1, 4, 100] {
            let mut sniffer = Sniffer::new("audio/webm;codecs=opus");
            let (ebml, cluster) = ([&EBML_ID[..], &[0; 50]].concat(), [&CLUSTER_ID[..], &[7; 50]]);
            assert_eq!(look(&mut sniffer, &ebml, cut), (true, true));
            assert_eq!(look(&mut sniffer, &cluster.concat(), cut), (true, false));
            assert_eq!(look(&mut sniffer, &[9; 60], cut), (false, false));
        }
    }
}
