//! One file of a recording while it is written.
//!
//! Lines are gathered and written many at a time, whole lines only; compressed, each such piece is a zstd frame of its own.
//! So a file is readable up to the last piece whenever the daemon dies.

use super::{Directory, PartName, Quota};
use crate::error::RecorderFinding;
use crate::status::Counters;
use busdma_trace::TraceWriter;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Bytes of lines after which they are written.
const PIECE_BYTES: usize = 256 << 10;

/// Compression level: quick, and on lines of operations as good as level 3: a tenth of the size.
const ZSTD_LEVEL: i32 = 1;

/// How files are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub enum Compression {
    /// As text.
    #[default]
    None,
    /// Compressed by zstd; the name ends in `.zst`.
    Zstd,
}

impl Compression {
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Zstd => ".zst",
        }
    }
}

/// One file being written.
pub(crate) struct Part {
    name: String,
    file: File,
    compressor: Option<Compressor<'static>>,
    frame: Vec<u8>,
    /// Lines that are not written yet.
    pub(crate) lines: TraceWriter<Vec<u8>>,
    /// How many of them are operations.
    unwritten: u64,
    unsynced: Unsynced,
    operations: u64,
    bytes: u64,
    header_bytes: u64,
    opened: Instant,
}

/// Whether a crash of the host could still lose bytes that were written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unsynced {
    Nothing,
    Something,
}

impl Part {
    /// Makes the file.
    pub(crate) fn create(directory: &Directory, name: &PartName, now: Instant) -> Result<Self, CreateError> {
        let (compression, name) = (name.compression, name.to_string());
        let finding = |error| CreateError::Finding(RecorderFinding::of_create(&name, error));
        let file = directory.create(&name).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CreateError::Exists,
            _ => finding(error),
        })?;
        let compressor = match compression {
            Compression::None => None,
            Compression::Zstd => Some(Compressor::new(ZSTD_LEVEL).map_err(finding)?),
        };
        Ok(Self::of_file(name, file, compressor, now))
    }

    fn of_file(name: String, file: File, compressor: Option<Compressor<'static>>, now: Instant) -> Self {
        Self {
            name,
            file,
            compressor,
            frame: Vec::new(),
            lines: TraceWriter::new(Vec::new()),
            unwritten: 0,
            unsynced: Unsynced::Nothing,
            operations: 0,
            bytes: 0,
            header_bytes: 0,
            opened: now,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its name, and the lines that are not written yet.
    pub(crate) fn name_and_lines(&mut self) -> (&str, &mut TraceWriter<Vec<u8>>) {
        (&self.name, &mut self.lines)
    }

    /// Operations in it, also those not written yet.
    pub(crate) fn operations(&self) -> u64 {
        self.operations
    }

    /// Bytes written since its first header.
    pub(crate) fn bytes_of_operations(&self) -> u64 {
        self.bytes - self.header_bytes
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// An operation's line was added to `lines`.
    pub(crate) fn count_operation(&mut self) {
        self.unwritten += 1;
        self.operations += 1;
    }

    /// Whether enough lines have gathered, the more so with `bytes_max`.
    pub(crate) fn is_piece(&mut self, bytes_max: usize) -> bool {
        self.lines.get_mut().len() >= PIECE_BYTES.min(bytes_max)
    }

    /// Writes the first header, so that its size does not count.
    pub(crate) fn write_header(&mut self, quota: &mut Quota, counters: &Counters) -> Result<(), RecorderFinding> {
        self.write(quota, counters)?;
        self.header_bytes = self.bytes;
        Ok(())
    }

    /// Writes the lines gathered so far. Lines that cannot be written are lost and counted, and the file ends with the
    /// lines before them.
    pub(crate) fn write(&mut self, quota: &mut Quota, counters: &Counters) -> Result<(), RecorderFinding> {
        if self.lines.get_mut().is_empty() {
            return Ok(());
        }
        let operations = std::mem::take(&mut self.unwritten);
        let written = self.write_lines(quota);
        self.lines.get_mut().clear();
        match &written {
            Ok(bytes) => counters.count_written(operations, *bytes),
            Err(_) => counters.count_dropped(operations),
        }
        written.map(|_| ())
    }

    fn write_lines(&mut self, quota: &mut Quota) -> Result<u64, RecorderFinding> {
        let finding = |error| RecorderFinding::of_write(&self.name, error);
        let (text, frame) = (self.lines.get_mut(), &mut self.frame);
        let piece = match &mut self.compressor {
            None => text,
            Some(compressor) => {
                frame.clear();
                frame.reserve(compress_bound(text.len()));
                compressor.compress_to_buffer(&text[..], frame).map_err(finding)?;
                frame
            }
        };
        let bytes = piece.len() as u64;
        quota.charge(bytes)?;
        if let Err(error) = self.file.write_all(piece) {
            // Best effort: the file ends with a whole piece again.
            if self.file.set_len(self.bytes).is_ok() {
                quota.refund(bytes);
            }
            return Err(finding(error));
        }
        self.bytes += bytes;
        self.unsynced = Unsynced::Something;
        Ok(bytes)
    }

    /// Writes the lines gathered so far and waits until the disk has them.
    pub(crate) fn sync(&mut self, quota: &mut Quota, counters: &Counters) -> Result<(), RecorderFinding> {
        self.write(quota, counters)?;
        if self.unsynced == Unsynced::Something {
            self.file.sync_data().map_err(|error| RecorderFinding::of_write(&self.name, error))?;
            self.unsynced = Unsynced::Nothing;
        }
        Ok(())
    }

    /// Gives the file up: lines not written yet are lost and counted.
    pub(crate) fn abandon(self, counters: &Counters) {
        counters.count_dropped(self.unwritten);
    }
}

/// Why a file was not made.
#[derive(Debug)]
pub(crate) enum CreateError {
    /// There is one of that name.
    Exists,
    /// Anything else.
    Finding(RecorderFinding),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, operations, bytes, .. } = self;
        f.debug_struct("Part")
            .field("name", name)
            .field("operations", operations)
            .field("bytes", bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Quota};
    use crate::error::RecorderFinding;
    use crate::status::Counters;
    use std::fs::File;
    use std::time::Instant;

    fn part_in(path: &std::path::Path) -> Part {
        let file = File::options().write(true).create(true).truncate(false).open(path).unwrap();
        Part::of_file("m".to_owned(), file, None, Instant::now())
    }

    fn add_line(part: &mut Part, line: &[u8]) {
        part.lines.get_mut().extend_from_slice(line);
        part.count_operation();
    }

    #[test]
    fn a_full_device_is_a_finding_and_its_lines_are_counted() {
        let (counters, mut quota) = (Counters::default(), Quota::new(0, None));
        let mut part = part_in(std::path::Path::new("/dev/full"));
        add_line(&mut part, b"1\n");
        add_line(&mut part, b"2\n");
        let finding = part.write(&mut quota, &counters).unwrap_err();
        assert!(matches!(&finding, RecorderFinding::DiskFull { file } if file == "m"), "{finding:?}");
        add_line(&mut part, b"3\n");
        part.abandon(&counters);
        assert_eq!(counters.written_and_dropped(), (0, 3));
    }

    #[test]
    fn a_quota_is_kept_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let (counters, mut quota) = (Counters::default(), Quota::new(90, Some(100)));
        let mut part = part_in(&path);
        add_line(&mut part, b"123456789\n");
        part.write(&mut quota, &counters).unwrap();
        add_line(&mut part, b"\n");
        let finding = part.write(&mut quota, &counters).unwrap_err();
        assert!(matches!(finding, RecorderFinding::QuotaReached { used: 100, limit: 100 }), "{finding:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"123456789\n");
        assert_eq!(counters.written_and_dropped(), (1, 1));
    }
}
