//! The daemon's refusals in words.

use busdma_api::host::HostError;
use busdma_api::monitor::MonitorError;
use busdma_api::recorder::RecorderError;

const SHUTTING_DOWN: &str = "the daemon is shutting down";

pub(super) fn monitor(error: &MonitorError) -> String {
    match error {
        MonitorError::NoSuchObject { object } => format!("there is no {object}"),
        MonitorError::NotOwner { object } => format!("{object} belongs to another user"),
        MonitorError::UnknownKind { kind, .. } => format!("no decision is of the kind `{kind}`"),
        MonitorError::IntervalTooShort { interval_ms, limit_ms } => {
            format!("an interval of {interval_ms} ms is too short: {limit_ms} ms or more are allowed")
        }
        MonitorError::QuotaExceeded { quota, limit, scope } => quota_exceeded(quota, *limit, scope),
        MonitorError::ShuttingDown => SHUTTING_DOWN.to_owned(),
    }
}

pub(super) fn host(error: &HostError) -> String {
    match error {
        HostError::NotAttached { reason } => reason.clone(),
        HostError::CannotAttach { reason, advice } => format!("{reason}: {advice}"),
        HostError::NotPermitted { uid } => format!("user {uid} may not see what the host maps"),
        HostError::NoSuchObject { object } => format!("there is no {object}"),
        HostError::IntervalTooShort { interval_ms, limit_ms } => {
            format!("an interval of {interval_ms} ms is too short: {limit_ms} ms or more are allowed")
        }
        HostError::ShuttingDown => SHUTTING_DOWN.to_owned(),
    }
}

pub(super) fn recorder(error: &RecorderError) -> String {
    match error {
        RecorderError::AlreadyRecording { directory } => format!("a recording into {directory} is going on"),
        RecorderError::NotRecording => "nothing is being recorded".to_owned(),
        RecorderError::NoDirectory => {
            "it has no directory for recordings: start it with --record DIR or configure one".to_owned()
        }
        RecorderError::InvalidPath { path, reason } => format!("cannot record into `{path}`: {reason}"),
        RecorderError::NoSuchObject { object } => format!("there is no {object}"),
        RecorderError::CannotWrite { path, reason } => format!("it cannot write {path}: {reason}"),
        RecorderError::QuotaExceeded { quota, limit, scope } => quota_exceeded(quota, *limit, scope),
        RecorderError::ShuttingDown => SHUTTING_DOWN.to_owned(),
    }
}

fn quota_exceeded(quota: &str, limit: u64, scope: &str) -> String {
    format!("the limit of {limit} {quota} of the {scope} is reached")
}
