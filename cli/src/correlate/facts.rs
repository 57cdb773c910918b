//! What is known of the host: from a capture itself, from the files beside a trace, and from options.

use super::input::Input;
use crate::args::CorrelateArgs;
use anyhow::Context;
use busdma_host::limits::{BouncePool, FactError, Facts};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// All of it, later sources over earlier ones.
pub(super) fn gather(args: &CorrelateArgs, inputs: &[Input]) -> anyhow::Result<Facts> {
    let mut facts = Facts::default();
    for input in inputs {
        input.facts_into(&mut facts)?;
    }
    for directory in args.files.iter().filter(|path| path.is_dir()) {
        read_directory(&mut facts, directory)?;
    }
    if let Some(path) = &args.cmdline {
        facts.host.read_command_line(&read(path)?);
    }
    for path in &args.pci {
        understood(path, facts.read_devices(&read(path)?))?;
    }
    for path in &args.queue {
        understood(path, facts.read_queues(&read(path)?))?;
    }
    if let Some(path) = &args.swiotlb {
        understood(path, facts.host.read_swiotlb_files(&read(path)?))?;
    }
    for option in &args.device {
        facts.read_option(option).with_context(|| format!("--device {option}"))?;
    }
    Ok(facts)
}

fn read_directory(facts: &mut Facts, directory: &Path) -> anyhow::Result<()> {
    let (cmdline, pci) = (directory.join("cmdline.txt"), directory.join("pci.txt"));
    let (queue, swiotlb) = (directory.join("queue.txt"), directory.join("swiotlb.txt"));
    if let Some(text) = read_if_there(&cmdline)? {
        facts.host.read_command_line(&text);
    }
    if let Some(text) = read_if_there(&pci)? {
        understood(&pci, facts.read_devices(&text))?;
    }
    if let Some(text) = read_if_there(&queue)? {
        understood(&queue, facts.read_queues(&text))?;
    }
    match read_if_there(&swiotlb)? {
        Some(text) => understood(&swiotlb, facts.host.read_swiotlb_files(&text))?,
        None => facts.host.pool = BouncePool::Absent,
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read_if_there(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read(path).map(Some),
    }
}

fn understood(path: &Path, read: Result<(), FactError>) -> anyhow::Result<()> {
    read.with_context(|| path.display().to_string())
}
