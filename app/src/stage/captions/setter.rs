//! The thread that draws letters, and where its pictures are taken from.

use super::letters::Fonts;
use super::{Block, Wanted};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Players whose captions wait at once; more of them wait for the next picture.
const QUEUE: usize = 64;

/// Draws the captions of all of the stage's players. Its thread begins with the first ones.
pub(crate) struct Setter {
    queue: OnceLock<Option<SyncSender<Arc<Slot>>>>,
    is_done: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// One player's captions.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    /// What the thread shall draw, the newest only.
    wanted: Option<Wanted>,
    /// What it has drawn and nobody has taken.
    drawn: Option<(Wanted, Vec<Block>)>,
}

impl Slot {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was drawn since the last call.
    pub(crate) fn take(&self) -> Option<(Wanted, Vec<Block>)> {
        self.work().drawn.take()
    }
}

impl Setter {
    /// `wake` is called when captions were drawn.
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { queue: OnceLock::new(), is_done: Arc::default(), wake: Arc::new(wake) }
    }

    /// Whether something was drawn since the last call.
    pub(crate) fn take_done(&self) -> bool {
        self.is_done.swap(false, Ordering::AcqRel)
    }

    /// Asks for captions in place of those asked for before. False: too many wait, ask again.
    pub(crate) fn ask(&self, slot: &Arc<Slot>, wanted: Wanted) -> bool {
        let waits = slot.work().wanted.replace(wanted).is_some();
        let Some(queue) = self.queue.get_or_init(|| self.start()) else { return true };
        if waits {
            return true;
        }
        match queue.try_send(Arc::clone(slot)) {
            Ok(()) => true,
            Err(TrySendError::Full(slot)) => {
                slot.work().wanted = None;
                false
            }
            // It has failed, and said so.
            Err(TrySendError::Disconnected(_)) => true,
        }
    }

    fn start(&self) -> Option<SyncSender<Arc<Slot>>> {
        let (queue, waiting) = sync_channel(QUEUE);
        let (is_done, wake) = (Arc::clone(&self.is_done), Arc::clone(&self.wake));
        let thread = std::thread::Builder::new().name("captions".to_owned());
        match thread.spawn(move || run(&waiting, &is_done, &*wake)) {
            Ok(_) => Some(queue),
            Err(error) => {
                tracing::warn!(%error, "no thread for captions");
                None
            }
        }
    }
}

/// Until the setter is dropped.
fn run(waiting: &Receiver<Arc<Slot>>, is_done: &AtomicBool, wake: &dyn Fn()) {
    let mut fonts = Fonts::load();
    while let Ok(slot) = waiting.recv() {
        let Some(wanted) = slot.work().wanted.take() else { continue };
        let blocks = fonts.draw(&wanted);
        slot.work().drawn = Some((wanted, blocks));
        is_done.store(true, Ordering::Release);
        wake();
    }
}
