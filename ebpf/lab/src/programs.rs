//! The programs under trial: built like the lab itself, and found beside it.

use crate::command::{self, CommandError};
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The daemon's program; the scenario starts it where the image has it.
pub const DAEMON: &str = "busdmad";

/// The command that asks the daemon, and that reads on the host what guests hand over.
pub const CLIENT: &str = "busdma";

/// Cargo package and program of everything that the guest gets beside its init.
const PROGRAMS: [(&str, &str); 2] = [("busdmad", DAEMON), ("busdma", CLIENT)];

/// Builds the programs with the cargo that runs the lab, and gives those that lie beside the lab.
///
/// Without a cargo, what lies there is taken as it is.
///
/// # Errors
///
/// A build that fails.
pub fn build() -> Result<Vec<PathBuf>, CommandError> {
    if let Some(cargo) = env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--target-dir"]).arg(target_folder());
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
            command.current_dir(package);
        }
        for (package, _) in PROGRAMS {
            command.args(["--package", package]);
        }
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        command::output(&mut command)?;
    }
    Ok(beside_the_lab())
}

/// Cargo's target folder, in which this very program lies two folders down.
pub fn target_folder() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

fn beside_the_lab() -> Vec<PathBuf> {
    let own = env::current_exe().unwrap_or_default();
    let folder = own.parent().map(PathBuf::from).unwrap_or_default();
    PROGRAMS.iter().map(|(_, program)| folder.join(program)).filter(|program| program.is_file()).collect()
}
