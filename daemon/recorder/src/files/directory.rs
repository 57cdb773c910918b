//! A recording's directory. It is held open, and everything in it is reached through it: no symbolic link is followed, so
//! that whoever names a recording cannot lead it elsewhere.

use super::PartName;
use crate::path::{COMPONENTS_MAX, RecordingPath};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fsync, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// The directory of a recording.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
}

/// A trace file that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) name: PartName,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

impl Directory {
    /// Opens a directory inside `root`, and makes what is missing of it. `root` itself has to exist and may be reached
    /// through symbolic links.
    pub(crate) fn open(root: &Path, inside: Option<&RecordingPath>) -> io::Result<Self> {
        let mut fd = open_root(root)?;
        for component in inside.into_iter().flat_map(RecordingPath::components) {
            match mkdirat(&fd, component, Mode::from_raw_mode(DIRECTORY_MODE)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            fd = open_directory(&fd, component)?;
        }
        Ok(Self { fd })
    }

    /// Makes a new file, which did not exist.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.fd, name, flags, Mode::from_raw_mode(FILE_MODE))?;
        // Else the name could be missing after a power failure although the bytes are there.
        fsync(&self.fd)?;
        Ok(File::from(file))
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// The trace files in it.
    pub(crate) fn parts(&self) -> io::Result<Vec<Found>> {
        let mut parts = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_str().ok().and_then(PartName::parse);
            let Some(name) = name else { continue };
            if let Some(file) = Stat::of(&self.fd, entry.file_name())?.filter(Stat::is_file) {
                parts.push(Found { name, bytes: file.bytes, modified: file.modified });
            }
        }
        Ok(parts)
    }
}

/// Bytes in all files below a directory, as deep as recordings can lie.
pub(crate) fn bytes_below(root: &Path) -> io::Result<u64> {
    bytes_in(&open_root(root)?, COMPONENTS_MAX)
}

fn bytes_in(directory: impl AsFd, depth: usize) -> io::Result<u64> {
    let mut bytes = 0_u64;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Some(stat) = Stat::of(&directory, name)? else { continue };
        match stat.kind {
            FileType::RegularFile => bytes = bytes.saturating_add(stat.bytes),
            FileType::Directory if depth > 0 => {
                if let Ok(inner) = open_directory(&directory, name) {
                    bytes = bytes.saturating_add(bytes_in(inner, depth - 1)?);
                }
            }
            _ => {}
        }
    }
    Ok(bytes)
}

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn open_directory(inside: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(inside, name, flags, Mode::empty())?)
}

/// What is known of a directory entry.
#[derive(Clone, Copy, Debug)]
struct Stat {
    kind: FileType,
    bytes: u64,
    modified: SystemTime,
}

impl Stat {
    /// `None` when it is no longer there.
    fn of(directory: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Option<Self>> {
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or_default());
        Ok(Some(Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: UNIX_EPOCH + seconds,
        }))
    }

    fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, bytes_below};
    use crate::path::RecordingPath;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn directories_are_made_and_counted() {
        let root = tempfile::tempdir().unwrap();
        let path = RecordingPath::parse("a/b").unwrap();
        let directory = Directory::open(root.path(), Some(&path)).unwrap();
        let name = "m-20261122T000000Z-0001.jsonl";
        directory.create(name).unwrap().write_all(b"12345").unwrap();
        assert_eq!(directory.create(name).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        fs::write(root.path().join("a/other"), b"678").unwrap();
        symlink("/etc/passwd", root.path().join("link")).unwrap();
        assert_eq!(bytes_below(root.path()).unwrap(), 8);
        let parts = Directory::open(root.path(), Some(&path)).unwrap().parts().unwrap();
        assert_eq!(
            parts.iter().map(|found| (found.name.to_string(), found.bytes)).collect::<Vec<_>>(),
            [(name.to_owned(), 5)]
        );
        directory.remove(name).unwrap();
        assert_eq!(directory.parts().unwrap().len(), 0);
    }

    #[test]
    fn links_lead_nowhere() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), root.path().join("out")).unwrap();
        for path in ["out", "out/deeper"] {
            let path = RecordingPath::parse(path).unwrap();
            assert!(Directory::open(root.path(), Some(&path)).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        let directory = Directory::open(root.path(), None).unwrap();
        symlink(outside.path().join("x"), root.path().join("m-20261122T000000Z-0001.jsonl")).unwrap();
        assert!(directory.create("m-20261122T000000Z-0001.jsonl").is_err());
        assert_eq!(directory.parts().unwrap().len(), 0);
    }
}
