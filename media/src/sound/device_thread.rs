//! The device thread: opens, starts, pauses, checks and gives up the device, as
//! [`DevicePolicy`] decides, and tells what happened. The only thread that calls the sound
//! server, which may hang: nobody waits for this thread but [`Output`](super::Output)'s drop,
//! and that not for long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::depth::Depth;
use super::device::{Hosts, OpenDevice};
use super::output::OutputEvent;
use super::policy::{DevicePolicy, Step};
use super::shared::{FIRST_DEVICE_SINK, NO_SINK, Shared};

/// Runs until the output is stopped.
pub(super) fn run(hosts: Hosts, shared: &Arc<Shared>) {
    let mut thread = DeviceThread {
        shared,
        hosts,
        depth: Depth::new(),
        policy: DevicePolicy::new(),
        start: Instant::now(),
        device: None,
        sink: FIRST_DEVICE_SINK,
        last_name: None,
        told_none: false,
    };
    while !shared.is_stopped() {
        shared.drain_if_idle();
        shared.bury();
        if shared.warm_up.swap(false, Ordering::AcqRel) {
            thread.policy.warm_up();
        }
        let failed = shared.failed.load(Ordering::Acquire) == thread.sink;
        let step = thread.policy.next(thread.start.elapsed(), shared.is_playing(), failed);
        thread.act(step);
        thread.look_at_gaps();
    }
}

struct DeviceThread<'a> {
    shared: &'a Arc<Shared>,
    hosts: Hosts,
    depth: Depth,
    policy: DevicePolicy,
    start: Instant,
    device: Option<OpenDevice>,
    /// Id of the present stream, or of the next.
    sink: u64,
    /// The device that played last, to tell a change.
    last_name: Option<String>,
    told_none: bool,
}

impl DeviceThread<'_> {
    /// A device that runs dry again and again is opened anew.
    fn look_at_gaps(&mut self) {
        let now = self.start.elapsed();
        if !self.depth.looked(now, self.shared.xruns.load(Ordering::Relaxed)) {
            return;
        }
        tracing::info!("Sound device ran dry, opening it anew with a longer buffer");
        if let Some(step) = self.policy.checked(now, true) {
            self.act(step);
        }
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Open => self.open(),
            Step::Start => {
                // Active first, so that the first block asked for is already sound.
                self.shared.activate(self.sink);
                let result = self.device.as_ref().map_or(Ok(()), OpenDevice::start);
                if let Err(error) = &result {
                    tracing::warn!(error = %chain(error), "Sound device did not start");
                    self.shared.hand_over(self.sink, NO_SINK);
                }
                if let Some(step) = self.policy.started(self.start.elapsed(), result.is_ok()) {
                    self.act(step);
                }
            }
            Step::Pause => {
                self.shared.hand_over(self.sink, NO_SINK);
                if let Some(Err(error)) = self.device.as_ref().map(OpenDevice::pause) {
                    tracing::warn!(error = %chain(&error), "Sound device did not pause");
                    self.shared.sink_failed(self.sink);
                }
            }
            Step::Close => self.close(),
            Step::Check => {
                let default = self.hosts.default_id();
                let changed = self.device.as_ref().map(|device| &device.id) != default.as_ref();
                if let Some(step) = self.policy.checked(self.start.elapsed(), changed) {
                    self.act(step);
                }
            }
            Step::Wait(_) | Step::Sleep => {
                if self.device.is_none() && matches!(step, Step::Wait(_)) {
                    self.shared.absent.store(true, Ordering::Release);
                    self.shared.wake_system_thread();
                }
                match step {
                    Step::Wait(wait) => std::thread::park_timeout(wait),
                    _ => std::thread::park(),
                }
            }
        }
    }

    fn open(&mut self) {
        self.shared.absent.store(false, Ordering::Release);
        let began = Instant::now();
        let result = self.hosts.open(&self.depth, self.sink, self.shared);
        self.policy.opened(self.start.elapsed(), began.elapsed(), result.is_ok());
        match result {
            Ok(device) => {
                tracing::info!(
                    device = device.name,
                    rate_hz = device.rate_hz,
                    channels = device.channels,
                    "Sound device opened"
                );
                self.shared.set_device(Some((device.name.clone(), device.channels)));
                let same = self.last_name.as_ref().is_none_or(|last| *last == device.name);
                if self.shared.take_lost() || self.told_none || !same {
                    self.shared.tell(OutputEvent::DeviceChanged { name: device.name.clone() });
                }
                self.told_none = false;
                self.last_name = Some(device.name.clone());
                self.device = Some(device);
            }
            Err(error) => {
                tracing::debug!(error = %chain(&error), "No sound device");
                self.shared.absent.store(true, Ordering::Release);
                self.shared.set_device(None);
                if !self.told_none {
                    self.told_none = true;
                    tracing::info!("No sound device: the system clock keeps time");
                    self.shared.tell(OutputEvent::NoDevice);
                }
                self.shared.wake_system_thread();
            }
        }
    }

    fn close(&mut self) {
        self.shared.hand_over(self.sink, NO_SINK);
        self.shared.stalled.store(NO_SINK, Ordering::Release);
        if self.shared.failed.load(Ordering::Acquire) == self.sink {
            self.shared.set_device(None);
            self.shared.tell_lost();
        }
        self.sink += 1;
        self.device = None;
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
