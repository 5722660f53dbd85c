//! The icon in the desktop's tray, seen from the desktop.

use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use nearside_tests::place::Place;
use nearside_tests::tray::{Entry, SessionBus, Tray};

#[test]
fn the_tray_says_what_the_status_says_and_does_what_its_menu_says() -> anyhow::Result<()> {
    let place = Place::new()?;
    let bus = SessionBus::start(&place)?;
    let tray = Tray::start(&bus)?;
    let mut agent = Agent::start_on_bus(&place, bus.address())?;
    let icon = tray.item()?;
    assert_eq!(icon.icon_sizes()?, [(22, 22), (44, 44)]);
    icon.wait_for("Nearside: Not loaded", "Waiting for a session")?;
    let (host, _) = Host::open(&agent.channel_socket())?;
    icon.wait_for("Nearside: Loaded", "Session on a test")?;
    let headline = |menu: &[Entry]| menu.first().is_some_and(|entry| entry.label == "Loaded");
    let menu = icon.wait_for_menu(headline)?;
    let labels: Vec<_> = menu.into_iter().map(|it| (it.label, it.enabled)).collect();
    let expected = [
        ("Loaded", false),
        ("Open Nearside", true),
        ("Mute", false),
        ("Pause redirection", true),
        ("Quit", true),
    ];
    assert_eq!(labels, expected.map(|(label, enabled)| (label.to_owned(), enabled)));

    for paused in [true, false] {
        icon.click("Pause redirection")?;
        agent.wait_for("the switch", |status| status.settings.paused == paused)?;
        let checked = |it: &Entry| it.label == "Pause redirection" && it.checked == paused;
        icon.wait_for_menu(|menu| menu.iter().any(checked))?;
    }

    drop(host);
    icon.wait_for("Nearside: Not loaded", "Waiting for a session")?;
    icon.click("Quit")?;
    assert!(agent.wait_ended()?, "{}", agent.log());
    Ok(())
}

#[test]
fn a_tray_that_comes_later_gets_the_icon_and_none_is_needed() -> anyhow::Result<()> {
    let place = Place::new()?;
    let bus = SessionBus::start(&place)?;
    let agent = Agent::start_on_bus(&place, bus.address())?;
    agent.check_healthy()?;
    for _ in 0..2 {
        let tray = Tray::start(&bus)?;
        tray.item()?.wait_for("Nearside: Not loaded", "Waiting for a session")?;
    }
    drop(bus);
    agent.check_healthy()?;
    let agent_without = Place::new()?;
    Agent::start_on_bus(&agent_without, "unix:path=/nonexistent")?.check_healthy()
}
