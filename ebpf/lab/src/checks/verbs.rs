//! What `busdma` on the host makes of the guest's files: the recording replayed, the trace correlated.

use super::Checked;
use super::probes::Answers;
use crate::command::{self, CommandError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// Why a verb gave nothing to check.
#[derive(Debug, Error)]
enum VerbError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("what it prints is not understood: {0}")]
    Output(#[from] serde_json::Error),
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
}

#[derive(Debug, Deserialize)]
struct Replayed {
    summary: Summary,
}

#[derive(Debug, Deserialize)]
struct Summary {
    operations: u64,
    differ: u64,
}

#[derive(Debug, Deserialize)]
struct Correlated {
    devices: Vec<CorrelatedDevice>,
}

#[derive(Debug, Deserialize)]
struct CorrelatedDevice {
    device: String,
    verdicts: BTreeMap<String, u64>,
}

/// Checks what `client` makes of the files in `folder`.
pub(super) fn check(client: &Path, folder: &Path, answers: &Answers) -> Vec<Checked> {
    let said = |says: &str, but: Result<Option<String>, VerbError>| Checked {
        says: says.to_owned(),
        but: but.unwrap_or_else(|error| Some(error.to_string())),
    };
    vec![
        said("the recording made in the guest replays with no difference", replay(client, folder)),
        said("the trace gives every device the verdicts that the probes gave it", correlate(client, folder, answers)),
    ]
}

fn replay(client: &Path, folder: &Path) -> Result<Option<String>, VerbError> {
    let parts = recordings(folder).map_err(|source| VerbError::Folder { path: folder.to_owned(), source })?;
    if parts.is_empty() {
        return Ok(Some("there is none".to_owned()));
    }
    let output = command::output_with(Command::new(client).args(["replay", "--format", "json"]).args(parts), &[0, 1])?;
    let Summary { operations, differ } = serde_json::from_str::<Replayed>(&output)?.summary;
    Ok((operations == 0 || differ > 0).then(|| format!("{differ} scenarios differ, of {operations} operations")))
}

fn recordings(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("record-")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn correlate(client: &Path, folder: &Path, answers: &Answers) -> Result<Option<String>, VerbError> {
    // 1 is its answer where mappings failed, as some should.
    let output = command::output_with(Command::new(client).args(["correlate", "--json"]).arg(folder), &[0, 1])?;
    let by_trace: BTreeMap<_, _> = serde_json::from_str::<Correlated>(&output)?
        .devices
        .into_iter()
        .map(|device| (device.device, device.verdicts))
        .collect();
    let by_probes = answers.verdicts_by_device();
    Ok((by_trace != by_probes).then(|| format!("the trace gives {by_trace:?}, the probes {by_probes:?}")))
}
