//! What is on the screen, as a file.

use crate::app::{App, ExportKind};
use crate::once::{self, Size};
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Files of one second at most.
const SAME_SECOND_MAX: u32 = 100;

/// Why there is no file.
#[derive(Debug, Error)]
pub enum ExportError {
    /// There is nothing on the screen yet.
    #[error("there is nothing to write yet")]
    NothingShown,
    /// The system refuses.
    #[error("cannot write {}: {why}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// Writes what `app` shows into a new file in `directory`, `busdma-top-<UTC time>.txt` or `.json`: as text as large as the
/// screen, or the frame as JSON. A file that is there already stays as it is: the new one gets a number.
///
/// # Errors
/// [`ExportError`].
pub fn write(
    directory: &Path,
    now: Timestamp,
    app: &mut App,
    kind: ExportKind,
    size: Size,
) -> Result<PathBuf, ExportError> {
    let (contents, extension) = match kind {
        ExportKind::Text => (once::text(app, size), "txt"),
        ExportKind::Json => (once::json(app.frame().ok_or(ExportError::NothingShown)?), "json"),
    };
    write_new(directory, now, extension, &contents)
}

fn write_new(directory: &Path, now: Timestamp, extension: &str, contents: &str) -> Result<PathBuf, ExportError> {
    let stem = format!("busdma-top-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let mut nth = 1;
    loop {
        let name = if nth == 1 { format!("{stem}.{extension}") } else { format!("{stem}-{nth}.{extension}") };
        let path = directory.join(name);
        match File::create_new(&path).and_then(|file| fill(&path, file, contents)) {
            Ok(()) => return Ok(path),
            Err(why) if why.kind() == ErrorKind::AlreadyExists && nth < SAME_SECOND_MAX => nth += 1,
            Err(why) => return Err(ExportError::Refused { path, why }),
        }
    }
}

/// Writes all of it, or leaves no file there: one that holds a part would be taken for the whole.
fn fill(path: &Path, mut file: impl Write, contents: &str) -> io::Result<()> {
    file.write_all(contents.as_bytes()).inspect_err(|_| {
        // What went wrong first is what is told.
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_there_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-22T06:47:46.5Z".parse().unwrap();
        let written = ["one", "two", "three"].map(|contents| write_new(dir.path(), now, "txt", contents).unwrap());
        let names = written.each_ref().map(|path| path.file_name().unwrap().to_str().unwrap());
        let expected = ["", "-2", "-3"].map(|number| format!("busdma-top-20261122T064746Z{number}.txt"));
        assert_eq!(names, expected.each_ref().map(String::as_str));
        assert_eq!(written.map(|path| fs::read_to_string(path).unwrap()), ["one", "two", "three"]);
    }

    #[test]
    fn a_part_of_a_file_does_not_stay() {
        /// A file on a disk that gets full.
        struct Full(File);

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                match self.0.metadata()?.len() {
                    0 => self.0.write(&bytes[..2]),
                    _ => Err(ErrorKind::StorageFull.into()),
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                self.0.flush()
            }
        }

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("frame.json");
        let refused = fill(&path, Full(File::create_new(&path).unwrap()), "{\"t_ns\": 5}").unwrap_err();
        assert_eq!((refused.kind(), path.exists()), (ErrorKind::StorageFull, false));
    }

    #[test]
    fn why_there_is_no_file() {
        let error = write_new(Path::new("/proc/not/there"), Timestamp::UNIX_EPOCH, "json", "{}").unwrap_err();
        let expected = "cannot write /proc/not/there/busdma-top-19700101T000000Z.json: No such file or directory";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
