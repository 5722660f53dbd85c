//! Whole players without a screen or a speaker, and what becomes of each decoded picture.

use super::*;
use crate::segment::tests::clips::{AUDIO, Clip, FRAGMENTED, VIDEO};
use crate::sound::OutputConfig;
use crate::source_buffer::AppendParams;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, sync_channel};

const REFRESH: Duration = Duration::from_micros(16_667);

/// A stage with one player on media from `S`, which lives as long.
pub(crate) struct Stage<S> {
    pub(crate) player: Player,
    source: S,
    _output: Output,
    woken: Receiver<()>,
    pub(crate) events: Vec<Event>,
    pub(crate) shown: u64,
    /// When the last one that was shown begins.
    last: Option<Pts>,
}

impl<S> Stage<S> {
    /// `bring` is there before the player.
    pub(crate) fn open(bring: impl FnOnce(&Arc<Buffers>, &Wake) -> S) -> Self {
        let output = Output::open(OutputConfig { measure: false, force_system_clock: true });
        let buffers = Arc::new(Buffers::default());
        let (send, woken) = sync_channel(1);
        let wake: Wake = Arc::new(move || {
            // A wake that waits already is as good as two.
            let _ = send.try_send(());
        });
        let source = bring(&buffers, &wake);
        let player = Player::new(buffers, &output, HardwarePolicy::Off, &wake).unwrap();
        Self { player, source, _output: output, woken, events: Vec::new(), shown: 0, last: None }
    }

    /// Plays until an event is the one that is waited for.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        loop {
            let now = Instant::now();
            let next = self.player.update(now);
            if let Some(frame) = self.player.pick(now, REFRESH) {
                self.shown += 1;
                self.last = Some(frame.pts());
                let size = frame.format().display_size();
                self.player.presented(frame.pts(), size, Instant::now());
            }
            let events = self.player.take_events();
            let found = events.iter().any(&wanted);
            self.events.extend(events);
            if found {
                return;
            }
            let wait = next
                .map_or(Duration::from_secs(60), |at| at.saturating_duration_since(Instant::now()));
            // A timeout is as good as a wake: the player is looked at again.
            let _ = self.woken.recv_timeout(wait);
        }
    }

    fn pictures(&self) -> VideoStats {
        self.player.stats().video.expect("pictures")
    }
}

pub(crate) fn is(state: State) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::State { state: now, .. } if *now == state)
}

/// 50 pictures, reordered, a key frame every 24.
static CLIP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let codec: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-g", "24", "-bf", "2"];
    Clip::make(&[VIDEO, codec, FRAGMENTED]).bytes
});

const PICTURES: u64 = 50;

/// A stage that plays all of the clip, which was appended before there was a player.
fn appended() -> Stage<()> {
    appended_of(&CLIP)
}

fn appended_of(clip: &[u8]) -> Stage<()> {
    Stage::open(|buffers, _| {
        buffers.add_stream(1, "video/mp4").unwrap();
        buffers.begin_append(1, &AppendParams::default(), clip.len()).unwrap();
        buffers.push(1, clip).unwrap();
        buffers.end_append(1).unwrap();
        buffers.end_of_stream(1);
    })
}

#[test]
fn each_picture_is_decoded_once_and_shown_or_dropped() {
    let mut stage = appended();
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    let video = stage.pictures();
    assert_eq!((video.decoded, video.discarded), (PICTURES, 0), "{video:?}");
    assert_eq!(video.presented + video.dropped, PICTURES, "{video:?}");
    assert_eq!(video.presented, stage.shown, "{video:?}");
}

/// As long as the pictures of [`CLIP`].
static SOUND: LazyLock<Vec<u8>> =
    LazyLock::new(|| Clip::make(&[AUDIO, &["-c:a", "aac"], FRAGMENTED]).bytes);

fn append(buffers: &Buffers, stream: u16, bytes: &[u8]) {
    buffers.begin_append(stream, &AppendParams::default(), bytes.len()).unwrap();
    buffers.push(stream, bytes).unwrap();
    buffers.end_append(stream).unwrap();
    buffers.end_of_stream(stream);
}

#[test]
fn sound_that_was_announced_is_waited_for() {
    let mut stage = Stage::open(|buffers, _| {
        buffers.add_stream(1, "video/mp4").unwrap();
        buffers.add_stream(2, "audio/mp4").unwrap();
        append(buffers, 1, &CLIP);
        Arc::clone(buffers)
    });
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Stalled));
    assert!(!stage.events.iter().any(is(State::Playing)));
    append(&Arc::clone(&stage.source), 2, &SOUND);
    stage.until(is(State::Ended));
    assert!(stage.events.iter().any(is(State::Playing)));
    assert_eq!(stage.pictures().discarded, 0);
}

#[test]
fn sound_that_comes_while_pictures_play_is_played() {
    let mut stage = Stage::open(|buffers, _| {
        buffers.add_stream(1, "video/mp4").unwrap();
        append(buffers, 1, &CLIP);
        Arc::clone(buffers)
    });
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Playing));
    let buffers = Arc::clone(&stage.source);
    buffers.add_stream(2, "audio/mp4").unwrap();
    append(&buffers, 2, &SOUND);
    stage.until(is(State::Ended));
    let positions = stage.events.iter().filter_map(|event| match event {
        Event::State { position, .. } => Some(position.0),
        _ => None,
    });
    assert!(positions.is_sorted());
    assert!(stage.player.stats().audio.is_some());
}

/// A page may know a shorter duration than there is media.
#[test]
fn what_lies_behind_the_duration_is_played_and_the_page_not_told_of_it() {
    let mut stage = appended();
    let duration = 1_500_000;
    stage.player.set_duration(Some(duration));
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    let video = stage.pictures();
    assert_eq!(video.presented + video.dropped, PICTURES, "{video:?}");
    let told = stage.events.iter().filter_map(|event| match event {
        Event::State { position, .. } => Some(position.0),
        _ => None,
    });
    assert_eq!(told.max(), Some(duration));
}

/// The thread may give out its last picture and rest between two looks of the player.
#[test]
fn the_end_is_not_reached_before_the_last_picture_was_taken() {
    let Stage { mut player, .. } = {
        let mut stage = appended();
        stage.player.set_paused(false, Instant::now());
        stage.until(is(State::Ended));
        stage
    };
    let generation = player.generation;
    for (rest, feed) in [(Rest::Dry, Feed::Dry), (Rest::Done, Feed::Done)] {
        let progress = Arc::clone(&player.video.progress);
        progress.set_done(None);
        player.pump();
        match rest {
            Rest::Dry => assert!(progress.set_dry(Some(generation))),
            _ => progress.set_done(Some(generation)),
        }
        assert_eq!(player.picture_feed(Instant::now()), Feed::Filling, "{rest:?}");
        player.pump();
        assert_eq!(player.picture_feed(Instant::now()), feed, "{rest:?}");
        progress.set_dry(None);
    }
}

#[test]
fn seeks_discard_what_they_overtake_and_what_only_others_need() {
    let mut stage = appended();
    for (token, to) in (1..).zip([1_900_000, 30_000, 1_500_000, 700_000, 940_000]) {
        stage.player.seek(Pts(to), Some(token), Instant::now());
        // Every second seek is overtaken by the next one.
        if token % 2 == 0 {
            stage.until(|event| matches!(event, Event::Seeked { token: Some(_), .. }));
        }
    }
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    let video = stage.pictures();
    assert_eq!(video.decoded, video.presented + video.dropped + video.discarded, "{video:?}");
    // 940 ms lies 23 pictures behind a key frame.
    assert!(23 <= video.discarded && 26 <= video.presented + video.dropped, "{video:?}");
}

/// MP4 says how far apart frames are decoded, which is not how long each is seen.
#[test]
fn a_picture_is_seen_until_the_next_one_begins() {
    let select = ["-vf", "select=not(mod(n\\,7))+not(mod(n\\,5))", "-fps_mode", "vfr"];
    let codec = ["-c:v", "libx264", "-g", "100", "-bf", "2"];
    let clip = Clip::make(&[VIDEO, &select, &codec, FRAGMENTED]);
    let mut begins: Vec<i64> = clip.packets().iter().map(|packet| packet.pts).collect();
    begins.sort_unstable();
    let mut stage = appended_of(&clip.bytes);
    for (token, pair) in (1..).zip(begins.windows(2)) {
        let &[begin, next] = pair else { unreachable!() };
        stage.player.seek(Pts(next - 2000), Some(token), Instant::now());
        stage.until(|event| matches!(event, Event::Seeked { token: Some(at), .. } if *at == token));
        assert_eq!(stage.last, Some(Pts(begin)), "before the picture of {next}");
    }
}
