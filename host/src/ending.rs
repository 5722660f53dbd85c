//! Being asked to end: by a person at the terminal or by the system.

/// Waits for it.
#[derive(Debug)]
pub(crate) struct Ending {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    signals: (tokio::signal::windows::CtrlC, tokio::signal::windows::CtrlShutdown),
}

impl Ending {
    #[cfg(unix)]
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
        Ok(Self { signals })
    }

    #[cfg(windows)]
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_shutdown};
        Ok(Self { signals: (ctrl_c()?, ctrl_shutdown()?) })
    }

    /// Cancel safe.
    pub(crate) async fn asked(&mut self) {
        #[cfg(unix)]
        let [first, second] = &mut self.signals;
        #[cfg(windows)]
        let (first, second) = &mut self.signals;
        tokio::select! {
            _ = first.recv() => {}
            _ = second.recv() => {}
        }
    }
}
