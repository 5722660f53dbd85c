//! The connection itself: bytes whole and in order, and who is told what when nobody is there.

use anyhow::Context as _;
use nearside_rdp_tests::CHANNEL;
use nearside_rdp_tests::client::Device;
use nearside_rdp_tests::device::{FakeDevice, check_whole, noise};
use nearside_rdp_tests::leg::{Answer, Leg, open_xrdp};
use std::io::Read as _;
use std::os::unix::net::UnixStream;

/// What a client answers that has nobody to bring a channel to.
const NO_LISTENER: u32 = 0xc000_0001;

/// Around the longest pieces of the protocols beneath.
const LENGTHS: [usize; 8] = [1, 1589, 1590, 1591, 32 << 10, 65_536, 65_537, 4 << 20];

#[test]
fn bytes_arrive_whole_through_the_plugin() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let _client = leg.connect()?;
    let near = leg.open()?;
    let (far, facts) = device.accept()?;
    assert_eq!(facts.pid, std::process::id());
    for length in LENGTHS {
        check_whole(&near, &far, &noise(length)).with_context(|| format!("{length} bytes"))?;
    }
    leg.check_alive()
}

#[test]
fn bytes_arrive_whole_through_the_pipe_proxy_and_a_plain_socket() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let _client = leg.connect_with(Device::Proxy(leg.proxy_socket()))?;
    assert!(!leg.proxy_socket().exists(), "the pipe is there before the channel");
    let near = UnixStream::connect(leg.server.plain_socket())?;
    leg.server.wait("the channel", |facts| facts.opened == 1)?;
    let far = UnixStream::connect(leg.proxy_socket())?;
    for length in LENGTHS {
        check_whole(&near, &far, &noise(length)).with_context(|| format!("{length} bytes"))?;
    }
    leg.check_alive()
}

#[test]
fn without_a_client_the_session_is_told_at_once() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let answer = open_xrdp(&leg.server.xrdp_socket(), CHANNEL)?;
    assert!(matches!(answer, Answer::NoClient), "{answer:?}");
    let mut plain = UnixStream::connect(leg.server.plain_socket())?;
    assert_eq!(plain.read(&mut [0])?, 0);
    Ok(())
}

#[test]
fn without_a_device_the_channel_is_declined_until_one_comes() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let client = leg.connect()?;
    let answer = open_xrdp(&leg.server.xrdp_socket(), CHANNEL)?;
    assert!(matches!(answer, Answer::Declined(NO_LISTENER)), "{answer:?}");
    leg.check_alive()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let near = leg.open()?;
    let (far, _) = device.accept()?;
    check_whole(&near, &far, &noise(1000))?;
    assert_eq!((client.facts().declined, client.facts().opened), (1, 1));
    Ok(())
}

#[test]
fn a_device_that_does_not_read_loses_its_channel_and_not_the_session() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let client = leg.connect()?;
    let near = leg.open()?;
    let (_far, _) = device.accept()?;
    std::thread::scope(|scope| {
        // More than any queue in between may hold; its end is of no interest.
        let _flood = scope.spawn(|| {
            let mut writer = &near;
            let _ = std::io::Write::write_all(&mut writer, &noise(64 << 20));
        });
        client.wait("the channel's end", |facts| facts.overflowed == 1)?;
        leg.check_alive()
    })
}

#[test]
fn after_the_connection_the_old_socket_is_dead_and_a_new_one_works() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let notice = leg.server.folder().join("xrdp_chansrv_socket_10");
    assert!(notice.exists());
    let client = leg.connect()?;
    assert!(!notice.exists());
    let old = leg.open()?;
    let (mut gone, _) = device.accept()?;
    leg.server.cut()?;
    assert!(notice.exists());
    assert_eq!(gone.read(&mut [0])?, 0, "the device is told");
    drop(client);

    let _client = leg.connect()?;
    let near = leg.open()?;
    let (far, _) = device.accept()?;
    std::io::Write::write_all(&mut &old, b"stale")?;
    leg.server.wait("the stale bytes", |facts| facts.vanished_bytes == 5)?;
    check_whole(&near, &far, &noise(10_000))
}

#[test]
fn a_channel_that_the_server_closes_ends_at_the_device() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let _client = leg.connect()?;
    let _near = leg.open()?;
    let (mut far, _) = device.accept()?;
    leg.server.close_channels()?;
    assert_eq!(far.read(&mut [0])?, 0);
    leg.check_alive()?;
    let near = leg.open()?;
    let (far, _) = device.accept()?;
    check_whole(&near, &far, &noise(1000))
}
