//! The daemon's error replies in words.

use busdma_api::engine::EngineError;
use busdma_api::monitor::MonitorError;
use busdma_api::recorder::RecorderError;
use busdma_api::service::ServiceError;
use serde::Serialize;

/// An error reply that can be told to a person.
pub trait InWords {
    /// What is wrong, and what to do about it.
    fn in_words(&self) -> String;
}

impl InWords for MonitorError {
    fn in_words(&self) -> String {
        match self {
            Self::NoSuchObject { object } => no_such(object),
            Self::NotOwner { object } => format!("{object} belongs to another session"),
            Self::UnknownKind { kind, known } => {
                let nearest = busdma_presets::nearest(kind, known.iter().map(String::as_str));
                let perhaps = busdma_presets::nearest::parenthesised(nearest.as_ref());
                format!("no decision is of the kind `{kind}`{perhaps}; the kinds are {}", known.join(", "))
            }
            Self::IntervalTooShort { interval_ms, limit_ms } => {
                format!("an interval of {interval_ms} ms is too short: the daemon allows {limit_ms} ms or more")
            }
            Self::QuotaExceeded { quota, limit, scope } => quota_exceeded(quota, *limit, scope),
            Self::ShuttingDown => SHUTTING_DOWN.to_owned(),
        }
    }
}

impl InWords for RecorderError {
    fn in_words(&self) -> String {
        match self {
            Self::AlreadyRecording { directory } => {
                format!("a recording into {directory} is going on; `busdma record stop` ends it")
            }
            Self::NotRecording => "nothing is being recorded".to_owned(),
            Self::NoDirectory => {
                "the daemon has no directory for recordings: start it with --record DIR or configure one".to_owned()
            }
            Self::InvalidPath { path, reason } => format!("cannot record into `{path}`: {reason}"),
            Self::NoSuchObject { object } => no_such(object),
            Self::CannotWrite { path, reason } => format!("the daemon cannot write {path}: {reason}"),
            Self::QuotaExceeded { quota, limit, scope } => quota_exceeded(quota, *limit, scope),
            Self::ShuttingDown => SHUTTING_DOWN.to_owned(),
        }
    }
}

/// Every refusal is one that a driver would meet, and has its numbers.
impl InWords for EngineError {
    fn in_words(&self) -> String {
        by_name(self)
    }
}

const SHUTTING_DOWN: &str = "the daemon is shutting down";

fn no_such(object: &str) -> String {
    format!("the daemon has no {object}, or it belongs to another session")
}

fn quota_exceeded(quota: &str, limit: u64, scope: &str) -> String {
    format!("the limit of {limit} {quota} of the {scope} is reached")
}

/// An error of every Varlink service.
pub(super) fn service(error: &ServiceError) -> String {
    match error {
        ServiceError::MethodNotFound { method } | ServiceError::MethodNotImplemented { method } => {
            format!("the daemon has no method {method}; it is another version than this busdma")
        }
        ServiceError::InvalidParameter { parameter } => {
            format!("the daemon does not take the parameter {parameter}; it may be another version than this busdma")
        }
        other => by_name(other),
    }
}

/// An error reply by its name and parameters: `org.busdma.Engine.NoSuchObject {"object":"vm9"}`.
pub fn by_name(error: &impl Serialize) -> String {
    let Ok(reply) = serde_json::to_value(error) else { return "an error".to_owned() };
    let name = reply.get("error").and_then(serde_json::Value::as_str).unwrap_or("an error");
    let parameters = reply.get("parameters").map_or_else(String::new, serde_json::Value::to_string);
    name_and_parameters(name, &parameters)
}

pub(super) fn name_and_parameters(name: &str, parameters: &str) -> String {
    let parameters = if parameters.is_empty() || parameters == "null" { "{}" } else { parameters };
    format!("{name} {parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_keep_their_name_and_numbers() {
        let error = EngineError::NoBouncePages { needed: 3, free: 1 };
        assert_eq!(by_name(&error), r#"org.busdma.Engine.NoBouncePages {"free":1,"needed":3}"#);
        assert_eq!(by_name(&EngineError::ShuttingDown), "org.busdma.Engine.ShuttingDown {}");
    }

    #[test]
    fn a_misspelt_kind_suggests_the_nearest() {
        let known = ["bounced", "split"].map(str::to_owned).to_vec();
        let error = MonitorError::UnknownKind { kind: "bounce".to_owned(), known };
        let words = "no decision is of the kind `bounce` (did you mean `bounced`?); the kinds are bounced, split";
        assert_eq!(error.in_words(), words);
    }
}
