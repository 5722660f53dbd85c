//! Tests of the channel from outside, one binary.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing has failed")]

mod distance;
mod fixtures;
mod flow;
mod hostile;
mod link;
mod policy;
mod samples;
mod strategies;
mod typescript;
