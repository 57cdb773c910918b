//! Archives in the "new ASCII" cpio format, the one that Linux unpacks as its first file system.
//!
//! The layout is the kernel's: `Documentation/driver-api/early-userspace/buffer-format.rst`.

use std::collections::BTreeSet;
use thiserror::Error;

const MAGIC: &str = "070701";
const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const TRAILER: &str = "TRAILER!!!";
const ALIGNMENT: usize = 4;

/// Who may run a file of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileMode {
    /// Mode 0755.
    Program,
    /// Mode 0644.
    Data,
}

/// A file that no newc header can describe.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{path} has {len} bytes, more than the {} a cpio header can tell", u32::MAX)]
pub struct TooLarge {
    /// Where the file was to go.
    pub path: String,
    /// Its length in bytes.
    pub len: usize,
}

/// An archive being made. Folders on the way to a file are added by themselves.
#[derive(Default, Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    /// Adds the folder `path`, relative to the root, and those above it; does nothing where it is there already.
    pub fn add_folder(&mut self, path: &str) {
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let folder = &path[..end];
            if !folder.is_empty() && self.folders.insert(folder.to_owned()) {
                self.add_entry(folder, DIRECTORY, 0, &[]);
            }
        }
    }

    /// Adds a file at `path`, relative to the root.
    ///
    /// # Errors
    ///
    /// A file of 4 GiB or more.
    pub fn add_file(&mut self, path: &str, mode: FileMode, contents: &[u8]) -> Result<(), TooLarge> {
        let len = u32::try_from(contents.len()).map_err(|_| TooLarge { path: path.to_owned(), len: contents.len() })?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.add_folder(folder);
        }
        let permissions = match mode {
            FileMode::Program => 0o755,
            FileMode::Data => 0o644,
        };
        self.add_entry(path, REGULAR | permissions, len, contents);
        Ok(())
    }

    /// The whole archive.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.add_entry(TRAILER, 0, 0, &[]);
        self.bytes
    }

    fn add_entry(&mut self, name: &str, mode: u32, len: u32, contents: &[u8]) {
        self.entries += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        let name_len = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        // In this order: inode, mode, user, group, links, time, length, device (2), node's device (2), name's length, sum.
        let fields = [self.entries, mode, 0, 0, links, 0, len, 0, 0, 0, 0, name_len, 0];
        self.bytes.extend_from_slice(MAGIC.as_bytes());
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, mode and contents of each entry, read as the format's description says.
    fn entries(mut archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let field = |header: &[u8], index: usize| {
            let digits = std::str::from_utf8(&header[6 + 8 * index..][..8]).unwrap();
            u32::from_str_radix(digits, 16).unwrap()
        };
        let mut found = Vec::new();
        while !archive.is_empty() {
            assert_eq!(&archive[..6], b"070701");
            let (name_len, len) = (field(archive, 11) as usize, field(archive, 6) as usize);
            let data = (110 + name_len).next_multiple_of(4);
            let name = String::from_utf8(archive[110..110 + name_len - 1].to_vec()).unwrap();
            assert_eq!(archive[110 + name_len - 1], 0, "the name of {name} has no end");
            found.push((name, field(archive, 1), archive[data..data + len].to_vec()));
            archive = &archive[(data + len).next_multiple_of(4)..];
        }
        found
    }

    #[test]
    fn folders_come_once_and_before_what_is_in_them() {
        let mut archive = Archive::default();
        archive.add_file("init", FileMode::Program, b"abcde").unwrap();
        archive.add_file("lib/x/y.so", FileMode::Data, b"").unwrap();
        archive.add_folder("lib/x");
        archive.add_folder("proc");
        let found = entries(&archive.finish());
        let listed: Vec<_> = found.iter().map(|(name, mode, data)| (name.as_str(), *mode, data.len())).collect();
        let expected = [
            ("init", 0o100_755, 5),
            ("lib", 0o040_755, 0),
            ("lib/x", 0o040_755, 0),
            ("lib/x/y.so", 0o100_644, 0),
            ("proc", 0o040_755, 0),
            ("TRAILER!!!", 0, 0),
        ];
        assert_eq!(listed, expected);
    }
}
