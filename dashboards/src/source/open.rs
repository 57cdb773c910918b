//! A file of any kind that can be watched like a daemon.

use super::Source;
use super::host_capture::HostCapture;
use super::recording::Recording;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use thiserror::Error;

/// What every frame of zstd begins with.
pub(super) const ZSTD_MAGIC: [u8; 4] = zstd::zstd_safe::MAGICNUMBER.to_le_bytes();

/// Bytes that tell what a file is.
const START_BYTES: u64 = 4096;

/// Why a file cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("{path}: no such file")]
    NotFound {
        /// Its path.
        path: String,
    },
    /// It cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why, in the system's words.
        why: String,
    },
    /// There is nothing in it.
    #[error("{path} is empty")]
    Empty {
        /// Its path.
        path: String,
    },
    /// It is no busdma-trace file.
    #[error("{path} is no recording: its first line is no header of busdma-trace version 1")]
    NotATrace {
        /// Its path.
        path: String,
    },
    /// It is nothing that tells of a host.
    #[error("{path} is neither a busdma-trace file nor a capture of a host: {why}")]
    NotACapture {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

impl OpenError {
    pub(super) fn of_io(path: &str, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Unreadable { path, why: error.to_string() },
        }
    }
}

/// Opens a recording, or an imported capture of a host: what it is shows in its first bytes. A directory is a capture of
/// a host if there is a `trace.txt` in it. Files compressed by zstd are taken whatever their name.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path) -> Result<Box<dyn Source>, OpenError> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Ok(Box::new(HostCapture::open(path)?));
    }
    let start = start_of(path).map_err(|error| OpenError::of_io(&name, &error))?;
    if start.is_empty() {
        return Err(OpenError::Empty { path: name });
    }
    let line = start.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let is_object = line.trim_ascii_start().starts_with(b"{");
    let of_host = memchr::memmem::find(line, b"\"busdma-host\"").is_some();
    if is_object && !of_host { Ok(Box::new(Recording::open(path)?)) } else { Ok(Box::new(HostCapture::open(path)?)) }
}

/// The beginning of a file's text.
fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut start)?;
    if start == ZSTD_MAGIC {
        start.clear();
        let read = zstd::Decoder::new(File::open(path)?)?.take(START_BYTES).read_to_end(&mut start);
        // What cannot be decompressed further on is told when the file is opened as what it seems to be.
        if start.is_empty() {
            read?;
        }
    } else {
        file.take(START_BYTES).read_to_end(&mut start)?;
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_says_why() {
        let check = |bytes: &[u8], expected: fn(&OpenError) -> bool| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let Err(error) = open(file.path()) else { panic!("{bytes:?} is opened") };
            assert!(expected(&error), "{bytes:?}: {error:?}");
        };
        let compressed = zstd::encode_all(&*b"{\"format\":\"busdma-trace\"}\n".repeat(100), 1).unwrap();
        check(b"", |error| matches!(error, OpenError::Empty { .. }));
        check(&zstd::encode_all(&b""[..], 1).unwrap(), |error| matches!(error, OpenError::Empty { .. }));
        check(&compressed[..10], |error| matches!(error, OpenError::Unreadable { .. }));
        check(b"nothing of the kind", |error| matches!(error, OpenError::NotACapture { .. }));
    }
}
