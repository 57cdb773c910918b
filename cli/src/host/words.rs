//! The daemon's refusals in words.

use crate::daemon::InWords;
use crate::text::counted;
use busdma_api::host::{Gathering, HostError, ProbeState, ProbesReply, ProbesState};

impl InWords for HostError {
    fn in_words(&self) -> String {
        match self {
            Self::NotAttached { reason } => reason.clone(),
            Self::CannotAttach { reason, advice } => format!("no probe can be attached: {}", because(reason, advice)),
            Self::NotPermitted { uid } => format!(
                "what the host maps is for root and the daemon's own user, not for user {uid}: use sudo, or run as the \
                 daemon's user"
            ),
            Self::NoSuchObject { object } => no_such_device(object, &[]),
            Self::IntervalTooShort { interval_ms, limit_ms } => {
                format!("an interval of {interval_ms} ms is too short: the daemon allows {limit_ms} ms or more")
            }
            Self::ShuttingDown => "the daemon is shutting down".to_owned(),
        }
    }
}

/// A device that is none of those known.
pub(super) fn no_such_device(device: &str, known: &[String]) -> String {
    let nearest = busdma_presets::nearest(device, known.iter().map(String::as_str));
    let perhaps = busdma_presets::nearest::parenthesised(nearest.as_ref());
    format!("no device `{device}` is known or has mapped anything{perhaps}")
}

/// In one sentence, what is attached, or why nothing is and what to do.
pub(super) fn probes(reply: &ProbesReply) -> String {
    match reply.state {
        ProbesState::Detached => "no probe is attached: `busdma host attach` attaches them".to_owned(),
        ProbesState::Unavailable => {
            let reason = reply.reason.as_deref().unwrap_or("the daemon does not say why");
            format!("no probe is attached: {}", because(reason, reply.advice.as_deref().unwrap_or_default()))
        }
        ProbesState::Attached => attached(reply),
    }
}

fn attached(reply: &ProbesReply) -> String {
    let attached = reply.probes.iter().filter(|probe| probe.state == ProbeState::Attached).count();
    let devices = if reply.devices.is_empty() { "all devices".to_owned() } else { reply.devices.join(", ") };
    let gathering = match reply.gathering {
        Gathering::Events => "events",
        Gathering::Totals => "totals only",
    };
    let dropped = if reply.dropped > 0 { reply.dropped.to_string() } else { "none".to_owned() };
    let read = counted(reply.delivered, "event");
    format!(
        "{attached} of {} probes are attached: {gathering} of {devices}; {read} read, {dropped} dropped",
        reply.probes.len()
    )
}

/// A reason and, where there is any, what to do about it. Reasons begin with the probe's state, which goes without saying.
fn because(reason: &str, advice: &str) -> String {
    let reason = without_state(reason);
    if advice.is_empty() { reason.to_owned() } else { format!("{reason}; {advice}") }
}

/// A reason without the state that it begins with.
fn without_state(reason: &str) -> &str {
    let begun = ["missing: ", "denied: ", "failed: "].iter().find_map(|state| reason.strip_prefix(state));
    begun.unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        let check = |error: HostError, words: &str| assert_eq!(error.in_words(), words);
        check(HostError::NotAttached { reason: "no probe was ever attached".to_owned() }, "no probe was ever attached");
        check(
            HostError::CannotAttach {
                reason: "denied: CAP_BPF is missing".to_owned(),
                advice: "start busdmad as root".to_owned(),
            },
            "no probe can be attached: CAP_BPF is missing; start busdmad as root",
        );
        check(
            HostError::CannotAttach { reason: "too many devices".to_owned(), advice: String::new() },
            "no probe can be attached: too many devices",
        );
        check(
            HostError::NotPermitted { uid: 1000 },
            "what the host maps is for root and the daemon's own user, not for user 1000: use sudo, or run as the \
             daemon's user",
        );
        check(
            HostError::NoSuchObject { object: "eth0".to_owned() },
            "no device `eth0` is known or has mapped anything",
        );
        check(
            HostError::IntervalTooShort { interval_ms: 1, limit_ms: 20 },
            "an interval of 1 ms is too short: the daemon allows 20 ms or more",
        );
        check(HostError::ShuttingDown, "the daemon is shutting down");
    }

    #[test]
    fn a_misspelt_device_suggests_the_nearest() {
        let known = ["0000:00:02.0", "udmabuf"].map(str::to_owned);
        assert!(no_such_device("udmabuff", &known).ends_with(" (did you mean `udmabuf`?)"));
        assert!(no_such_device("eth0", &known).ends_with("mapped anything"));
    }
}
