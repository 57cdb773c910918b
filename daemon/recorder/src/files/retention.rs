//! Which old files go.

use super::directory::{Directory, Found};
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, SystemTime};

/// What is kept of the files in a recording's directory, those of earlier recordings included. The oldest go first; files
/// being written and files of other names never do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// Closed files kept at most.
    pub files_max: Option<u64>,
    /// Bytes in closed files kept at most.
    pub bytes_max: Option<u64>,
    /// How long ago a kept file may have been written last.
    pub age_max: Option<Duration>,
}

impl Retention {
    /// Deletes what is not kept; returns the bytes that were freed. A file that cannot be deleted is passed over.
    pub(crate) fn apply(self, directory: &Directory, open: &BTreeSet<String>, now: SystemTime) -> io::Result<u64> {
        if self == Self::default() {
            return Ok(0);
        }
        let mut closed = directory.parts()?;
        closed.retain(|found| !open.contains(&found.name.to_string()));
        closed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let doomed = self.doomed(&closed, now);
        let freed = closed[..doomed].iter().filter(|found| directory.remove(&found.name.to_string()).is_ok());
        Ok(freed.map(|found| found.bytes).sum())
    }

    /// How many of these files, oldest first, go.
    fn doomed(self, closed: &[Found], now: SystemTime) -> usize {
        let mut bytes: u64 = closed.iter().map(|found| found.bytes).sum();
        let mut doomed = 0;
        for (at, found) in closed.iter().enumerate() {
            let files = (closed.len() - at) as u64;
            let age = now.duration_since(found.modified).unwrap_or_default();
            let goes = self.files_max.is_some_and(|max| files > max)
                || self.bytes_max.is_some_and(|max| bytes > max)
                || self.age_max.is_some_and(|max| age > max);
            if !goes {
                break;
            }
            bytes -= found.bytes;
            doomed = at + 1;
        }
        doomed
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Retention};
    use crate::files::PartName;
    use std::time::{Duration, SystemTime};

    /// Files of that age, in seconds, and size, oldest first.
    fn check(retention: Retention, files: &[(u64, u64)], doomed: usize) {
        let now = SystemTime::now();
        let found: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(part, &(age, bytes))| Found {
                name: PartName::parse(&format!("m-20261122T000000Z-{part:04}.jsonl")).unwrap(),
                bytes,
                modified: now - Duration::from_secs(age),
            })
            .collect();
        assert_eq!(retention.doomed(&found, now), doomed, "{retention:?} {files:?}");
    }

    #[test]
    fn the_oldest_go() {
        let files = [(300, 10), (200, 20), (100, 30), (0, 40)];
        let none = Retention::default();
        check(none, &files, 0);
        for (files_max, doomed) in [(0, 4), (1, 3), (3, 1), (4, 0), (9, 0)] {
            check(Retention { files_max: Some(files_max), ..none }, &files, doomed);
        }
        for (bytes_max, doomed) in [(0, 4), (39, 4), (40, 3), (89, 2), (90, 1), (100, 0)] {
            check(Retention { bytes_max: Some(bytes_max), ..none }, &files, doomed);
        }
        for (seconds, doomed) in [(50, 3), (150, 2), (1000, 0)] {
            check(Retention { age_max: Some(Duration::from_secs(seconds)), ..none }, &files, doomed);
        }
        let both = Retention { files_max: Some(3), bytes_max: Some(75), age_max: None };
        check(both, &files, 2);
        check(both, &[], 0);
    }
}
