//! How files leave the guest: one stream of bytes over a virtio-serial port.
//!
//! Each file is a line `file NAME LENGTH` and its bytes; a last line `end COUNT` tells a whole parcel from one cut short.

use std::io::{self, Write};
use std::str;
use thiserror::Error;

/// Longest header line that is looked for, in bytes.
const LONGEST_HEADER: usize = 200;

/// One file of a parcel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParcelFile {
    /// The file's name: lower and upper case letters, digits, `.`, `-` and `_`, not starting with `.`.
    pub name: String,
    /// Its bytes.
    pub contents: Vec<u8>,
}

/// Why bytes are no whole parcel.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ParcelError {
    /// A header is neither `file` nor `end`.
    #[error("the parcel has no header at byte {at} of {len}")]
    Header {
        /// Where the header was looked for, in bytes from the start.
        at: usize,
        /// Bytes that came.
        len: usize,
    },
    /// A file's bytes are missing.
    #[error("the parcel ends within {name}, of which {have} of {want} bytes came")]
    CutShort {
        /// The file's name.
        name: String,
        /// Bytes that came.
        have: usize,
        /// Bytes that were announced.
        want: usize,
    },
    /// The last line counts other files than came.
    #[error("the parcel should hold {want} files and holds {have}")]
    Count {
        /// Files that came.
        have: usize,
        /// Files that were announced.
        want: usize,
    },
    /// A name could lead out of the folder that files are put into.
    #[error("the parcel has a file called {0:?}, which is no plain name")]
    Name(String),
}

/// Writes `files` as one parcel.
///
/// # Errors
///
/// Whatever `out` gives.
pub fn write(out: &mut impl Write, files: &[ParcelFile]) -> io::Result<()> {
    for file in files {
        writeln!(out, "file {} {}", file.name, file.contents.len())?;
        out.write_all(&file.contents)?;
    }
    writeln!(out, "end {}", files.len())?;
    out.flush()
}

/// Reads a whole parcel back.
///
/// # Errors
///
/// A parcel that is cut short or no parcel, and names that are not plain.
pub fn read(bytes: &[u8]) -> Result<Vec<ParcelFile>, ParcelError> {
    let mut files = Vec::new();
    let mut rest = bytes;
    loop {
        let no_header = ParcelError::Header { at: bytes.len() - rest.len(), len: bytes.len() };
        let (line, after) = split_line(rest).ok_or_else(|| no_header.clone())?;
        let words: Vec<_> = line.split(' ').collect();
        match *words.as_slice() {
            ["file", name, len] => {
                let want = len.parse().map_err(|_| no_header)?;
                let name = plain_name(name)?;
                let Some((contents, after)) = after.split_at_checked(want) else {
                    return Err(ParcelError::CutShort { name, have: after.len(), want });
                };
                files.push(ParcelFile { name, contents: contents.to_vec() });
                rest = after;
            }
            ["end", count] => {
                let want = count.parse().map_err(|_| no_header)?;
                let have = files.len();
                return if have == want { Ok(files) } else { Err(ParcelError::Count { have, want }) };
            }
            _ => return Err(no_header),
        }
    }
}

fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let len = bytes.iter().take(LONGEST_HEADER).position(|&byte| byte == b'\n')?;
    let (line, after) = bytes.split_at_checked(len)?;
    Some((str::from_utf8(line).ok()?, after.get(1..)?))
}

fn plain_name(name: &str) -> Result<String, ParcelError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(ParcelError::Name(name.to_owned()));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, contents: &[u8]) -> ParcelFile {
        ParcelFile { name: name.to_owned(), contents: contents.to_vec() }
    }

    fn sample() -> (Vec<ParcelFile>, Vec<u8>) {
        let files = vec![file("trace.txt", b"file x 3\nend 1\n"), file("empty", b""), file("raw-1", &[0, 255, b'\n'])];
        let mut bytes = Vec::new();
        write(&mut bytes, &files).unwrap();
        (files, bytes)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (files, bytes) = sample();
        assert_eq!(read(&bytes), Ok(files));
        assert_eq!(read(b"end 0\n"), Ok(Vec::new()));
    }

    #[test]
    fn every_shortened_parcel_is_refused() {
        let (_, bytes) = sample();
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "{len} of {} bytes passed for a whole parcel", bytes.len());
        }
    }

    #[test]
    fn what_is_no_parcel_is_named() {
        let check = |bytes: &[u8], expected: ParcelError| assert_eq!(read(bytes), Err(expected));
        check(b"", ParcelError::Header { at: 0, len: 0 });
        check(b"file a\n", ParcelError::Header { at: 0, len: 7 });
        check(b"file a -1\nend 1\n", ParcelError::Header { at: 0, len: 16 });
        check(b"file a 1\nxend 2\n", ParcelError::Count { have: 1, want: 2 });
        check(b"file a 9\nxend 1\n", ParcelError::CutShort { name: "a".into(), have: 7, want: 9 });
        for name in ["..", "/etc", "a/b", ".hidden", ""] {
            let text = format!("file {name} 0\nend 1\n");
            assert_eq!(read(text.as_bytes()), Err(ParcelError::Name(name.to_owned())));
        }
    }
}
