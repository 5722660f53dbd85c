//! Where the programs under test are.
//!
//! Beside the test itself, as a build of the whole workspace puts them; `NEARSIDE_PROGRAMS`
//! names another folder, e.g. of a package. A test runner builds only what tests link, so
//! programs that are missing are built here, once.

use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const PROGRAMS: [&str; 5] =
    ["nearside", "nearside-demo", "nearside-host", "nearside-panel", "nearside-stage"];

/// The path of a program of the workspace.
///
/// # Errors
/// It is not there and cannot be built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = match FOLDER.get() {
        Some(folder) => folder,
        None => {
            let found = folder()?;
            FOLDER.get_or_init(|| found)
        }
    };
    Ok(folder.join(name))
}

fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("NEARSIDE_PROGRAMS").map(PathBuf::from) {
        ensure!(has_all(&folder), "{} lacks a program", folder.display());
        return Ok(folder);
    }
    // target/debug/deps/scenarios-0123: two up.
    let test = std::env::current_exe().context("find the running test")?;
    let folder = test.ancestors().nth(2).context("the test lies in no target folder")?.to_owned();
    if !has_all(&folder) {
        build(&folder)?;
        ensure!(has_all(&folder), "the build put no programs into {}", folder.display());
    }
    Ok(folder)
}

fn has_all(folder: &Path) -> bool {
    PROGRAMS.iter().all(|name| folder.join(name).is_file())
}

/// With the features of the whole workspace, so that no dependency is compiled twice.
fn build(folder: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command.args(["build", "--workspace", "--bins", "--all-features", "--locked"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    if folder.file_name().is_some_and(|profile| profile == "release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    let status = command.status().context("run cargo to build the programs")?;
    ensure!(status.success(), "the programs cannot be built: run tests/run.sh");
    Ok(())
}
