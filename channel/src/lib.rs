//! What both ends of a Nearside channel share.
//!
//! | module        | job                                                          |
//! |---------------|--------------------------------------------------------------|
//! | [`message`]   | the messages, one schema                                     |
//! | [`validate`]  | bounds of every value in them                                |
//! | [`wire`]      | frames on a byte stream                                      |
//! | [`codec`]     | messages as JSON bodies of frames                            |
//! | [`link`]      | greeting, heartbeat, loss                                    |
//! | [`stream`]    | credits and the order of appends                             |
//! | [`scheduler`] | which frame the session host sends next                      |
//! | [`policy`]    | resultant values of all policy sources                       |
//! | [`geometry`]  | remote pixels to local pixels                                |
//! | [`log`]       | a part's latest log lines, bounded                           |
//! | [`extension`] | what extension and host say to each other                    |
//! | [`plugin`]    | what the RDP client's plugin says first                      |
//!
//! INVARIANT: no I/O, no clock, no thread, no `cfg(target_os)` in this crate. Time is an
//! argument, bytes go in and out as slices, everything a peer can grow has a bound.

pub mod codec;
pub mod extension;
pub mod geometry;
pub mod link;
pub mod log;
pub mod message;
pub mod plugin;
pub mod policy;
pub mod scheduler;
pub mod stream;
pub mod validate;
pub mod wire;
