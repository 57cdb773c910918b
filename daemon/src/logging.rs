//! What is logged, and how it is written.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::config::LogConfig;

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The journal's socket is not there.
    #[error("cannot reach the journal")]
    NoJournal(#[source] io::Error),
    /// Something else in this process logs already.
    #[error("logging has been set up before")]
    SetUpBefore(#[source] SetGlobalDefaultError),
}

/// Sends what the process logs from here on where the configuration says.
///
/// # Errors
///
/// [`LogError`]; nothing is logged then.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        LogFormat::Text => {
            let colored = io::stderr().is_terminal();
            Box::new(tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colored))
        }
        LogFormat::Json => {
            Box::new(tracing_subscriber::fmt::layer().with_writer(io::stderr).json().flatten_event(true))
        }
        LogFormat::Journald => Box::new(tracing_journald::layer().map_err(LogError::NoJournal)?),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(config.level.targets.clone()));
    tracing::subscriber::set_global_default(subscriber).map_err(LogError::SetUpBefore)
}

/// How the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people, on standard error
    #[default]
    Text,
    /// One JSON object a line, on standard error
    Json,
    /// To the systemd journal, with each field as a field
    Journald,
}

/// What is logged: levels for everything and for single targets, as `info,busdmad::socket=debug`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

/// Why a text is no [`LogFilter`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LogFilterError {
    /// A level that does not exist.
    #[error("`{0}` is no level; expected off, error, warn, info, debug or trace, or TARGET=LEVEL with one of them")]
    UnknownLevel(String),
    /// A level for no target.
    #[error("no target before the `=` of `{0}`; expected TARGET=LEVEL")]
    NoTarget(String),
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        let mut targets = Targets::new();
        for directive in text.split(',').map(str::trim) {
            targets = match directive.split_once('=') {
                None => targets.with_default(level(directive)?),
                Some(("", _)) => return Err(LogFilterError::NoTarget(directive.to_owned())),
                Some((target, name)) => targets.with_target(target.trim_end(), level(name.trim_start())?),
            };
        }
        Ok(Self { text: text.to_owned(), targets })
    }
}

/// A level by its name. Numbers, which `tracing` takes for levels too, are refused: nobody knows their order.
fn level(name: &str) -> Result<LevelFilter, LogFilterError> {
    let unknown = || LogFilterError::UnknownLevel(name.to_owned());
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(unknown());
    }
    name.parse().map_err(|_| unknown())
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { text: "info".to_owned(), targets: Targets::new().with_default(LevelFilter::INFO) }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for LogFilter {
    type Error = LogFilterError;

    fn try_from(text: String) -> Result<Self, LogFilterError> {
        text.parse()
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn filters() {
        let check = |text: &str, target, level: Level, logged| {
            assert_eq!(text.parse::<LogFilter>().unwrap().targets.would_enable(target, &level), logged, "{text}");
        };
        check("info", "busdmad::socket", Level::INFO, true);
        check("info", "busdmad::socket", Level::DEBUG, false);
        check("off", "busdmad", Level::ERROR, false);
        check("warn, busdmad::socket = debug", "busdmad::socket", Level::DEBUG, true);
        check("warn,busdmad::socket=debug", "busdmad::server", Level::INFO, false);
        check("busdmad=trace", "hyper", Level::ERROR, false);
        check("INFO", "busdmad", Level::INFO, true);
    }

    #[test]
    fn a_mistyped_level_is_no_target() {
        let check = |text: &str, error| assert_eq!(text.parse::<LogFilter>(), Err(error));
        check("inof", LogFilterError::UnknownLevel("inof".to_owned()));
        check("", LogFilterError::UnknownLevel(String::new()));
        check("info,", LogFilterError::UnknownLevel(String::new()));
        check("4", LogFilterError::UnknownLevel("4".to_owned()));
        check("busdmad=loud", LogFilterError::UnknownLevel("loud".to_owned()));
        check("=info", LogFilterError::NoTarget("=info".to_owned()));
    }
}
