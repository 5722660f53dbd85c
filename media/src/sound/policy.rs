//! When the device is opened, paused, checked and given up. Pure: time is an argument, counted
//! from any fixed start.
//!
//! ```text
//!      play or warm-up, retry due            play
//!   Closed ───────────────────▶ Paused ─────────────────▶ Running ── every 2 s: still default?
//!     ▲  ▲                       │   ▲                       │
//!     │  └── idle 10 s ──────────┘   └── idle 0.5 s ─────────┤
//!     └────────────── failed, stalled, another default ──────┘
//! ```
//!
//! INVARIANT: with nothing playing, the steps end in [`Step::Sleep`]: no timer is left running.

use std::time::Duration;

/// Silence after the last voice before the stream is paused: fades and delay run out.
const RUN_OUT: Duration = Duration::from_millis(500);

/// A paused device is given back after this.
const RELEASE_AFTER: Duration = Duration::from_secs(10);

/// How often a missing device is looked for, and a present one compared with the default.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// An attempt that takes longer than this says the sound server hangs: look more rarely.
const SLOW: Duration = Duration::from_millis(500);

/// The rarest look.
const CHECK_AT_LEAST_EVERY: Duration = Duration::from_secs(32);

/// A stream that lived this long was a good one.
const PROVEN: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Open the default device, then report [`DevicePolicy::opened`].
    Open,
    /// Start the open stream, then report [`DevicePolicy::started`].
    Start,
    Pause,
    Close,
    /// Compare with the default device, then report [`DevicePolicy::checked`].
    Check,
    /// Nothing to do before this long, or before being woken.
    Wait(Duration),
    /// Nothing to do before being woken.
    Sleep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Closed,
    Paused { since: Duration },
    Running { since: Duration, checked: Duration, idle_since: Option<Duration> },
}

#[derive(Debug)]
pub(super) struct DevicePolicy {
    device: Device,
    retry_at: Duration,
    retry_after: Duration,
    /// Open once even if nothing plays yet.
    warm_up: bool,
}

impl DevicePolicy {
    pub(super) const fn new() -> Self {
        Self {
            device: Device::Closed,
            retry_at: Duration::ZERO,
            retry_after: CHECK_EVERY,
            warm_up: false,
        }
    }

    /// Opens the device once even if nothing plays yet, if it is not open.
    pub(super) fn warm_up(&mut self) {
        self.warm_up = matches!(self.device, Device::Closed);
    }

    /// The next thing to do. `failed`: the stream reported an error or stalled.
    pub(super) fn next(&mut self, now: Duration, playing: bool, failed: bool) -> Step {
        match self.device {
            Device::Closed if self.warm_up => Step::Open,
            Device::Closed if !playing => Step::Sleep,
            Device::Closed if now >= self.retry_at => Step::Open,
            Device::Closed => Step::Wait(self.retry_at - now),
            Device::Paused { .. } | Device::Running { .. } if failed => self.give_up(now),
            Device::Paused { .. } if playing => Step::Start,
            Device::Paused { since } => {
                let idle = now.saturating_sub(since);
                if idle < RELEASE_AFTER {
                    return Step::Wait(RELEASE_AFTER - idle);
                }
                self.device = Device::Closed;
                self.retry_at = now;
                Step::Close
            }
            Device::Running { since, checked, .. } if playing => {
                let age = now.saturating_sub(checked);
                let due = age >= CHECK_EVERY;
                let checked = if due { now } else { checked };
                self.device = Device::Running { since, checked, idle_since: None };
                if due { Step::Check } else { Step::Wait(CHECK_EVERY - age) }
            }
            Device::Running { since, checked, idle_since } => {
                let idle_since = idle_since.unwrap_or(now);
                let idle = now.saturating_sub(idle_since);
                if idle < RUN_OUT {
                    let idle_since = Some(idle_since);
                    self.device = Device::Running { since, checked, idle_since };
                    return Step::Wait(RUN_OUT - idle);
                }
                self.device = Device::Paused { since: now };
                Step::Pause
            }
        }
    }

    /// An attempt to open ended after `took`; the stream is paused.
    pub(super) fn opened(&mut self, now: Duration, took: Duration, success: bool) {
        self.warm_up = false;
        if success {
            self.device = Device::Paused { since: now };
        } else {
            self.device = Device::Closed;
            self.back_off(now, took > SLOW);
        }
    }

    /// An attempt to start the stream ended.
    pub(super) fn started(&mut self, now: Duration, success: bool) -> Option<Step> {
        if success {
            self.device = Device::Running { since: now, checked: now, idle_since: None };
            return None;
        }
        Some(self.give_up(now))
    }

    /// The default device is another one now: move there at once.
    pub(super) fn checked(&mut self, now: Duration, changed: bool) -> Option<Step> {
        if !changed {
            return None;
        }
        self.device = Device::Closed;
        self.retry_at = now;
        Some(Step::Close)
    }

    fn give_up(&mut self, now: Duration) -> Step {
        let proven = matches!(self.device, Device::Running { since, .. }
            if now.saturating_sub(since) >= PROVEN);
        self.device = Device::Closed;
        if proven {
            self.retry_at = now;
            self.retry_after = CHECK_EVERY;
        } else {
            self.back_off(now, true);
        }
        Step::Close
    }

    fn back_off(&mut self, now: Duration, rarer: bool) {
        if !rarer {
            self.retry_after = CHECK_EVERY;
        }
        self.retry_at = now + self.retry_after;
        if rarer {
            self.retry_after = (self.retry_after * 2).min(CHECK_AT_LEAST_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const FAST: Duration = Duration::from_millis(30);

    fn running(policy: &mut DevicePolicy, now: u64) {
        assert_eq!(policy.next(at(now), true, false), Step::Open);
        policy.opened(at(now), FAST, true);
        assert_eq!(policy.next(at(now), true, false), Step::Start);
        assert_eq!(policy.started(at(now), true), None);
    }

    #[test]
    fn the_device_is_held_while_in_use_and_released_after() {
        let mut policy = DevicePolicy::new();
        running(&mut policy, 0);
        assert_eq!(policy.next(at(500), true, false), Step::Wait(at(1_500)));
        assert_eq!(policy.next(at(2_000), true, false), Step::Check);
        assert_eq!(policy.checked(at(2_000), false), None);
        assert_eq!(policy.next(at(2_000), true, false), Step::Wait(at(2_000)));
        assert_eq!(policy.next(at(3_000), false, false), Step::Wait(at(500)));
        assert_eq!(policy.next(at(3_200), true, false), Step::Wait(at(800)));
        assert_eq!(policy.next(at(3_300), false, false), Step::Wait(at(500)));
        assert_eq!(policy.next(at(3_800), false, false), Step::Pause);
        assert_eq!(policy.next(at(3_800), false, false), Step::Wait(at(10_000)));
        assert_eq!(policy.next(at(13_800), false, false), Step::Close);
        assert_eq!(policy.next(at(13_800), false, false), Step::Sleep);
        assert_eq!(policy.next(at(60_000), true, false), Step::Open);
    }

    #[test]
    fn an_unused_output_opens_when_asked_and_lets_go() {
        let mut policy = DevicePolicy::new();
        assert_eq!(policy.next(at(0), false, false), Step::Sleep);
        policy.warm_up();
        assert_eq!(policy.next(at(0), false, false), Step::Open);
        policy.opened(at(10), FAST, false);
        assert_eq!(policy.next(at(10), false, false), Step::Sleep);
        policy.warm_up();
        assert_eq!(policy.next(at(20), false, false), Step::Open);
        policy.opened(at(30), FAST, true);
        // Asked again while it is open.
        policy.warm_up();
        assert_eq!(policy.next(at(30), false, false), Step::Wait(at(10_000)));
        assert_eq!(policy.next(at(10_030), false, false), Step::Close);
        assert_eq!(policy.next(at(10_030), false, false), Step::Sleep);
    }

    #[test]
    fn a_missing_device_is_looked_for_every_two_seconds_a_hanging_one_ever_more_rarely() {
        let mut policy = DevicePolicy::new();
        let mut now = 0;
        let mut waits = Vec::new();
        for slow in [false, false, true, true, true, true, true, true, false, false] {
            assert_eq!(policy.next(at(now), true, false), Step::Open);
            policy.opened(at(now), if slow { at(2_000) } else { FAST }, false);
            let Step::Wait(wait) = policy.next(at(now), true, false) else { panic!("no wait") };
            waits.push(wait.as_secs());
            now += u64::try_from(wait.as_millis()).unwrap();
        }
        assert_eq!(waits, [2, 2, 2, 4, 8, 16, 32, 32, 2, 2]);
    }

    #[test]
    fn a_lost_device_is_tried_again_at_once_a_broken_one_later() {
        let mut policy = DevicePolicy::new();
        running(&mut policy, 0);
        assert_eq!(policy.next(at(8_000), true, true), Step::Close);
        running(&mut policy, 8_000);
        assert_eq!(policy.next(at(8_600), true, true), Step::Close);
        assert_eq!(policy.next(at(8_600), true, false), Step::Wait(at(2_000)));
        running(&mut policy, 10_600);
        assert_eq!(policy.next(at(11_200), true, true), Step::Close);
        assert_eq!(policy.next(at(11_200), true, false), Step::Wait(at(4_000)));
    }

    #[test]
    fn another_default_device_is_moved_to_at_once() {
        let mut policy = DevicePolicy::new();
        running(&mut policy, 0);
        assert_eq!(policy.next(at(2_000), true, false), Step::Check);
        assert_eq!(policy.checked(at(2_000), true), Some(Step::Close));
        assert_eq!(policy.next(at(2_000), true, false), Step::Open);
    }
}
