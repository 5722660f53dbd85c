//! `--actions FILE`: what the page does at which moment, for tests and demonstrations.

use anyhow::Context as _;
use serde::Deserialize;
use std::path::Path;

/// Most actions in one file.
const MAX_ACTIONS: usize = 10_000;

/// One entry, e.g. `{"at_ms": 2000, "do": "seek", "to_ms": 7000}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Timed {
    /// Since playing began, in milliseconds.
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Action {
    Play,
    Pause,
    Seek {
        to_ms: u64,
    },
    Rate {
        rate: f64,
        #[serde(default = "yes")]
        preserves_pitch: bool,
    },
    Volume {
        volume: f64,
        #[serde(default)]
        muted: bool,
    },
    Loop {
        enabled: bool,
    },
    /// Ends the stage process, as a crash would.
    KillStage,
    /// Damages the next segment that is appended.
    CorruptNextAppend,
}

fn yes() -> bool {
    true
}

/// Reads and checks the file; sorted by time.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Timed>> {
    let text =
        std::fs::read(path).with_context(|| format!("read the actions from {}", path.display()))?;
    parse(&text).with_context(|| format!("understand the actions in {}", path.display()))
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<Timed>> {
    let mut actions: Vec<Timed> = serde_json::from_slice(text)?;
    anyhow::ensure!(actions.len() <= MAX_ACTIONS, "more than {MAX_ACTIONS} actions");
    for Timed { at_ms, action } in &actions {
        match action {
            Action::Rate { rate, .. } => anyhow::ensure!(
                (0.25..=4.0).contains(rate),
                "the rate at {at_ms} ms is not between 0.25 and 4"
            ),
            Action::Volume { volume, .. } => anyhow::ensure!(
                (0.0..=1.0).contains(volume),
                "the volume at {at_ms} ms is not between 0 and 1"
            ),
            _ => {}
        }
    }
    actions.sort_by_key(|timed| timed.at_ms);
    Ok(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_form_in_order() {
        let text = br#"[{"at_ms":5000,"do":"kill-stage"},{"at_ms":2000,"do":"seek","to_ms":7000}]"#;
        let seek = Timed { at_ms: 2000, action: Action::Seek { to_ms: 7000 } };
        let kill = Timed { at_ms: 5000, action: Action::KillStage };
        assert_eq!(parse(text).unwrap(), [seek, kill]);
    }

    #[test]
    fn says_what_is_wrong() {
        for bad in [
            r#"{"at_ms":1}"#,
            r#"[{"at_ms":1,"do":"fly"}]"#,
            r#"[{"at_ms":1,"do":"rate","rate":9}]"#,
            r#"[{"at_ms":1,"do":"volume","volume":-0.5}]"#,
            r#"[{"at_ms":-1,"do":"play"}]"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
