//! What both ends of a Nearside channel share.
//!
//! INVARIANT: no I/O, no clock, no thread, no `cfg(target_os)` in this crate. Time is an
//! argument, bytes go in and out as slices, everything a peer can grow has a bound.

pub mod message;
