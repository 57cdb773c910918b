//! Reading the configuration file.

use super::Config;
use super::keys;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "/etc/busdma/busdmad.toml";

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no TOML.
    #[error("{}:{line}: {}", path.display(), message.trim_end().replace('\n', ", "))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A key or table that does not exist.
    #[error("{}:{line}: unknown key `{key}`{}", path.display(), suggest(*nearest))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with the tables it is in.
        key: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong kind, or out of range.
    #[error("{}:{line}: {key}: {message}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with the tables it is in.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The settings of a file, with defaults for what it leaves out. Without a name it is [`DEFAULT_FILE`], which need not exist.
///
/// # Errors
///
/// [`FileError`], with the line.
pub fn load(named: Option<&Path>) -> Result<Config, FileError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(Config::default()),
        Err(source) => Err(FileError::Unreadable { path: path.to_owned(), source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<Config, FileError> {
    let syntax = |error: toml::de::Error| FileError::Syntax {
        path: path.to_owned(),
        line: line_of(text, error.span()),
        message: error.message().to_owned(),
    };
    let table = DeTable::parse(text).map_err(syntax)?;
    if let Some((key, span)) = unknown_key(table.get_ref(), "") {
        let (line, nearest) = (line_of(text, Some(span)), keys::nearest(&key));
        return Err(FileError::UnknownKey { path: path.to_owned(), line, key, nearest });
    }
    let deserializer = toml::Deserializer::parse(text).map_err(syntax)?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| FileError::Value {
        path: path.to_owned(),
        line: line_of(text, error.inner().span()),
        key: error.path().to_string(),
        message: error.inner().message().to_owned(),
    })
}

/// The first key in the file that does not exist, by its place.
fn unknown_key(table: &DeTable<'_>, within: &str) -> Option<(String, Range<usize>)> {
    let unknown = table.iter().filter_map(|(name, value)| unknown_within(name, value, within));
    unknown.min_by_key(|(_, span)| span.start)
}

fn unknown_within(
    name: &Spanned<toml::de::DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    within: &str,
) -> Option<(String, Range<usize>)> {
    let separator = if within.is_empty() { "" } else { "." };
    let path = format!("{within}{separator}{}", name.get_ref());
    if !keys::is_known(&path) {
        return Some((path, name.span()));
    }
    value.get_ref().as_table().and_then(|table| unknown_key(table, &path))
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

fn suggest(nearest: Option<&str>) -> String {
    nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line_and_the_key() {
        let check = |text, message: &str| {
            let error = parse(Path::new("f.toml"), text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check(
            "\n[limits]\nconections = 1",
            "f.toml:3: unknown key `limits.conections`; did you mean `limits.connections`?",
        );
        check("[limit]\nconnections = 1", "f.toml:1: unknown key `limit`");
        check("[limits.per_uid]\nmaps = 1\nqqq = 2", "f.toml:3: unknown key `limits.per_uid.qqq`");
        check("[metrics]\nx = 1\n[log]\ny = 2", "f.toml:2: unknown key `metrics.x`");
        check("limits = { zz = 1 }", "f.toml:1: unknown key `limits.zz`");
        check("[limits]\nmessage_bytes = '12Q'", "f.toml:2: limits.message_bytes: `12Q` is no size");
        check("[limits]\nconnections = -1", "f.toml:2: limits.connections: invalid value: integer `-1`");
        check("[limits.per_uid]\n\nmaps = -1", "f.toml:3: limits.per_uid.maps: invalid value: integer `-1`");
        check("drain_timeout = 5", "f.toml:1: drain_timeout: invalid type: integer `5`");
        check("drain_timeout = '5'", "f.toml:1: drain_timeout: `5` is no duration (time unit needed");
        check("[socket]\nmode = '0888'", "f.toml:2: socket.mode: `0888` are no permission bits");
        check("[socket]\nmode = 0o1777", "f.toml:2: socket.mode: `0o1777` are no permission bits");
        check("[host0]\nprofile = 'freebsd-13'", "f.toml:2: host0.profile: unknown profile `freebsd-13`");
        check("[metrics]\nlisten = 'localhost'", "f.toml:2: metrics.listen: invalid socket address");
        check("socket = 3", "f.toml:1: socket: invalid type: integer `3`");
        check("\n\n[limits", "f.toml:3: ");
    }

    #[test]
    fn values_in_the_forms_people_write() {
        let config = parse(
            Path::new("f.toml"),
            "drain_timeout = '1h 30m'\nsocket.mode = 0o600\n[limits]\nmessage_bytes = '1GiB'\ntransfer_bytes = 4096\n\
             [recorder]\nkeep_for = 'unlimited'\nkeep_bytes = 'unlimited'\nrotate_bytes = 1_000\nkeep_files = 'unlimited'\n\
             [host0]\nbounce_base = '0x200000'\nprofile = 'strict'",
        )
        .unwrap();
        assert_eq!(config.drain_timeout.as_secs(), 5400);
        assert_eq!(config.socket.mode.bits(), 0o600);
        assert_eq!((config.limits.message_bytes, config.limits.transfer_bytes), (1 << 30, 4096));
        let recorder = &config.recorder;
        assert_eq!((recorder.keep_for, recorder.keep_bytes, recorder.keep_files), (None, None, None));
        assert_eq!(recorder.rotate_bytes, Some(1000));
        assert_eq!(config.host0.bounce_base, 0x20_0000);
        assert_eq!(config.host0.profile, busdma_engine::profile::Profile::Strict);
    }

    #[test]
    fn a_named_file_must_exist() {
        let error = load(Some(Path::new("/nonexistent/busdmad.toml"))).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/busdmad.toml");
    }
}
