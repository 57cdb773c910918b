//! What an error of the kernel, or of aya on its way there, means.

use crate::privileges;
use crate::status::{Capability, Failure, ProbeStatus};
use aya::maps::MapError;
use aya::programs::ProgramError;
use aya::{BtfError, EbpfError};
use rustix::io::Errno;
use std::{error, fs, io};

/// Bytes of a verifier's log that are kept: its last words say what is wrong.
const LOG_BYTES: usize = 400;

/// Why the kernel's type information could not be had.
pub(crate) fn of_btf(error: &BtfError) -> ProbeStatus {
    let why = match error {
        BtfError::FileError { error, .. } if error.kind() == io::ErrorKind::NotFound => Failure::NoBtf,
        BtfError::LoadError { io_error, .. } => return of_call("loading type information", io_error),
        other => Failure::UnreadableBtf { error: sentence(other) },
    };
    ProbeStatus::Failed { why }
}

/// Why the object could not be loaded.
pub(crate) fn of_object(error: &EbpfError) -> ProbeStatus {
    match error {
        EbpfError::MapError(error) => of_map(error),
        EbpfError::ProgramError(error) => of_program(error),
        EbpfError::BtfError(error) => of_btf(error),
        other => ProbeStatus::Failed { why: Failure::Object { error: sentence(other) } },
    }
}

/// Why a map could not be made or used.
pub(crate) fn of_map(error: &MapError) -> ProbeStatus {
    match error {
        MapError::CreateError { name, io_error } => {
            let too_old = name == "events" && errno(io_error) == Some(Errno::INVAL);
            if too_old { ProbeStatus::Failed { why: old_kernel() } } else { of_call("making a map", io_error) }
        }
        MapError::SyscallError(error) => of_call(error.call, &error.io_error),
        MapError::IoError(error) => of_call("reading a map", error),
        other => ProbeStatus::Failed { why: Failure::Object { error: sentence(other) } },
    }
}

/// Why a program could not be loaded or attached.
pub(crate) fn of_program(error: &ProgramError) -> ProbeStatus {
    match error {
        ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }) => ProbeStatus::Missing,
        ProgramError::Btf(error) => of_btf(error),
        ProgramError::LoadError { io_error, verifier_log } => {
            of_load(io_error, verifier_log.to_string().trim_end_matches(['\0', '\n', ' ']))
        }
        ProgramError::SyscallError(error) => of_call(error.call, &error.io_error),
        ProgramError::IOError(error) => of_call("loading a program", error),
        ProgramError::MapError(error) => of_map(error),
        other => ProbeStatus::Failed { why: Failure::Object { error: sentence(other) } },
    }
}

/// A verifier that refuses a program says why; missing rights have no words.
fn of_load(error: &io::Error, log: &str) -> ProbeStatus {
    if log.is_empty() {
        return of_call("loading a program", error);
    }
    if is_locked_down() {
        return ProbeStatus::Failed { why: Failure::Lockdown };
    }
    let start = log.len().saturating_sub(LOG_BYTES);
    let end = (start..log.len()).find_map(|at| log.get(at..)).unwrap_or_default();
    ProbeStatus::Failed { why: Failure::Verifier { error: error.to_string().into(), log: end.trim_start().into() } }
}

fn of_call(call: &'static str, error: &io::Error) -> ProbeStatus {
    let why = match errno(error) {
        Some(Errno::PERM | Errno::ACCESS) => match missing_capability() {
            Some(capability) => return ProbeStatus::Denied { capability },
            None if is_locked_down() => Failure::Lockdown,
            None => Failure::Refused,
        },
        Some(Errno::NOMEM) => Failure::NoMemory,
        _ => Failure::Call { call, error: error.to_string().into() },
    };
    ProbeStatus::Failed { why }
}

/// The first capability that is needed and not there.
fn missing_capability() -> Option<Capability> {
    [Capability::Bpf, Capability::Perfmon].into_iter().find(|&needed| !privileges::has(needed))
}

/// Only `confidentiality` keeps programs from reading; without securityfs nobody can tell.
fn is_locked_down() -> bool {
    fs::read_to_string("/sys/kernel/security/lockdown").is_ok_and(|levels| levels.contains("[confidentiality]"))
}

fn old_kernel() -> Failure {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Failure::OldKernel { release: release.into() }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

/// An error and all that is below it, in one line.
fn sentence(error: &dyn error::Error) -> Box<str> {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text.replace('\n', " ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn a_log_is_a_refusal_of_the_verifier_and_only_its_end_is_kept() {
        let log = format!("{}the end", "ä".repeat(100_000));
        let ProbeStatus::Failed { why: Failure::Verifier { log, .. } } = of_load(&call(Errno::ACCESS), &log) else {
            panic!("a log is there");
        };
        assert!(log.ends_with("the end") && log.len() <= LOG_BYTES, "{log}");
    }

    #[test]
    fn a_missing_file_is_a_missing_btf() {
        let missing = BtfError::FileError { path: "/sys/kernel/btf/vmlinux".into(), error: call(Errno::NOENT) };
        assert_eq!(of_btf(&missing), ProbeStatus::Failed { why: Failure::NoBtf });
        let unreadable = BtfError::FileError { path: "/sys/kernel/btf/vmlinux".into(), error: call(Errno::IO) };
        assert!(matches!(of_btf(&unreadable), ProbeStatus::Failed { why: Failure::UnreadableBtf { .. } }));
    }

    #[test]
    fn a_kernel_that_cannot_make_a_ring_is_old() {
        let ring = MapError::CreateError { name: "events".to_owned(), io_error: call(Errno::INVAL) };
        assert!(matches!(of_map(&ring), ProbeStatus::Failed { why: Failure::OldKernel { .. } }));
        let other = MapError::CreateError { name: "devices".to_owned(), io_error: call(Errno::NOMEM) };
        assert_eq!(of_map(&other), ProbeStatus::Failed { why: Failure::NoMemory });
    }

    #[test]
    fn an_unknown_type_is_a_missing_tracepoint() {
        let unknown = BtfError::UnknownBtfTypeName { type_name: "btf_trace_none".to_owned() };
        assert_eq!(of_program(&ProgramError::Btf(unknown)), ProbeStatus::Missing);
    }
}
