//! An RDP connection for tests: a server and a client, TLS between them, dynamic channels in it.
//!
//! Needs no display, no user and no installation, so what crosses it can be tested wherever
//! there is a compiler. The server stands where xrdp stands, the client where a person's RDP
//! client stands; session host and agent are the real ones.
//!
//! ```text
//!  session host ── xrdpapi_N ──┐                                  ┌── plugin.sock ── agent
//!  (or any test) ─ plain.sock ─┤ RdpServer ══ TCP, TLS ══ RdpClient┤
//!                              └── sockets      sessions           └── ironrdp.sock ── agent
//! ```
//!
//! | module           | job                                                          |
//! |------------------|--------------------------------------------------------------|
//! | [`tls`]          | a certificate and both ends' settings                        |
//! | [`server`]       | the RDP server: a thread, its counters, its faults           |
//! | [`client`]       | the RDP client: a thread, its faults                         |
//! | [`freerdp`]      | a real RDP client with the plugin, in the client's place     |
//! | [`leg`]          | a server and the places around it                            |
//! | [`session_host`] | the real `nearside-host` in the server's session             |
//! | [`browser`]      | a browser's end of native messaging                          |
//! | [`whole`]        | all of it from a browser to the agent, and a page that plays |
//! | [`clip`]         | what plays                                                   |
//! | [`device`]       | a device's end of the channel, in place of the agent         |
//! | [`receiver`]     | such a device that only takes media, with any credit window  |
//! | [`measure`]      | round trips of control messages beside media                 |
//!
//! INVARIANT: loopback only, and nothing waits without a limit.

mod capabilities;
mod drdynvc;
mod facts;
mod pump;
mod session;
mod sockets;

pub mod browser;
pub mod client;
pub mod clip;
pub mod device;
pub mod distance;
pub mod freerdp;
pub mod leg;
pub mod measure;
pub mod receiver;
pub mod server;
pub mod session_host;
pub mod tls;
pub mod whole;

pub use self::sockets::DISPLAY;

/// The name that session host and device meet under.
pub const CHANNEL: &str = "Nearside::Media";
