//! How a run ends: the one place where errors become exit codes, messages and hints.

use crate::config::ConfigError;
use crate::config::file::FileError;
use crate::logging::LogError;
use crate::server::ServerError;
use crate::service::ServiceError;
use crate::socket::SocketError;
use anstyle::{AnsiColor, Style};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

/// What each exit code means.
pub const CODES: [(u8, &str); 5] = [
    (STOPPED, "stopped as asked"),
    (FAILED, "failed while running"),
    (UNUSABLE, "an argument, environment variable or the file cannot be used"),
    (RUNNING, "another daemon serves this socket"),
    (NO_SOCKET, "the socket or the metrics listener cannot be made"),
];

const STOPPED: u8 = 0;
const FAILED: u8 = 1;
const UNUSABLE: u8 = 2;
const RUNNING: u8 = 4;
const NO_SOCKET: u8 = 5;

/// Why the daemon ends without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The running daemon.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The machines or the recorder.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// What was asked for cannot be printed.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Service(ServiceError::Host0(_)) => UNUSABLE,
            Self::Socket(SocketError::Running { .. }) => RUNNING,
            Self::Socket(_) => NO_SOCKET,
            Self::Log(_) | Self::Server(_) | Self::Service(_) | Self::Output(_) => FAILED,
        }
    }

    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Config(ConfigError::File(FileError::UnknownKey { .. } | FileError::Value { .. })) => {
                Some("`busdmad --print-config` prints every key with its default")
            }
            Self::Config(ConfigError::RemoteMetrics(_)) => {
                Some("listen on 127.0.0.1 or [::1], or set `metrics.allow_remote = true` in the file")
            }
            Self::Log(LogError::NoJournal(_)) => Some("`--log-format text` logs to standard error"),
            Self::Socket(error) => error.hint(),
            _ => None,
        }
    }
}

/// The exit code of a run; a failure is reported on standard error.
pub fn code(outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::from(STOPPED) };
    if matches!(&failure, Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::from(STOPPED);
    }
    report(&failure);
    ExitCode::from(failure.code())
}

/// The exit code for what clap has to say: help and version are answers, the rest is usage.
pub fn usage(message: &clap::Error) -> ExitCode {
    let code = if message.use_stderr() { UNUSABLE } else { STOPPED };
    match message.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::from(code),
    }
}

/// Writes the failure with its causes on one line, then what to do about it. When that fails there is nobody left to tell.
fn report(failure: &Failure) {
    let mut text = format!("{}{}\n", label("error", AnsiColor::Red), chain(failure));
    if let Some(hint) = failure.hint() {
        let _ = writeln!(text, "{}{hint}", label("hint", AnsiColor::Green));
    }
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    let _ = stderr.write_all(text.as_bytes());
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}

fn label(word: &str, color: AnsiColor) -> String {
    let style: Style = color.on_default().bold();
    format!("{style}{word}:{style:#} ")
}
