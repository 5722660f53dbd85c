//! The session's side: will carry what browsers in the remote session hand over (native
//! messaging) to the device (one dynamic virtual channel), many tabs on one channel.
//!
//! INVARIANT: decodes nothing and holds no media beyond the credits the device granted.
//!
//! Nothing of it is here yet. `nearside demo` plays its part: an embedded session host in a
//! task of its own that speaks [`nearside_channel`]'s messages over the agent's local socket.
