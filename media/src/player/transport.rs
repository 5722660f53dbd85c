//! Play, pause, seek, stall and end of one player: the decisions, without media or clock.
//!
//! Fed by [`Transport::update`] with what the two feeds can deliver; answers with [`Action`]s.
//!
//! ```text
//!          tracks known            both ready               dry
//!  Empty ───────────────▶ Seeking ───────────▶ Running ──────────▶ Stalled
//!                            ▲  ▲                │  ▲                 │
//!                       seek │  └──── seek ──────┤  └── both ready ───┘
//!                            └──── loop ─────────┴──▶ Ended   (both done)
//! ```
//!
//! `paused` is the page's wish and orthogonal to the phase, as in HTMLMediaElement.

use crate::time::Pts;

/// What one feed (pictures or sound) can deliver at the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// There is no such track.
    Absent,
    /// Data is there, output is on its way.
    Filling,
    /// Enough output waits to start or go on.
    Ready,
    /// Nothing to decode at the position: the page must append more.
    Dry,
    /// The stream has ended and everything was shown or heard.
    Done,
}

/// Where playback stands, see the diagram above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Empty,
    Seeking { token: Option<u32> },
    Running,
    Stalled,
    Ended,
}

/// What the player must do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Decode anew from here; what was decoded is void.
    Restart(Pts),
    /// Clock and sound run from the current position.
    Start,
    /// Clock and sound stand still.
    Stop,
    /// The sought position is ready to show.
    Seeked { token: Option<u32> },
    /// Phase or pause changed: tell the page.
    Changed,
}

/// The state machine of one player.
#[derive(Debug)]
pub(super) struct Transport {
    phase: Phase,
    paused: bool,
    looping: bool,
    running_clock: bool,
}

impl Default for Transport {
    fn default() -> Self {
        Self { phase: Phase::Empty, paused: true, looping: false, running_clock: false }
    }
}

impl Transport {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn paused(&self) -> bool {
        self.paused
    }

    /// Whether clock and sound run.
    pub(super) fn running(&self) -> bool {
        self.running_clock
    }

    pub(super) fn set_looping(&mut self, looping: bool) {
        self.looping = looping;
    }

    /// The page wants to play or pause. Playing from the end starts again at the beginning.
    pub(super) fn set_paused(&mut self, paused: bool, actions: &mut Vec<Action>) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        if !paused && self.phase == Phase::Ended {
            self.seek(Pts::ZERO, None, actions);
            return;
        }
        self.settle(actions);
        actions.push(Action::Changed);
    }

    /// Goes to `to`; an earlier seek that has not arrived is overtaken.
    pub(super) fn seek(&mut self, to: Pts, token: Option<u32>, actions: &mut Vec<Action>) {
        self.phase = Phase::Seeking { token };
        self.settle(actions);
        actions.push(Action::Restart(to));
        actions.push(Action::Changed);
    }

    /// Looks at what the feeds can do now.
    pub(super) fn update(&mut self, picture: Feed, sound: Feed, actions: &mut Vec<Action>) {
        use Feed::{Absent, Done, Dry, Filling, Ready};
        let known = picture != Absent || sound != Absent;
        let startable = |feed| matches!(feed, Absent | Ready | Done);
        let both_startable = known && startable(picture) && startable(sound);
        let both_done = known && matches!((picture, sound), (Absent | Done, Absent | Done));
        match self.phase {
            Phase::Empty if known => {
                self.phase = Phase::Seeking { token: None };
                self.update(picture, sound, actions);
            }
            Phase::Seeking { token } if both_startable => {
                self.phase = if both_done { Phase::Ended } else { Phase::Running };
                actions.push(Action::Seeked { token });
                self.settle(actions);
                actions.push(Action::Changed);
            }
            Phase::Running | Phase::Stalled if both_done => {
                if self.looping && !self.paused {
                    self.seek(Pts::ZERO, None, actions);
                } else {
                    self.phase = Phase::Ended;
                    self.settle(actions);
                    actions.push(Action::Changed);
                }
            }
            Phase::Running if picture == Dry || sound == Dry => {
                self.phase = Phase::Stalled;
                self.settle(actions);
                actions.push(Action::Changed);
            }
            Phase::Stalled if both_startable => {
                self.phase = Phase::Running;
                self.settle(actions);
                actions.push(Action::Changed);
            }
            // Media was appended behind the end.
            Phase::Ended if picture == Ready || sound == Ready => {
                self.phase = Phase::Stalled;
                self.update(picture, sound, actions);
            }
            Phase::Ended if matches!(picture, Filling | Dry) || matches!(sound, Filling | Dry) => {
                self.phase = Phase::Stalled;
                actions.push(Action::Changed);
            }
            _ => {}
        }
    }

    /// Starts or stops the clock when phase and pause ask for it.
    fn settle(&mut self, actions: &mut Vec<Action>) {
        let run = self.phase == Phase::Running && !self.paused;
        if run != self.running_clock {
            self.running_clock = run;
            actions.push(if run { Action::Start } else { Action::Stop });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Changed, Restart, Seeked, Start, Stop};
    use Feed::{Absent, Done, Dry, Filling, Ready};

    enum Step {
        Play,
        Pause,
        Seek(i64, u32),
        Feeds(Feed, Feed),
    }
    use Step::{Feeds, Pause, Play, Seek};

    /// Runs the steps; each is followed by exactly these actions.
    #[track_caller]
    fn check(looping: bool, steps: &[(Step, &[Action])]) -> Transport {
        let mut transport = Transport::default();
        transport.set_looping(looping);
        for (at, (step, expected)) in steps.iter().enumerate() {
            let mut actions = Vec::new();
            match step {
                Play => transport.set_paused(false, &mut actions),
                Pause => transport.set_paused(true, &mut actions),
                Seek(to, token) => transport.seek(Pts(*to), Some(*token), &mut actions),
                Feeds(picture, sound) => transport.update(*picture, *sound, &mut actions),
            }
            assert_eq!(actions, *expected, "step {at}");
        }
        transport
    }

    #[test]
    fn plays_when_both_feeds_are_ready() {
        check(
            false,
            &[
                (Play, &[Changed]),
                (Feeds(Absent, Absent), &[]),
                (Feeds(Filling, Filling), &[]),
                (Feeds(Ready, Filling), &[]),
                (Feeds(Ready, Ready), &[Seeked { token: None }, Start, Changed]),
                (Pause, &[Stop, Changed]),
                (Play, &[Start, Changed]),
            ],
        );
    }

    #[test]
    fn stalls_when_dry_and_goes_on_when_filled() {
        check(
            false,
            &[
                (Play, &[Changed]),
                (Feeds(Ready, Absent), &[Seeked { token: None }, Start, Changed]),
                (Feeds(Filling, Absent), &[]),
                (Feeds(Dry, Absent), &[Stop, Changed]),
                (Feeds(Filling, Absent), &[]),
                (Feeds(Ready, Absent), &[Start, Changed]),
            ],
        );
    }

    #[test]
    fn a_seek_overtakes_a_seek_and_only_the_last_arrives() {
        check(
            false,
            &[
                (Play, &[Changed]),
                (Feeds(Ready, Ready), &[Seeked { token: None }, Start, Changed]),
                (Seek(5, 1), &[Stop, Restart(Pts(5)), Changed]),
                (Seek(9, 2), &[Restart(Pts(9)), Changed]),
                (Feeds(Dry, Dry), &[]),
                (Feeds(Ready, Done), &[Seeked { token: Some(2) }, Start, Changed]),
            ],
        );
    }

    #[test]
    fn ends_and_plays_again_from_the_start() {
        let transport = check(
            false,
            &[
                (Play, &[Changed]),
                (Feeds(Ready, Ready), &[Seeked { token: None }, Start, Changed]),
                (Feeds(Ready, Done), &[]),
                (Feeds(Done, Done), &[Stop, Changed]),
                (Pause, &[Changed]),
                (Play, &[Restart(Pts(0)), Changed]),
            ],
        );
        assert_eq!(transport.phase(), Phase::Seeking { token: None });
    }

    #[test]
    fn loops_without_ending() {
        check(
            true,
            &[
                (Play, &[Changed]),
                (Feeds(Ready, Ready), &[Seeked { token: None }, Start, Changed]),
                (Feeds(Done, Done), &[Stop, Restart(Pts(0)), Changed]),
            ],
        );
    }

    #[test]
    fn media_appended_behind_the_end_goes_on() {
        check(
            false,
            &[
                (Play, &[Changed]),
                (Feeds(Ready, Absent), &[Seeked { token: None }, Start, Changed]),
                (Feeds(Done, Absent), &[Stop, Changed]),
                (Feeds(Filling, Absent), &[Changed]),
                (Feeds(Ready, Absent), &[Start, Changed]),
            ],
        );
    }
}
