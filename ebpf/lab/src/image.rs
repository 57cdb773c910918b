//! The guest's first file system: this very program as its init, modules, and the programs to be tried.

pub mod newc;

use crate::command::{self, CommandError};
use newc::{Archive, FileMode, TooLarge};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// Modules that the guest loads by name, and where they lie below the kernel's module folder.
pub const MODULES: [(&str, &str); 1] = [("virtio_blk", "drivers/block/virtio_blk.ko.xz")];

/// Unpacking takes the guest longer than packing takes the host.
const COMPRESSION_LEVEL: i32 = 1;

/// Folders that the guest mounts on or writes to.
const FOLDERS: [&str; 6] = ["proc", "sys", "dev", "run", "tmp", "bin"];

/// Why there is no image.
#[derive(Debug, Error)]
pub enum ImageError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program of the machine was needed and failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A program's library is missing on this machine.
    #[error("{program} wants {library}, which this machine does not have")]
    NoLibrary {
        /// The program.
        program: PathBuf,
        /// The library's name.
        library: String,
    },
    /// A file is too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Writes the image to `path`: this program, the modules below `modules`, and `programs` into `/bin`.
///
/// # Errors
///
/// Files that cannot be read, and libraries that are not there.
pub fn write(path: &Path, modules: &Path, programs: &[PathBuf]) -> Result<(), ImageError> {
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.add_folder(folder);
    }
    let own = env::current_exe().map_err(|source| ImageError::File { path: "/proc/self/exe".into(), source })?;
    let mut wanted = BTreeSet::new();
    for (program, place) in places(&own, programs) {
        wanted.extend(libraries(&program)?);
        archive.add_file(&place, FileMode::Program, &stripped(&program, path)?)?;
    }
    for library in wanted {
        let inside = library.to_string_lossy().trim_start_matches('/').to_owned();
        archive.add_file(&inside, FileMode::Program, &read(&library)?)?;
    }
    for (name, place) in MODULES {
        archive.add_file(&format!("modules/{name}.ko.xz"), FileMode::Data, &read(&modules.join(place))?)?;
    }
    let file = |source| ImageError::File { path: path.to_owned(), source };
    let packed = zstd::bulk::compress(&archive.finish(), COMPRESSION_LEVEL).map_err(file)?;
    fs::write(path, packed).map_err(file)
}

fn places(own: &Path, programs: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let mut places = vec![(own.to_owned(), "init".to_owned())];
    for program in programs {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        places.push((program.clone(), format!("bin/{name}")));
    }
    places
}

/// The libraries of `program`, its loader among them, as this machine finds them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let text = command::output(Command::new("ldd").arg(program))?;
    parse_ldd(&text).map_err(|library| ImageError::NoLibrary { program: program.to_owned(), library })
}

/// The files that ldd's text names, or the library it did not find.
fn parse_ldd(text: &str) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for line in text.lines().map(str::trim) {
        let (name, found) = line.split_once(" => ").unwrap_or((line, line));
        if found.starts_with("not found") {
            return Err(name.to_owned());
        }
        if let Some(file) = found.split_whitespace().next().filter(|file| file.starts_with('/')) {
            files.push(PathBuf::from(file));
        }
    }
    Ok(files)
}

/// The program without its debugging information, which would fill the guest's memory.
fn stripped(program: &Path, beside: &Path) -> Result<Vec<u8>, ImageError> {
    let small = beside.with_extension("stripped");
    command::output(Command::new("strip").arg("-o").arg(&small).arg(program))?;
    let bytes = read(&small)?;
    fs::remove_file(&small).map_err(|source| ImageError::File { path: small, source })?;
    Ok(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    fs::read(path).map_err(|source| ImageError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_says() {
        let check = |text: &str, expected: Result<&[&str], &str>| {
            let expected = expected.map(|files| files.iter().map(PathBuf::from).collect()).map_err(str::to_owned);
            assert_eq!(parse_ldd(text), expected);
        };
        let usual = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                     \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        check(usual, Ok(&["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]));
        check("\tstatically linked\n", Ok(&[]));
        check("\tlibelf.so.1 => not found\n", Err("libelf.so.1"));
    }
}
