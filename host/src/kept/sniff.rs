//! Where segments and init segments begin, from the headers of boxes and elements only.
//!
//! ISO BMFF: top-level boxes are followed through the appends by their lengths (ISO/IEC
//! 14496-12 4.2). WebM: so are the elements down to a Segment's children, and to a Cluster's
//! where its size is unknown (RFC 8794, RFC 9559). Other types are taken as one long segment:
//! bare frames (MP3, ADTS) lie where all that came before them ends.
//!
//! A beginning whose header is cut by the end of a piece is not told of, unless an append
//! begins with it: two segments are then let go of together.

/// Bytes of the longest header: a box with a 64-bit size. An element's has at most 12.
const LONGEST_HEADER: usize = 16;
const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;

/// What a piece of an append holds, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The append under way begins a segment. Told at most once for an append, as its first.
    AtStart(Begins),
    /// A segment begins at this offset of the piece.
    Within(usize, Begins),
    /// An init segment begins, or goes on, after the beginning of the segment found last.
    Init,
}

/// Which kind of segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Init,
    Media,
}

/// Follows one byte stream.
#[derive(Debug)]
pub(super) struct Sniffer {
    format: Format,
    /// Bytes of the header that is being read. INVARIANT: `have < LONGEST_HEADER` between calls.
    header: [u8; LONGEST_HEADER],
    have: usize,
    /// Bytes of the current box or element that are still to come; `u64::MAX`: no end.
    skip: u64,
    /// The header under way began with the append's first byte.
    from_start: bool,
    /// The header before this one ended a segment: whatever comes begins the next.
    is_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Boxes,
    Elements,
    Unknown,
}

/// What the header of a box or element says.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    /// Bytes after it until the next one that is looked at; `u64::MAX`: no end.
    skip: u64,
    /// It may begin a segment.
    can_begin: bool,
    /// It begins a segment wherever it stands.
    begins: bool,
    /// It ends what a segment begins with: the next that can begins one.
    ends: bool,
    init: bool,
}

impl Sniffer {
    pub(super) fn new(mime: &str) -> Self {
        let container = mime.split(';').next().unwrap_or_default().trim();
        let format = match container.rsplit('/').next() {
            Some("mp4") => Format::Boxes,
            Some("webm") => Format::Elements,
            _ => Format::Unknown,
        };
        Self {
            format,
            header: [0; LONGEST_HEADER],
            have: 0,
            skip: 0,
            from_start: false,
            is_ended: false,
        }
    }

    /// The parser was reset: a segment begins with the next append.
    pub(super) fn reset(&mut self) {
        (self.have, self.skip) = (0, 0);
    }

    /// Looks at the next bytes; `is_first`: they are the first of their append.
    pub(super) fn feed(&mut self, bytes: &[u8], is_first: bool) -> Vec<Found> {
        match self.format {
            Format::Unknown => Vec::new(),
            Format::Boxes => self.follow(bytes, is_first, box_header),
            Format::Elements => self.follow(bytes, is_first, element_header),
        }
    }

    fn follow(
        &mut self,
        bytes: &[u8],
        is_first: bool,
        parse: fn(&[u8]) -> Option<Header>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        if is_first {
            self.from_start = self.have == 0 && self.skip == 0;
        }
        let mut at = 0;
        loop {
            let left = bytes.len() - at;
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(left);
            at += skipped;
            if self.skip != u64::MAX {
                self.skip -= u64::try_from(skipped).unwrap_or(self.skip);
            }
            let Some(byte) = bytes.get(at) else { return found };
            at += 1;
            if let Some(slot) = self.header.get_mut(self.have) {
                *slot = *byte;
            }
            self.have += 1;
            let Some(header) = parse(self.header.get(..self.have).unwrap_or_default()) else {
                continue;
            };
            let begin = at.checked_sub(self.have);
            self.have = 0;
            self.skip = header.skip;
            let begins = if header.init { Begins::Init } else { Begins::Media };
            let from_start = std::mem::take(&mut self.from_start);
            let is_next = header.begins || self.is_ended;
            self.is_ended = header.ends;
            match begin {
                _ if from_start && header.can_begin => found.push(Found::AtStart(begins)),
                Some(begin) if !from_start && header.can_begin && is_next => {
                    found.push(Found::Within(begin, begins));
                }
                _ if header.init => found.push(Found::Init),
                _ => {}
            }
        }
    }
}

/// `None`: more bytes are needed. INVARIANT: none are with [`LONGEST_HEADER`].
fn box_header(bytes: &[u8]) -> Option<Header> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (length, header) = match u32::from_be_bytes(*length) {
        1 => (u64::from_be_bytes(*rest.first_chunk::<8>()?), 16),
        length => (u64::from(length), 8),
    };
    Some(Header {
        // A length below its own header is malformed: the device will say so.
        skip: if length == 0 { u64::MAX } else { length.saturating_sub(header) },
        can_begin: kind != b"mdat",
        begins: false,
        ends: kind == b"mdat" || kind == b"moov",
        init: kind == b"moov" || kind == b"ftyp",
    })
}

/// `None`: more bytes are needed. INVARIANT: none are with [`LONGEST_HEADER`].
fn element_header(bytes: &[u8]) -> Option<Header> {
    let (first, rest) = bytes.split_first()?;
    let id_rest = usize::try_from(first.leading_zeros()).unwrap_or(8);
    if 4 <= id_rest {
        // No element begins so: the device will say so.
        return Some(Header { skip: u64::MAX, ..Header::default() });
    }
    let (id_rest, rest) = rest.split_at_checked(id_rest)?;
    let id = id_rest.iter().fold(u32::from(*first), |id, byte| id << 8 | u32::from(*byte));
    let (first, rest) = rest.split_first()?;
    let size_rest = usize::try_from(first.leading_zeros()).unwrap_or(8);
    let (size_rest, _) = rest.split_at_checked(size_rest.min(7))?;
    let mask = 0x7f_u8.checked_shr(first.leading_zeros()).unwrap_or(0);
    let is_unknown = first & mask == mask && size_rest.iter().all(|byte| *byte == 0xff);
    let size =
        size_rest.iter().fold(u64::from(first & mask), |size, byte| size << 8 | u64::from(*byte));
    let skip = match (id, is_unknown) {
        // Their children are looked at.
        (SEGMENT, _) | (CLUSTER, true) => 0,
        (_, true) => u64::MAX,
        (_, false) => size,
    };
    let begins = id == EBML || id == CLUSTER;
    Some(Header { skip, can_begin: begins, begins, ends: false, init: id == EBML })
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

    /// An element of this many bytes; `None`: of unknown size, its children follow.
    fn element(id: u32, body: Option<u32>) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        match body {
            Some(length) => {
                let size = (0x1000_0000 | length).to_be_bytes();
                [&id[..], &size, &vec![0; usize::try_from(length).unwrap()]].concat()
            }
            None => [&id[..], &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(),
        }
    }

    /// All of `append`, in pieces of `cut` bytes: whether it begins a segment, at which offsets
    /// others do, and whether an init segment does.
    fn look(sniffer: &mut Sniffer, append: &[u8], cut: usize) -> (bool, Vec<usize>, bool) {
        let (mut at_start, mut within, mut init) = (false, Vec::new(), false);
        for (index, piece) in append.chunks(cut).enumerate() {
            for found in sniffer.feed(piece, index == 0) {
                match found {
                    Found::AtStart(begins) => {
                        at_start = true;
                        init |= begins == Begins::Init;
                    }
                    Found::Within(offset, begins) => {
                        within.push(index * cut + offset);
                        init |= begins == Begins::Init;
                    }
                    Found::Init => init = true,
                }
            }
        }
        (at_start, within, init)
    }

    #[test]
    fn boxes_are_followed_however_they_are_cut() {
        let init = [boxed(b"ftyp", 20), boxed(b"moov", 300)].concat();
        let segment = [boxed(b"styp", 8), boxed(b"moof", 100), boxed(b"mdat", 5000)].concat();
        let mut long = [&1_u32.to_be_bytes()[..], b"mdat", &40_u64.to_be_bytes()].concat();
        long.resize(40, 0);
        for cut in [1, 3, 8, 4096] {
            let mut sniffer = Sniffer::new("video/mp4; codecs=\"avc1.64001f\"");
            assert_eq!(look(&mut sniffer, &init, cut), (true, vec![], true));
            let (head, tail) = segment.split_at(2000);
            assert_eq!(look(&mut sniffer, head, cut), (true, vec![], false));
            assert_eq!(look(&mut sniffer, tail, cut), (false, vec![], false), "goes on in mdat");
            look(&mut sniffer, head, cut);
            sniffer.reset();
            assert_eq!(look(&mut sniffer, &segment, cut), (true, vec![], false), "after abort()");
        }
        let mut sniffer = Sniffer::new("video/mp4");
        let all = [&init[..], &segment, &long, &segment, &init, &segment].concat();
        let first = init.len();
        let second = first + segment.len() + long.len();
        let third = second + segment.len();
        let expected = (true, vec![first, second, third, third + init.len()], true);
        assert_eq!(look(&mut sniffer, &all, all.len()), expected);
        // Where a header is cut, two segments are one.
        let cut = second + 5;
        let (_, within, _) = look(&mut sniffer, &all, cut);
        assert_eq!(within, [first, third, third + init.len()]);
    }

    #[test]
    fn clusters_are_followed_however_they_are_cut() {
        let init =
            [element(EBML, Some(30)), element(SEGMENT, None), element(0x1654_ae6b, Some(90))];
        let known = element(CLUSTER, Some(500));
        let block = element(0xa3, Some(300));
        let unknown =
            [&element(CLUSTER, None)[..], &element(0xe7, Some(2)), &block, &block].concat();
        let cues = element(0x1c53_bb6b, Some(40));
        let all = [&init.concat()[..], &known, &unknown, &known, &cues, &unknown].concat();
        let mut at = init.concat().len();
        let within: Vec<usize> = [&known[..], &unknown, &known, &[&cues[..], &unknown].concat()]
            .iter()
            .enumerate()
            .map(|(index, part)| {
                at += if index == 3 { cues.len() } else { 0 };
                let begin = at;
                at += part.len();
                begin
            })
            .collect();
        let mut sniffer = Sniffer::new("audio/webm;codecs=opus");
        assert_eq!(look(&mut sniffer, &all, all.len()), (true, within, true));
        for cut in [1, 4, 100] {
            let mut sniffer = Sniffer::new("audio/webm;codecs=opus");
            let (begins, _, has_init) = look(&mut sniffer, &init.concat(), cut);
            assert_eq!((begins, has_init), (true, true));
            for cluster in [&known, &unknown, &known] {
                let (head, tail) = cluster.split_at(250);
                assert!(look(&mut sniffer, head, cut).0);
                assert!(!look(&mut sniffer, tail, cut).0);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_to_its_end(pieces in proptest::collection::vec(
            proptest::collection::vec(proptest::num::u8::ANY, 0..40), 0..20), webm: bool,
        ) {
            let mut sniffer = Sniffer::new(if webm { "video/webm" } else { "video/mp4" });
            for piece in pieces {
                for found in sniffer.feed(&piece, true) {
                    if let Found::Within(offset, _) = found {
                        proptest::prop_assert!(offset < piece.len());
                    }
                }
                proptest::prop_assert!(sniffer.have < LONGEST_HEADER);
            }
        }
    }
}
