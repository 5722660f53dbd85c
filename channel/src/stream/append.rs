//! Order of commands and media within one stream.
//!
//! Owner: the device keeps one per stream; the session host's scheduler keeps one too, so
//! that it never queues what the device would refuse.
//!
//! ```text
//!          Append{bytes}            media, the last
//! Between ──────────────▶ Inside ───────────────────▶ Between
//!   │ ▲                    │ ▲
//!   └─┘ other commands     └─┘ media
//! ```
//!
//! Nothing is collected here: media can go on to the demuxer piece by piece.

use crate::message::StreamCommand;

/// Largest append in bytes. Browsers' own limits lie below it.
pub const MAX_APPEND: u32 = 256 << 20;

/// Where the stream is after a command or a piece of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Between two appends.
    Between,
    /// Inside append `seq`; `remaining` bytes of it are still to come.
    Inside { seq: u32, remaining: u32 },
    /// Append `seq` is whole with this piece (or with its command, if it is empty).
    Whole { seq: u32 },
}

/// The stream is out of order and cannot go on. The other streams can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("command while append {seq} lacks {remaining} bytes")]
    CommandInsideAppend { seq: u32, remaining: u32 },
    #[error("{bytes} bytes of media without an append")]
    MediaWithoutAppend { bytes: usize },
    #[error("{bytes} bytes of media where append {seq} has {remaining} left")]
    TooMuchMedia { seq: u32, remaining: u32, bytes: usize },
    #[error("append of {bytes} bytes exceeds {MAX_APPEND}")]
    TooLarge { bytes: u32 },
    #[error("the stream failed before")]
    Failed,
}

/// Follows one stream and refuses what is out of order.
#[derive(Clone, Debug, Default)]
pub struct AppendAssembler {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Between,
    /// INVARIANT: `remaining` is not 0.
    Inside {
        seq: u32,
        remaining: u32,
    },
    Failed,
}

impl AppendAssembler {
    /// Whether the stream stands between two appends, so that a command may come.
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Takes the stream's next command.
    ///
    /// # Errors
    /// A command inside an append, or an append over [`MAX_APPEND`]. Final.
    pub fn command(&mut self, command: &StreamCommand) -> Result<Step, AppendError> {
        match self.state {
            State::Between => {}
            State::Inside { seq, remaining } => {
                return self.fail(AppendError::CommandInsideAppend { seq, remaining });
            }
            State::Failed => return Err(AppendError::Failed),
        }
        match *command {
            StreamCommand::Append { bytes, .. } if MAX_APPEND < bytes => {
                self.fail(AppendError::TooLarge { bytes })
            }
            StreamCommand::Append { seq, bytes: 0, .. } => Ok(Step::Whole { seq }),
            StreamCommand::Append { seq, bytes: remaining, .. } => {
                self.state = State::Inside { seq, remaining };
                Ok(Step::Inside { seq, remaining })
            }
            StreamCommand::Abort
            | StreamCommand::Remove { .. }
            | StreamCommand::ChangeType { .. }
            | StreamCommand::EndOfStream { .. } => Ok(Step::Between),
        }
    }

    /// Takes the stream's next `bytes` bytes of media.
    ///
    /// # Errors
    /// No append is under way, or it is shorter. Final.
    pub fn media(&mut self, bytes: usize) -> Result<Step, AppendError> {
        let (seq, remaining) = match self.state {
            State::Inside { seq, remaining } => (seq, remaining),
            State::Between => return self.fail(AppendError::MediaWithoutAppend { bytes }),
            State::Failed => return Err(AppendError::Failed),
        };
        match u32::try_from(bytes).ok().and_then(|bytes| remaining.checked_sub(bytes)) {
            None => self.fail(AppendError::TooMuchMedia { seq, remaining, bytes }),
            Some(0) => {
                self.state = State::Between;
                Ok(Step::Whole { seq })
            }
            Some(remaining) => {
                self.state = State::Inside { seq, remaining };
                Ok(Step::Inside { seq, remaining })
            }
        }
    }

    fn fail(&mut self, error: AppendError) -> Result<Step, AppendError> {
        self.state = State::Failed;
        Err(error)
    }
}
