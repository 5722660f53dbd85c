//! Big-endian fields of a box or element that is completely here.
//!
//! A borrowed cursor that names its element in each error. Shared by all formats.

use super::ParseError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    element: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(element: &'static str, rest: &'a [u8]) -> Self {
        Self { element, rest }
    }

    pub(super) fn malformed(&self, cause: &'static str) -> ParseError {
        ParseError::malformed(self.element, cause)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let (head, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.malformed("ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let (head, rest) =
            self.rest.split_first_chunk().ok_or_else(|| self.malformed("ends too early"))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ParseError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn i16(&mut self) -> Result<i16, ParseError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ParseError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, ParseError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ParseError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, ParseError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A full box's version and flags (ISO/IEC 14496-12, 4.2).
    pub(super) fn version_flags(&mut self) -> Result<(u8, u32), ParseError> {
        let word = self.u32()?;
        let [version, ..] = word.to_be_bytes();
        Ok((version, word & 0x00ff_ffff))
    }

    /// An unsigned field that version 1 widens from 32 to 64 bits.
    pub(super) fn widened(&mut self, version: u8) -> Result<u64, ParseError> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}
