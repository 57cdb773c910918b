//! Decisions as lines, each with its reason in words.

use crate::duration;
use crate::text::{self, ACCENT, BAD, FAINT, GOOD, PLAIN, Style, WARN, counted};
use busdma_api::monitor::DecisionRecord;

/// When, where, on whose behalf and what.
pub fn line(decision: &DecisionRecord) -> String {
    let object = match (decision.map, decision.tag, decision.machine) {
        (Some(map), _, _) => map.to_string(),
        (None, Some(tag), _) => tag.to_string(),
        (None, None, Some(machine)) => machine.to_string(),
        (None, None, None) => String::new(),
    };
    let session = decision.session.map_or_else(|| "-".to_owned(), |session| session.to_string());
    format!(
        "{:>12}  {}  {session:<4}  {} {}\n",
        duration::seconds(decision.t_ns),
        text::styled(ACCENT, &format!("{object:<9}")),
        text::styled(style(&decision.kind), &format!("{:<11}", decision.kind)),
        sentence(decision)
    )
}

/// How many are missing here.
pub fn lost(count: u64) -> String {
    format!("{:>12}  {}\n", "", text::styled(WARN, &format!("lost {}: they came too fast", counted(count, "decision"))))
}

fn style(kind: &str) -> Style {
    match kind {
        "deferred" | "bounced" => WARN,
        "rejected" | "cancelled" => BAD,
        "loaded" | "resumed" => GOOD,
        "coalesced" | "counted" => FAINT,
        _ => PLAIN,
    }
}

/// What was decided, in words.
fn sentence(decision: &DecisionRecord) -> String {
    let reason = decision.reason.as_deref().unwrap_or("for no reason given");
    let zone = || decision.zone.map_or_else(|| "its zone".to_owned(), |zone| format!("zone{zone}"));
    let pages = || counted(decision.pages.unwrap_or(0), "bounce page");
    let needed = decision.needed.unwrap_or(0);
    let segment = decision.segment.unwrap_or(0);
    match decision.kind.as_str() {
        "zone_chosen" => format!("bounces through {}, {}", zone(), whose(reason)),
        "pool_grown" => format!("{} grows by {} of {needed} wanted", zone(), pages()),
        "counted" => format!("needs {}", counted(needed, "bounce page")),
        "reserved" => format!("is promised {} of {}", pages(), zone()),
        "deferred" => {
            let (has, ahead) = (decision.pages.unwrap_or(0), decision.ahead.unwrap_or(0));
            format!("waits for {}: needs {}, has {has}, {ahead} ahead of it", zone(), counted(needed, "page"))
        }
        "woken" => format!("has all its pages of {}", zone()),
        "resumed" => format!("goes on after {}", duration::short(decision.waited_ns.unwrap_or(0))),
        "bounced" => {
            format!("{} goes through {}: {}", range(decision.client, decision), addr(decision), why_bounced(reason))
        }
        "split" => format!("{} begins segment {segment}: {}", range(decision.addr, decision), why_split(reason)),
        "coalesced" => format!("{} continues segment {segment}", range(decision.addr, decision)),
        "loaded" => format!("has {} and {}", counted(segment, "segment"), pages()),
        "unloaded" => format!("gives back {}", pages()),
        "cancelled" => format!("gives up its deferred load and {}", pages()),
        "copied" => {
            let bytes = counted(decision.length.unwrap_or(0), "byte");
            let direction = if reason == "to_bounce" { "to" } else { "from" };
            format!("{bytes} {direction} {}", pages())
        }
        _ => reason.to_owned(),
    }
}

/// `created` or `shared`.
fn whose(origin: &str) -> &str {
    match origin {
        "created" => "made for it",
        "shared" => "made for an earlier tag",
        other => other,
    }
}

fn addr(decision: &DecisionRecord) -> String {
    decision.addr.map_or_else(|| "a bounce page".to_owned(), |addr| addr.to_string())
}

fn range(start: Option<busdma_api::Hex>, decision: &DecisionRecord) -> String {
    let start = start.map_or_else(|| "a piece".to_owned(), |start| start.to_string());
    format!("{start}+{}", decision.length.unwrap_or(0))
}

/// `window (low, high]`, `filter in (low, high]` or `alignment N`.
fn why_bounced(reason: &str) -> String {
    match reason.split_once(' ') {
        Some(("window", window)) => format!("it lies in the excluded window {window}"),
        Some(("filter", window)) => format!("the filter excludes it {window}"),
        Some(("alignment", bytes)) => format!("it is not aligned to {bytes}"),
        _ => reason.to_owned(),
    }
}

/// `first`, `discontiguous`, `boundary N` or `maxsegsz N`.
fn why_split(reason: &str) -> String {
    match reason.split_once(' ').unwrap_or((reason, "")) {
        ("first", _) => "the first piece".to_owned(),
        ("discontiguous", _) => "it is not adjacent to the one before".to_owned(),
        ("boundary", bytes) => format!("joined to the one before it would cross the boundary {bytes}"),
        ("maxsegsz", bytes) => format!("joined to the one before it would exceed maxsegsz {bytes}"),
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sentence() {
        let check = |json: &str, expected: &str| {
            let decision = serde_json::from_str(json).unwrap();
            assert_eq!(sentence(&decision), expected, "{json}");
        };
        check(r#"{"t_ns":0,"kind":"zone_chosen","zone":1,"reason":"created"}"#, "bounces through zone1, made for it");
        check(
            r#"{"t_ns":0,"kind":"pool_grown","zone":1,"needed":4,"pages":1}"#,
            "zone1 grows by 1 bounce page of 4 wanted",
        );
        check(r#"{"t_ns":0,"kind":"counted","needed":2}"#, "needs 2 bounce pages");
        check(r#"{"t_ns":0,"kind":"reserved","zone":0,"pages":2}"#, "is promised 2 bounce pages of zone0");
        check(
            r#"{"t_ns":0,"kind":"deferred","zone":0,"needed":3,"pages":1,"ahead":2}"#,
            "waits for zone0: needs 3 pages, has 1, 2 ahead of it",
        );
        check(r#"{"t_ns":0,"kind":"woken","zone":0}"#, "has all its pages of zone0");
        check(r#"{"t_ns":0,"kind":"resumed","waited_ns":1500}"#, "goes on after 1.50 µs");
        let bounced = |reason: &str, expected: &str| {
            let json = r#"{"t_ns":0,"kind":"bounced","client":"0x5000","addr":"0x1000","length":512,"reason":"?"}"#;
            check(&json.replace('?', reason), &format!("0x5000+512 goes through 0x1000: {expected}"));
        };
        bounced("window (0xffff, 0xfffff]", "it lies in the excluded window (0xffff, 0xfffff]");
        bounced("filter in (0xffff, 0xfffff]", "the filter excludes it in (0xffff, 0xfffff]");
        bounced("alignment 64", "it is not aligned to 64");
        let split = |reason: &str, expected: &str| {
            let json = r#"{"t_ns":0,"kind":"split","segment":1,"addr":"0x1000","length":512,"reason":"?"}"#;
            check(&json.replace('?', reason), &format!("0x1000+512 begins segment 1: {expected}"));
        };
        split("first", "the first piece");
        split("discontiguous", "it is not adjacent to the one before");
        split("boundary 0x1000", "joined to the one before it would cross the boundary 0x1000");
        split("maxsegsz 512", "joined to the one before it would exceed maxsegsz 512");
        check(
            r#"{"t_ns":0,"kind":"coalesced","segment":1,"addr":"0x1000","length":1}"#,
            "0x1000+1 continues segment 1",
        );
        check(r#"{"t_ns":0,"kind":"loaded","segment":1,"pages":0}"#, "has 1 segment and 0 bounce pages");
        check(r#"{"t_ns":0,"kind":"rejected","reason":"too many segments"}"#, "too many segments");
        check(r#"{"t_ns":0,"kind":"unloaded","pages":1}"#, "gives back 1 bounce page");
        check(r#"{"t_ns":0,"kind":"cancelled","pages":1}"#, "gives up its deferred load and 1 bounce page");
        check(r#"{"t_ns":0,"kind":"copied","pages":1,"length":9,"reason":"to_bounce"}"#, "9 bytes to 1 bounce page");
        check(r#"{"t_ns":0,"kind":"invented","reason":"something new"}"#, "something new");
    }
}
