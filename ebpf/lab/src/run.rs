//! The main path: parts, image, guests, checks, summary.

use crate::args::{Args, Verb};
use crate::boot::{self, BootError};
use crate::checks::{self, Host};
use crate::command::CommandError;
use crate::configuration::Configuration;
use crate::guest::scenario::Daemon;
use crate::image::{self, ImageError};
use crate::packages::{self, PackagesError, Parts};
use crate::programs;
use crate::summary::{Report, Summary};
use clap::Parser;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use thiserror::Error;

/// A check failed.
const FAILED: u8 = 1;

/// There was nothing to check.
const UNUSABLE: u8 = 2;

/// Why no guest was booted.
#[derive(Debug, Error)]
pub enum LabError {
    /// qemu or the kernel is not to be had.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// The programs under trial could not be built.
    #[error("the programs under trial cannot be built: {0}")]
    Programs(CommandError),
    /// The guest's file system could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A guest that was booted by hand gave nothing.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// Another lab uses the folder.
    #[error("another busdma-lab is at work in {0}")]
    Busy(PathBuf),
    /// The lab's folder cannot be used.
    #[error("{path}: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The result could not be printed.
    #[error("the result cannot be printed: {0}")]
    Print(#[from] io::Error),
}

/// Runs the command; the exit code is 0 if everything held, 1 if a check failed, and 2 if nothing could be checked.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(message) => {
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(UNUSABLE));
        }
    };
    match carry_out(&args) {
        Ok(code) => code,
        Err(LabError::Packages(error)) if args.skip => match print(&format!("skipped: {error}\n")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(UNUSABLE),
        },
        Err(error) => {
            let _ = writeln!(io::stderr(), "busdma-lab: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn carry_out(args: &Args) -> Result<ExitCode, LabError> {
    match &args.verb {
        None => check(&Configuration::ALL),
        Some(Verb::Run { configurations }) if configurations.is_empty() => check(&Configuration::ALL),
        Some(Verb::Run { configurations }) => check(configurations),
        Some(Verb::Boot { configuration }) => boot_by_hand(*configuration),
        Some(Verb::List) => list(),
        Some(Verb::Fetch) => fetch(),
    }
}

fn check(configurations: &[Configuration]) -> Result<ExitCode, LabError> {
    let lab = Lab::set_up()?;
    let mut summary = Summary::default();
    for &configuration in configurations {
        let report = match lab.boot(configuration) {
            Ok(booted) => {
                let folder = lab.folder_of(configuration);
                let host = Host { client: lab.client.as_deref(), folder: &folder };
                let checked = checks::check(configuration, lab.daemon, &booted.files, host);
                Report::checked(configuration, booted.took, checked)
            }
            Err(error) => Report::failed(configuration, &error),
        };
        print(&report.to_string())?;
        summary.add(report);
    }
    print(&summary.to_string())?;
    Ok(if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn boot_by_hand(configuration: Configuration) -> Result<ExitCode, LabError> {
    let lab = Lab::set_up()?;
    let booted = lab.boot(configuration)?;
    let shown = ["work.txt", crate::guest::FAILURE, "times.txt"];
    for file in booted.files.iter().filter(|file| shown.contains(&file.name.as_str())) {
        print(&String::from_utf8_lossy(&file.contents))?;
    }
    print(&format!("{:.1} s, files in {}\n", booted.took.as_secs_f64(), lab.folder_of(configuration).display()))?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<ExitCode, LabError> {
    for configuration in Configuration::ALL {
        let line = format!("{:<15} {}", configuration.name(), configuration.kernel_arguments());
        print(&format!("{}\n", line.trim_end()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch() -> Result<ExitCode, LabError> {
    let (folder, _lock) = open_folder()?;
    let cache = folder.join("cache");
    packages::forget_kernel(&cache).map_err(|source| LabError::Folder { path: cache.clone(), source })?;
    let parts = packages::obtain(&cache)?;
    print(&format!("{}\n{}\n", parts.qemu.display(), parts.kernel.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that guests are booted with.
struct Lab {
    folder: PathBuf,
    parts: Parts,
    image: PathBuf,
    daemon: Daemon,
    client: Option<PathBuf>,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl Lab {
    fn set_up() -> Result<Self, LabError> {
        let (folder, lock) = open_folder()?;
        let started = Instant::now();
        let parts = packages::obtain(&folder.join("cache"))?;
        let fetched = started.elapsed();
        let programs = programs::build().map_err(LabError::Programs)?;
        let image = folder.join("image.zst");
        image::write(&image, &parts.modules, &programs)?;
        let has_daemon = programs.iter().any(|program| program.ends_with(programs::DAEMON));
        let daemon = if has_daemon { Daemon::Present } else { Daemon::Absent };
        let client = programs.into_iter().find(|program| program.ends_with(programs::CLIENT));
        let packed = started.elapsed().saturating_sub(fetched);
        print(&format!(
            "parts {:.1} s, image {:.1} s, {}\n",
            fetched.as_secs_f64(),
            packed.as_secs_f64(),
            match daemon {
                Daemon::Present => "with the daemon",
                Daemon::Absent => "without the daemon, which is not built",
            }
        ))?;
        Ok(Self { folder, parts, image, daemon, client, _lock: lock })
    }

    fn folder_of(&self, configuration: Configuration) -> PathBuf {
        self.folder.join(configuration.name())
    }

    fn boot(&self, configuration: Configuration) -> Result<boot::Booted, BootError> {
        boot::boot(&self.parts, &self.image, configuration, &self.folder_of(configuration))
    }
}

/// `lab` in cargo's target folder, where this program lies too; nobody else uses it as long as the lock is held.
fn open_folder() -> Result<(PathBuf, File), LabError> {
    let folder = programs::target_folder().join("lab");
    fs::create_dir_all(&folder).map_err(|source| LabError::Folder { path: folder.clone(), source })?;
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(|source| LabError::Folder { path: path.clone(), source })?;
    match lock.try_lock() {
        Ok(()) => Ok((folder, lock)),
        Err(TryLockError::WouldBlock) => Err(LabError::Busy(folder)),
        Err(TryLockError::Error(source)) => Err(LabError::Folder { path, source }),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
