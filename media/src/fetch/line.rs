//! The line to the network of one source: it can be cut from any thread.
//!
//! ```text
//!  worker ── agent(), pause() ──▶ Line ◀── interrupt(), close() ── player, owner
//! ```
//! Cutting wakes whoever waits for the network at once. `interrupt` is for a seek: the worker
//! mends the line and goes on elsewhere; `close` is for good. Only a name look-up that is under
//! way cannot be cut; it ends by itself.

use super::address::{self, AddressError, AddressPolicy};
use std::net::ToSocketAddrs as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy};

/// Connecting, encryption included.
const CONNECT: Duration = Duration::from_secs(10);

/// From the request to the answer's head.
const ANSWER: Duration = Duration::from_secs(20);

/// Between two pieces of an answer, while they are waited for.
const SILENCE: Duration = Duration::from_secs(20);

/// Bound of an answer's head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The line was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut;

/// See the module.
#[derive(Debug)]
pub(crate) struct Line {
    policy: AddressPolicy,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    interrupted: bool,
    /// Holds the connections; made anew after a cut.
    agent: Option<Agent>,
}

impl Line {
    pub(crate) fn new(policy: AddressPolicy) -> Self {
        Self { policy, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn policy(&self) -> AddressPolicy {
        self.policy
    }

    /// Cuts the line; the worker may mend it.
    pub(crate) fn interrupt(&self) {
        self.cut(|state| state.interrupted = true);
    }

    /// Cuts the line for good.
    pub(crate) fn close(&self) {
        self.cut(|state| state.closed = true);
    }

    /// The worker knows why it was interrupted and goes on.
    pub(crate) fn mend(&self) {
        self.lock().interrupted = false;
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.lock().is_cut()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What requests are made with.
    pub(super) fn agent(&self) -> Result<Agent, Cut> {
        let mut state = self.lock();
        if state.is_cut() {
            return Err(Cut);
        }
        Ok(state.agent.get_or_insert_with(|| agent(self.policy)).clone())
    }

    /// Waits, unless the line is cut.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Cut> {
        let until = Instant::now() + time;
        let mut state = self.lock();
        loop {
            if state.is_cut() {
                return Err(Cut);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn cut(&self, mark: impl FnOnce(&mut State)) {
        let agent = {
            let mut state = self.lock();
            mark(&mut state);
            state.agent.take()
        };
        self.changed.notify_all();
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_cut(&self) -> bool {
        self.closed || self.interrupted
    }
}

/// No cookies, no compression, no redirects behind our back; the proxy that the environment
/// names. The system's certificates decide whom to believe.
fn agent(policy: AddressPolicy) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Config::builder()
        .tls_config(tls)
        .proxy(Proxy::try_from_env())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("Nearside/", env!("CARGO_PKG_VERSION")))
        .accept("*/*")
        .accept_encoding("identity")
        .max_response_header_size(MAX_HEAD_BYTES)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build();
    Agent::with_parts(config, DefaultConnector::new(), CheckedResolver(policy))
}

/// Resolves a name to the addresses that may be connected to. The connection is made to these
/// and no others, so a name that changes its mind gains nothing.
///
/// Behind a proxy it is the proxy that resolves the media's host; its own address is the
/// administrator's choice and goes unchecked.
#[derive(Debug)]
struct CheckedResolver(AddressPolicy);

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("https")) => 443,
            (None, _) => 80,
        };
        let is_proxy =
            config.proxy().is_some_and(|proxy| proxy.uri() == uri && !proxy.is_no_proxy(uri));
        let found = (bare, port).to_socket_addrs().map_err(|_| ureq::Error::HostNotFound)?;
        let mut allowed = self.empty();
        let mut refused = None;
        for address in found {
            match address::check_ip(address.ip(), self.0) {
                Err(error) if !is_proxy => refused = Some(error),
                _ if allowed.len() < MAX_ADDRESSES => allowed.push(address),
                _ => break,
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(error)) => Err(ureq::Error::Other(Box::new(error))),
            (true, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// The address error that a request ended with, if it was one.
pub(super) fn address_error(error: &ureq::Error) -> Option<AddressError> {
    match error {
        ureq::Error::Other(other) => other.downcast_ref().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_a_pause_and_mending_goes_on() {
        let line = Line::new(AddressPolicy::default());
        std::thread::scope(|scope| {
            let paused = scope.spawn(|| line.pause(Duration::from_secs(600)));
            line.interrupt();
            assert_eq!(paused.join().unwrap(), Err(Cut));
        });
        assert!(line.agent().is_err());
        line.mend();
        assert!(line.agent().is_ok());
        line.close();
        line.mend();
        assert!(line.is_cut());
    }

    #[test]
    fn names_resolve_to_allowed_addresses_only() {
        let resolve = |uri: &'static str, allow_private| {
            let uri = Uri::from_static(uri);
            let resolver = CheckedResolver(AddressPolicy { allow_private });
            let resolved = resolver.resolve(
                &uri,
                &Config::default(),
                NextTimeout {
                    after: ureq::unversioned::transport::time::Duration::NotHappening,
                    reason: ureq::Timeout::Resolve,
                    ..NextTimeout::default()
                },
            );
            resolved.map(|addresses| addresses.to_vec()).map_err(|error| address_error(&error))
        };
        for uri in ["http://localhost/", "http://127.0.0.1:8/", "http://[::1]/", "https://10.0.0.1"]
        {
            assert_eq!(resolve(uri, false), Err(Some(AddressError::Private)), "{uri}");
        }
        let allowed = resolve("http://127.0.0.1:8/", true).unwrap();
        assert_eq!(allowed, ["127.0.0.1:8".parse().unwrap()]);
        let allowed = resolve("https://[::1]/", true).unwrap();
        assert_eq!(allowed, ["[::1]:443".parse().unwrap()]);
    }
}
