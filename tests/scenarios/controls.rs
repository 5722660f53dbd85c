//! The browser's own controls, which show the parked element: the device draws over them how it
//! plays, on a picture and where there is only sound.

use super::overlay::{DESKTOP, SIZE, Session, Stand, WINDOW, at, on_screen, rect};
use anyhow::{anyhow, ensure};
use nearside_channel::message::{Layout, PlayerCommand, Rect};
use nearside_tests::agent::Agent;
use nearside_tests::clips;
use nearside_tests::host::Host;
use nearside_tests::picture::Picture;

const AAC: &str = r#"audio/mp4; codecs="mp4a.40.2""#;

/// The browser's own, of an `<audio>`.
const LIGHT: [u8; 3] = [241, 243, 244];
const TOLERANCE: u8 = 4;

/// The middle of the button in controls of sound: in "play", within "pause".
fn is_dark(screen: &Picture, bar: Rect, wanted: bool) -> anyhow::Result<()> {
    let bar = on_screen(WINDOW, bar);
    let [x, y] = [bar.x + 16, bar.y + 14].map(|at| u32::try_from(at).unwrap_or(0));
    let pixel = screen.pixel(x, y);
    if (pixel[1] < 100) == wanted { Ok(()) } else { Err(anyhow!("{pixel:?}")) }
}

fn pixels(screen: &Picture, rect: Rect) -> Vec<[u8; 3]> {
    let side = |from: i32, length: u32| {
        let from = u32::try_from(from).unwrap_or(0);
        from..from + length
    };
    let columns = side(rect.x, rect.width);
    let rows = side(rect.y, rect.height);
    rows.flat_map(|y| columns.clone().map(move |x| screen.pixel(x, y))).collect()
}

/// A page with a tone that waits at its beginning.
fn sound_over(stand: &Stand) -> anyhow::Result<Session<'_>> {
    let file = stand.place.file("tone.mp4");
    let tone = "-f lavfi -i sine=frequency=440:duration=5 -c:a aac";
    clips::make(&file, &format!("{tone} -movflags frag_keyframe+empty_moov+default_base_moof"))?;
    let agent = Agent::start_with_windows(&stand.place, "auto")?;
    let facts = stand.facts(std::process::id());
    let mut host = Host::open_by_plugin(&agent.plugin_socket(), &facts, SIZE)?;
    host.open_sound(AAC)?;
    let seq = host.append(1, &std::fs::read(file)?)?;
    host.appended(seq)?;
    Ok(Session { stand, agent, host })
}

#[test]
fn the_browsers_controls_show_how_the_device_plays() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&Layout { control_bar: Some(rect([120, 198], [320, 72])), ..at(video) })?;
    let is_white = |screen: &Picture, wanted: bool| {
        let pixel = screen.pixel(100 + 120 + 24, 60 + 198 + 25); // in "play", within "pause"
        if (200 < pixel[1]) == wanted { Ok(()) } else { Err(anyhow!("{pixel:?}")) }
    };
    session.see("play", |screen| is_white(screen, true))?;
    session.host.player(PlayerCommand::Play)?;
    session.see("pause", |screen| is_white(screen, false))?;
    session.host.player(PlayerCommand::Pause)?;
    session.see("play again", |screen| is_white(screen, true))?;
    session.lay(&at(video))?;
    session.see_video("no controls", &[on_screen(WINDOW, video)])
}

#[test]
fn the_browsers_controls_of_a_sound_show_how_the_device_plays() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = sound_over(&stand)?;
    let bar = rect([130, 100], [206, 28]);
    session.lay(&Layout { control_bar: Some(bar), ..at(bar) })?;
    let whole = on_screen(WINDOW, bar);
    session.see("play", |screen| {
        let bounds = screen.bounds(LIGHT, TOLERANCE).ok_or_else(|| anyhow!("no controls"))?;
        ensure!(bounds == whole, "{bounds:?}");
        is_dark(screen, bar, true)
    })?;
    session.host.player(PlayerCommand::Play)?;
    session.see("pause", |screen| is_dark(screen, bar, false))?;
    // Nothing but the time says so.
    let time = |screen: &Picture| {
        let digits = Rect { x: whole.x + 37, width: 30, ..whole };
        pixels(screen, digits)
    };
    let first = time(&session.stand.screen.look()?);
    session.see("another time", |screen| {
        ensure!(time(screen) != first, "the same time");
        Ok(())
    })?;
    session.host.player(PlayerCommand::Pause)?;
    session.see("play again", |screen| is_dark(screen, bar, true))?;
    session.lay(&Layout { visible: false, ..at(bar) })?;
    session.see("no controls", |screen| {
        ensure!(screen.bounds(LIGHT, TOLERANCE).is_none(), "still there");
        Ok(())
    })
}
