//! Players whose media the device fetches itself.

use anyhow::{Context as _, ensure};
use nearside::status::Status;
use nearside_channel::message::{
    DeviceMessage, PlaybackState, PlayerCommand, PlayerEvent, ReasonCode,
};
use nearside_tests::agent::Agent;
use nearside_tests::check_rows;
use nearside_tests::clips;
use nearside_tests::host::Host;
use nearside_tests::http::{Answer, Proxy, WebServer};
use nearside_tests::place::Place;

/// An agent whose device allows its own addresses, and a session host with a page.
fn device(place: &Place) -> anyhow::Result<(Agent, Host)> {
    let policy = place.file("device-policy.json");
    std::fs::write(&policy, r#"{"allow_private_addresses": true}"#)?;
    let agent = Agent::start_with_policy(place, &policy)?;
    let (host, _) = Host::open(&agent.channel_socket())?;
    Ok((agent, host))
}

fn wait_for_state(host: &mut Host, wanted: PlaybackState) -> anyhow::Result<i64> {
    host.wait(&format!("{wanted:?}"), |message| match message {
        DeviceMessage::Player {
            event: PlayerEvent::State { state, position_micros, .. }, ..
        } => (*state == wanted).then_some(*position_micros),
        _ => None,
    })
}

/// `(decoded, presented + dropped)` of the only item.
fn pictures(status: &Status) -> Option<(u64, u64)> {
    let video = status.items.first()?.video.as_ref()?;
    Some((video.decoded, video.presented + video.dropped))
}

#[test]
fn media_by_url_plays_to_its_end() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 3)?;
    let count = clips::picture_count(&clip)?;
    let server = WebServer::start(Answer::Resource(std::fs::read(&clip)?))?;
    let (agent, mut host) = device(&place)?;
    host.open_url_player(&server.url())?;
    host.player(PlayerCommand::Play)?;
    let position = wait_for_state(&mut host, PlaybackState::Ended)?;
    assert!((2_900_000..3_200_000).contains(&position), "{position}");
    let status = agent.wait_for("all pictures", |status| {
        pictures(status).is_some_and(|(_, shown)| shown == count)
    })?;
    assert_eq!(pictures(&status), Some((count, count)));
    let item = status.items.first().context("the item")?;
    assert!((2_900_000..3_200_000).contains(&item.duration_micros.context("a duration")?));
    assert_eq!(item.buffered.len(), 1, "{:?}", item.buffered);
    assert!(item.audio.is_some() && item.failed.is_none(), "{item:?}");

    // Back, while it has ended, and on to the end again.
    host.player(PlayerCommand::Seek { to_micros: 2_000_000, token: 7 })?;
    host.wait("the sought picture", |message| match message {
        DeviceMessage::Player { event: PlayerEvent::Seeked { token: 7, .. }, .. } => Some(()),
        _ => None,
    })?;
    wait_for_state(&mut host, PlaybackState::Ended)?;

    // Nothing of where it came from is in the log.
    let log = agent.log();
    let secret = ["127.0.0.1", "place.mp4", "secret", "http:"];
    assert!(secret.iter().all(|part| !log.contains(part)), "{log}");
    agent.check_healthy()
}

#[test]
fn media_by_url_repeats_from_what_is_here() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.webm");
    clips::make(
        &clip,
        "-f lavfi -i testsrc2=s=160x90:r=25:d=1 -c:v libvpx -deadline realtime -g 25",
    )?;
    let server = WebServer::start(Answer::Resource(std::fs::read(&clip)?))?;
    let (agent, mut host) = device(&place)?;
    host.open_url_player(&server.url())?;
    host.player(PlayerCommand::Loop { enabled: true })?;
    host.player(PlayerCommand::Play)?;
    wait_for_state(&mut host, PlaybackState::Playing)?;
    // Without the server: what is played again is not fetched again.
    host.pump_until("all of it", || {
        let status = agent.status().ok();
        let item = status.as_ref().and_then(|status| status.items.first());
        item.is_some_and(|item| item.buffered.iter().any(|range| 990_000 <= range.1))
    })?;
    drop(server);
    host.pump_until("the third time", || {
        agent.status().ok().and_then(|status| pictures(&status)).is_some_and(|(all, _)| 60 < all)
    })?;
    agent.check_healthy()
}

#[test]
fn media_by_url_goes_through_the_proxy_of_the_environment() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 1)?;
    let server = WebServer::start(Answer::Resource(std::fs::read(&clip)?))?;
    let proxy = Proxy::start(&server)?;
    let agent = Agent::start_behind_proxy(&place, &proxy.url())?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    // A name that only the proxy knows.
    host.open_url_player("http://media.example/clip.mp4")?;
    host.player(PlayerCommand::Play)?;
    wait_for_state(&mut host, PlaybackState::Ended)?;
    assert_eq!(proxy.asked().first().map(String::as_str), Some("media.example:80"));
    agent.check_healthy()
}

/// A case: its name, what the server says, whether the device allows its own addresses, and the
/// reason that the page gets.
struct Refusal {
    name: &'static str,
    answer: Answer,
    allowed: bool,
    code: ReasonCode,
}

#[test]
fn what_cannot_be_fetched_plays_in_the_session() -> anyhow::Result<()> {
    let case = |name, answer, code| Refusal { name, answer, allowed: true, code };
    let page = Answer::Status("200 OK");
    check_rows(
        &[
            case("missing", Answer::Status("404 Not Found"), ReasonCode::Network),
            case("page", page.clone(), ReasonCode::UnsupportedContainer),
            case("loop", Answer::Redirect("/".to_owned()), ReasonCode::Network),
            case("file", Answer::Redirect("file:///etc/hostname".to_owned()), ReasonCode::Policy),
            Refusal { name: "private", answer: page, allowed: false, code: ReasonCode::Policy },
        ],
        |row| row.name,
        |row| {
            let place = Place::new()?;
            let server = WebServer::start(row.answer.clone())?;
            let (agent, mut host) = if row.allowed {
                device(&place)?
            } else {
                let agent = Agent::start(&place)?;
                let (host, _) = Host::open(&agent.channel_socket())?;
                (agent, host)
            };
            host.open_url_player(&server.url())?;
            let reason = host.player_failed()?;
            ensure!(reason.code == row.code, "{reason:?}");
            let said = format!("{} {} {}", reason.message, reason.next_step, agent.log());
            ensure!(!said.contains("127.0.0.1") && !said.contains("secret"), "{said}");
            agent.check_healthy()
        },
    )
}

#[test]
fn a_device_policy_that_is_none_ends_the_agent() -> anyhow::Result<()> {
    let place = Place::new()?;
    let policy = place.file("device-policy.json");
    std::fs::write(&policy, "playback = off")?;
    let error = Agent::start_with_policy(&place, &policy).err().context("it runs")?;
    let said = format!("{error:#}");
    ensure!(said.contains("the device's policy"), "{said}");
    Ok(())
}

#[test]
fn a_device_policy_can_switch_playback_off() -> anyhow::Result<()> {
    let place = Place::new()?;
    let policy = place.file("device-policy.json");
    std::fs::write(&policy, r#"{"playback": false}"#)?;
    let agent = Agent::start_with_policy(&place, &policy)?;
    let (_host, welcome) = Host::open(&agent.channel_socket())?;
    let reason = welcome.playback_refused.context("it is allowed")?;
    ensure!(reason.code == ReasonCode::Policy, "{reason:?}");
    Ok(())
}
