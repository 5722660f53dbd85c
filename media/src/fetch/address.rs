//! Which addresses media is fetched from: never from this device or its networks, unless an
//! administrator allows it. A page of the remote session must not reach through the device.
//!
//! Pure. Checked three times: the URL as text, each address that its host name resolves to (and
//! only those are connected to, so that a name cannot change in between), and again for every
//! redirect. Sources: the IANA special-purpose address registries, RFC 6890, RFC 6052 (NAT64),
//! RFC 3056 (6to4), RFC 6761 and RFC 6762 (special names).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// What an administrator has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Private networks and this device itself may be asked, too. Link-local addresses stay
    /// refused: that is where clouds keep their machines' secrets.
    pub allow_private: bool,
}

/// Why an address is not asked. Never names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address of the media cannot be understood")]
    Malformed,
    #[error("media is only fetched over http and https")]
    Scheme,
    #[error("the address of the media carries a user name or password")]
    Credentials,
    #[error("the media is on this device or in a private network")]
    Private,
    #[error("the media is at an address that is not for hosts on the Internet")]
    Reserved,
    #[error("the media is redirected from an encrypted connection to an open one")]
    Downgrade,
}

/// Whom an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Public,
    /// This device, or a network that is its owner's.
    Private,
    /// Nobody that can be fetched from.
    Reserved,
}

/// Reads a URL and checks everything that can be seen without asking a name server. A fragment
/// is left out.
///
/// # Errors
/// See [`AddressError`].
pub(super) fn parse(url: &str, policy: AddressPolicy) -> Result<Url, AddressError> {
    let mut url = Url::parse(url).map_err(|_| AddressError::Malformed)?;
    url.set_fragment(None);
    check_url(&url, policy)?;
    Ok(url)
}

/// Where a redirect from `from` leads, checked like a first address.
///
/// # Errors
/// See [`AddressError`].
pub(super) fn redirected(from: &Url, to: &str, policy: AddressPolicy) -> Result<Url, AddressError> {
    let mut url = from.join(to).map_err(|_| AddressError::Malformed)?;
    url.set_fragment(None);
    check_url(&url, policy)?;
    if from.scheme() == "https" && url.scheme() != "https" {
        return Err(AddressError::Downgrade);
    }
    Ok(url)
}

/// Whether this address may be connected to.
///
/// # Errors
/// [`AddressError::Private`] or [`AddressError::Reserved`].
pub(super) fn check_ip(address: IpAddr, policy: AddressPolicy) -> Result<(), AddressError> {
    let scope = match address {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(address) => scope_v6(address),
    };
    scope.check(policy)
}

fn check_url(url: &Url, policy: AddressPolicy) -> Result<(), AddressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    match url.host() {
        Some(Host::Ipv4(address)) => check_ip(address.into(), policy),
        Some(Host::Ipv6(address)) => check_ip(address.into(), policy),
        Some(Host::Domain(name)) if is_local_name(name) => Scope::Private.check(policy),
        Some(Host::Domain(_)) => Ok(()),
        None => Err(AddressError::Malformed),
    }
}

/// Names that are answered inside of a device or its network, whatever a name server says.
fn is_local_name(name: &str) -> bool {
    const SUFFIXES: [&str; 5] = ["localhost", "local", "localdomain", "internal", "home.arpa"];
    let name = name.strip_suffix('.').unwrap_or(name);
    SUFFIXES.iter().any(|suffix| {
        let Some((head, tail)) = name.len().checked_sub(suffix.len()).map(|at| name.split_at(at))
        else {
            return false;
        };
        tail.eq_ignore_ascii_case(suffix) && (head.is_empty() || head.ends_with('.'))
    })
}

impl Scope {
    fn check(self, policy: AddressPolicy) -> Result<(), AddressError> {
        match self {
            Self::Public => Ok(()),
            Self::Private if policy.allow_private => Ok(()),
            Self::Private => Err(AddressError::Private),
            Self::Reserved => Err(AddressError::Reserved),
        }
    }
}

fn scope_v4(address: Ipv4Addr) -> Scope {
    match address.octets() {
        // Loopback, private use, shared address space of carriers.
        [127 | 10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => {
            Scope::Private
        }
        // This network, link-local, protocol assignments, documentation, 6to4 relays,
        // benchmarks, multicast, future use and broadcast.
        [0, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => Scope::Reserved,
        _ => Scope::Public,
    }
}

fn scope_v6(address: Ipv6Addr) -> Scope {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        scope_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Scope::Reserved,
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Private,
        // An IPv4 address in IPv6's clothes: mapped, compatible, NAT64.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // NAT64 of a network's own: what is embedded where is its owner's choice.
        [0x64, 0xff9b, 1, ..] => Scope::Private,
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // Unique-local, and site-local before it.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Scope::Private,
        // Protocol assignments with Teredo and ORCHID, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Scope::Reserved,
        // What is assigned to hosts; link-local, multicast and the rest is not.
        [0x2000..=0x3fff, ..] => Scope::Public,
        _ => Scope::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::AddressError::{Credentials, Malformed, Private, Reserved, Scheme};
    use super::*;

    const STRICT: AddressPolicy = AddressPolicy { allow_private: false };
    const OPEN: AddressPolicy = AddressPolicy { allow_private: true };

    #[test]
    fn addresses() {
        // Without and with private addresses allowed; `None` may be asked.
        let public = (None, None);
        let private = (Some(Private), None);
        let reserved = (Some(Reserved), Some(Reserved));
        for (address, expected) in [
            ("93.184.216.34", public),
            ("1.1.1.1", public),
            ("172.15.0.1", public),
            ("172.32.0.1", public),
            ("100.63.255.255", public),
            ("100.128.0.0", public),
            ("192.0.1.1", public),
            ("198.17.255.255", public),
            ("198.20.0.0", public),
            ("223.255.255.255", public),
            ("127.0.0.1", private),
            ("127.255.255.254", private),
            ("10.0.0.1", private),
            ("172.16.0.1", private),
            ("172.31.255.255", private),
            ("192.168.1.1", private),
            ("100.64.0.1", private),
            ("100.127.255.255", private),
            ("0.0.0.0", reserved),
            ("0.1.2.3", reserved),
            ("169.254.169.254", reserved),
            ("192.0.0.170", reserved),
            ("192.0.2.1", reserved),
            ("192.88.99.1", reserved),
            ("198.18.0.1", reserved),
            ("198.51.100.7", reserved),
            ("203.0.113.9", reserved),
            ("224.0.0.251", reserved),
            ("239.255.255.250", reserved),
            ("240.0.0.1", reserved),
            ("255.255.255.255", reserved),
            ("2606:4700:4700::1111", public),
            ("2a00:1450:4001:80b::200e", public),
            ("::", reserved),
            ("::1", private),
            ("::ffff:127.0.0.1", private),
            ("::ffff:10.1.2.3", private),
            ("::ffff:8.8.8.8", public),
            ("::ffff:169.254.169.254", reserved),
            ("::127.0.0.1", private),
            ("::2", reserved),
            ("64:ff9b::8.8.8.8", public),
            ("64:ff9b::192.168.0.1", private),
            ("64:ff9b::a9fe:a9fe", reserved),
            ("64:ff9b:1::1", private),
            ("2002:7f00:1::", private),
            ("2002:c0a8:101::1", private),
            ("2002:808:808::1", public),
            ("2001::1", reserved),
            ("2001:db8::1", reserved),
            ("2001:200::1", public),
            ("3fff::1", reserved),
            ("fc00::1", private),
            ("fdff:ffff::1", private),
            ("fe80::1", reserved),
            ("febf::1", reserved),
            ("fec0::1", private),
            ("ff02::fb", reserved),
            ("100::1", reserved),
            ("5f00::1", reserved),
            ("4000::1", reserved),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            let got = (check_ip(ip, STRICT).err(), check_ip(ip, OPEN).err());
            assert_eq!(got, expected, "{address}");
        }
    }

    #[test]
    fn urls() {
        for (url, expected) in [
            ("https://example.com/a.mp4?b#c", Ok("https://example.com/a.mp4?b")),
            ("HTTP://Example.COM:8080/", Ok("http://example.com:8080/")),
            ("https://[2606:4700:4700::1111]/x", Ok("https://[2606:4700:4700::1111]/x")),
            ("https://localhost.example.com/", Ok("https://localhost.example.com/")),
            ("https://notlocal/", Ok("https://notlocal/")),
            ("ftp://example.com/", Err(Scheme)),
            ("file:///etc/passwd", Err(Scheme)),
            ("data:video/mp4;base64,AA", Err(Scheme)),
            ("blob:https://example.com/1", Err(Scheme)),
            ("https://user@example.com/", Err(Credentials)),
            ("https://:secret@example.com/", Err(Credentials)),
            ("/a.mp4", Err(Malformed)),
            ("https://", Err(Malformed)),
            ("https://exa mple.com/", Err(Malformed)),
            ("http://localhost/", Err(Private)),
            ("http://LOCALHOST./", Err(Private)),
            ("http://a.b.localhost/", Err(Private)),
            ("http://printer.local/", Err(Private)),
            ("http://router.home.arpa/", Err(Private)),
            ("http://metadata.google.internal/", Err(Private)),
            // Spellings of 127.0.0.1 and 169.254.169.254 that browsers understand.
            ("http://127.1/", Err(Private)),
            ("http://0x7f.0.0.1/", Err(Private)),
            ("http://2130706433/", Err(Private)),
            ("http://017700000001/", Err(Private)),
            ("http://127%2e0.0.1/", Err(Private)),
            ("http://\u{ff11}27.0.0.1/", Err(Private)),
            ("http://0xa9fea9fe/", Err(Reserved)),
            ("http://[::ffff:7f00:1]/", Err(Private)),
            ("http://0/", Err(Reserved)),
        ] {
            let got = parse(url, STRICT);
            assert_eq!(got.as_ref().map(Url::as_str), expected.as_ref().copied(), "{url}");
        }
        assert!(parse("http://localhost:8080/a.webm", OPEN).is_ok());
    }

    #[test]
    fn redirects() {
        for (from, to, expected) in [
            ("https://a.example/x/y", "../z", Ok("https://a.example/z")),
            ("https://a.example/", "//b.example/q", Ok("https://b.example/q")),
            ("http://a.example/", "https://a.example/", Ok("https://a.example/")),
            ("https://a.example/", "http://a.example/", Err(AddressError::Downgrade)),
            ("https://a.example/", "http://127.0.0.1/", Err(Private)),
            ("https://a.example/", "file:///etc/passwd", Err(Scheme)),
            ("https://a.example/", "https://x:y@b.example/", Err(Credentials)),
            ("https://a.example/", "https://[fe80::1]/", Err(Reserved)),
        ] {
            let from = Url::parse(from).unwrap();
            let got = redirected(&from, to, STRICT);
            assert_eq!(got.as_ref().map(Url::as_str), expected.as_ref().copied(), "{to}");
        }
    }
}
