//! Media that cannot be played: the page is told why, the agent and the page's other media live.

use anyhow::{Context as _, ensure};
use nearside::status::{Item, Playback};
use nearside_channel::message::{PlayerCommand, ReasonCode, StreamCommand};
use nearside_tests::agent::Agent;
use nearside_tests::clips::{self, H264, PICTURES, Segments};
use nearside_tests::host::Host;
use nearside_tests::place::Place;
use nearside_tests::process;

const MP4: &str = "video/mp4; codecs=\"avc1.42c00d\"";

/// Appends, in order, and what the last one is answered.
struct Row {
    name: &'static str,
    appends: Vec<Vec<u8>>,
    reason: ReasonCode,
}

#[test]
fn what_cannot_be_parsed_fails_its_player_with_the_reason() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let Segments { init, media } =
        clips::segments(&place.file("h264.mp4"), &format!("{PICTURES} {H264}"))?;
    let other = clips::segments(
        &place.file("vp9.mp4"),
        &format!("{PICTURES} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p"),
    )?;
    let row = |name, appends: &[&[u8]], reason| Row {
        name,
        appends: appends.iter().map(|bytes| bytes.to_vec()).collect(),
        reason,
    };
    let sized = |size: u32, kind: &[u8; 4]| [&size.to_be_bytes(), kind.as_slice()].concat();
    let giant = [&sized(1, b"moof")[..], &u64::MAX.to_be_bytes(), &[0; 64]].concat();
    let short = [&sized(4, b"moof")[..], &[0; 64]].concat();
    let inner = clips::patched(&media, b"traf", b"free")?;
    let mut run = media.clone();
    // The number of samples in the first run: four thousand millions.
    let at = run.windows(4).position(|window| window == b"trun").context("no run")?;
    run.get_mut(at + 8..at + 12).context("the run is cut")?.fill(0xff);
    let rows = [
        row("media without init", &[&media], ReasonCode::MissingInitSegment),
        row(
            "encrypted samples",
            &[&clips::patched(&init, b"avc1", b"encv")?],
            ReasonCode::ProtectedContent,
        ),
        row(
            "an unknown codec",
            &[&clips::patched(&init, b"avc1", b"xxxx")?],
            ReasonCode::UnsupportedCodec,
        ),
        row(
            "another codec in the buffer",
            &[&init, &media, &other.init],
            ReasonCode::CodecMismatch,
        ),
        row("a giant box", &[&init, &giant], ReasonCode::TooLarge),
        row("a box shorter than its header", &[&init, &short], ReasonCode::MalformedMedia),
        row("a run of too many samples", &[&init, &run], ReasonCode::MalformedMedia),
        row("noise", &[&[0xa5; 4096]], ReasonCode::MalformedMedia),
        row("noise after init", &[&init, &[0xa5; 4096]], ReasonCode::MalformedMedia),
    ];
    for row in &rows {
        check(&agent, row).map_err(|error| error.context(row.name))?;
    }
    // A fragment without a track has nothing to play, which is no error.
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    host.append(1, &init)?;
    let seq = host.append(1, &inner)?;
    host.append_answer(seq)?;
    agent.check_healthy()
}

fn check(agent: &Agent, row: &Row) -> anyhow::Result<()> {
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let mut answer = None;
    for append in &row.appends {
        ensure!(answer.is_none(), "refused too early: {answer:?}");
        let seq = host.append(1, append)?;
        answer = host.append_answer(seq)?;
    }
    let Some(reason) = answer else { anyhow::bail!("the append was taken") };
    ensure!(reason.code == row.reason, "{reason:?}");
    let failure = host.player_failed()?;
    ensure!(failure == reason && !failure.next_step.is_empty(), "{failure:?}");
    agent.wait_for_notice(row.reason)?;
    let status = agent.status()?;
    ensure!(status.items.iter().any(|item| item.failed.is_some()), "{:?}", status.items);
    // The stage has survived: the page's next player plays.
    host.player(PlayerCommand::Close)?;
    Ok(())
}

#[test]
fn after_a_refusal_the_same_page_plays_other_media() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let good = clips::segments(&place.file("h264.mp4"), &format!("{PICTURES} {H264}"))?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let seq = host.append(1, &[0xa5; 4096])?;
    ensure!(host.append_answer(seq)?.is_some(), "noise was taken");
    host.player_failed()?;
    host.reopen_player(2, MP4)?;
    for append in [&good.init, &good.media] {
        let seq = host.append(2, append)?;
        host.appended(seq)?;
    }
    host.stream_command(2, &StreamCommand::EndOfStream { failed: false })?;
    host.player(PlayerCommand::Play)?;
    host.pump_until("the end", || {
        let ended = |item: &Item| item.playback == Playback::Ended;
        agent.status().is_ok_and(|status| status.items.iter().any(ended))
    })?;
    let status = agent.status()?;
    let video = status.items.iter().find_map(|item| item.video.as_ref());
    ensure!(video.is_some_and(|video| video.presented + video.dropped == 60), "{video:?}");
    agent.check_healthy()
}

/// Seconds in one append of [`what_is_appended_without_end_is_bounded`], and bytes a second.
const HEAVY_SECONDS: i64 = 2;
const HEAVY: &str = "-f lavfi -i nullsrc=s=640x360:r=30:d=2,geq=random(1)*255:128:128 \
    -c:v libx264 -preset ultrafast -pix_fmt yuv420p -qp 4 -g 15";

#[test]
fn what_is_appended_without_end_is_bounded() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let Segments { init, media } = clips::segments(&place.file("heavy.mp4"), HEAVY)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let seq = host.append(1, &init)?;
    host.appended(seq)?;
    let status = agent.wait_for("a stage", |status| status.pids("stage").len() == 1)?;
    let stage = status.pids("stage").first().copied().unwrap_or_default();
    // 150 MB may be kept, and nothing has been played that could be let go.
    let most = 400_000_000 / media.len();
    let mut refusal = None;
    for count in 0..most {
        let offset_micros = HEAVY_SECONDS * 1_000_000 * i64::try_from(count)?;
        let seq = host.append_at(1, &media, offset_micros)?;
        refusal = host.append_answer(seq)?;
        if refusal.is_some() {
            break;
        }
    }
    let Some(reason) = refusal else { anyhow::bail!("400 MB were taken") };
    ensure!(reason.code == ReasonCode::BufferFull && !reason.next_step.is_empty(), "{reason:?}");
    let (_, peak) = process::resident_bytes(stage)?;
    ensure!(peak < 500_000_000, "the stage's memory had a peak of {peak} bytes");
    // Full is no failure: the page removes some and goes on.
    let start_micros = 10_000_000;
    host.stream_command(1, &StreamCommand::Remove { start_micros, end_micros: None })?;
    let seq = host.append_at(1, &media, start_micros)?;
    host.appended(seq)?;
    agent.check_healthy()
}

#[test]
fn time_lines_that_jump_and_go_negative_are_taken() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let good = clips::segments(&place.file("h264.mp4"), &format!("{PICTURES} {H264}"))?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let seq = host.append(1, &good.init)?;
    host.appended(seq)?;
    host.player(PlayerCommand::Play)?;
    let most = nearside_channel::validate::MAX_EXACT;
    for offset_micros in [-1_000_000, -3_000_000, most, -most, 3_600_000_000, 500_000, 0, 0] {
        let seq = host.append_at(1, &good.media, offset_micros)?;
        host.append_answer(seq)?;
    }
    agent.wait_for("pictures that move", |status| {
        status.items.iter().any(|item| 0 < item.position_micros)
    })?;
    agent.check_healthy()
}
