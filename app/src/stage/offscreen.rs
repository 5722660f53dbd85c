//! The stage's loop without windows: pictures are drawn off-screen at the times they are due.

use super::input::Input;
use super::troupe::{Troupe, backend};
use super::view::{View, fitting};
use super::waker::Waker;
use super::{Start, translate};
use nearside::stage_link::FromStage;
use nearside::status::Placement;
use nearside_channel::message::Reason;
use nearside_media::render::Gpu;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// A display that is not there refreshes 60 times a second.
const INTERVAL: Duration = Duration::from_nanos(16_666_667);

/// A screen that is not there is this large, in pixels.
const SCREEN: (u32, u32) = (1280, 720);

/// Runs until the agent goes.
pub(crate) fn run(
    start: Start,
    inputs: &Receiver<Input>,
    waker: &Arc<Waker>,
    warning: Option<Reason>,
) -> anyhow::Result<()> {
    let gpu = match Gpu::open(backend(start.options.renderer)) {
        Ok(gpu) => gpu,
        Err(error) => {
            start.outbox.send(&FromStage::Failed { reason: translate::render_error(&error) });
            anyhow::bail!(error);
        }
    };
    let window = start.options.window;
    let mut troupe = Troupe::new(start, &gpu, waker, warning)?;
    let captions = Arc::clone(&troupe.captions);
    loop {
        waker.lower();
        if !troupe.take_inputs(inputs, Instant::now()) {
            return Ok(());
        }
        let wake = troupe.act(INTERVAL, |entry, frame, settings| {
            let now = Instant::now();
            let overlay =
                entry.overlay(settings.video_outlines, settings.video_status_overlay, now);
            let view = match (&mut entry.view, &frame) {
                (Some(view), _) => view,
                (None, Some(frame)) => {
                    let size =
                        window.unwrap_or_else(|| fitting(frame.format().display_size(), SCREEN));
                    entry.view.insert(View::offscreen(&gpu, size, &captions)?)
                }
                (None, None) => return Ok(None),
            };
            view.keep(frame);
            view.show(&overlay)?;
            entry.put(Placement::Offscreen, now);
            Ok(Some(Instant::now()))
        });
        waker.wait(wake);
    }
}
