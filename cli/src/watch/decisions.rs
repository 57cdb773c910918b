//! Decisions as lines, each with its reason in words.

use crate::duration;
use crate::text::{self, ACCENT, BAD, FAINT, GOOD, PLAIN, Style, WARN, counted};
use busdma_api::monitor::DecisionRecord;
use busdma_dashboards::frame::Decision;
use busdma_dashboards::theme::Role;
use busdma_dashboards::words;

/// When, where, on whose behalf and what.
pub fn line(decision: &DecisionRecord) -> String {
    let object = match (decision.map, decision.tag, decision.machine) {
        (Some(map), _, _) => map.to_string(),
        (None, Some(tag), _) => tag.to_string(),
        (None, None, Some(machine)) => machine.to_string(),
        (None, None, None) => String::new(),
    };
    let session = decision.session.map_or_else(|| "-".to_owned(), |session| session.to_string());
    let (style, sentence) = told(decision);
    format!(
        "{:>12}  {}  {session:<4}  {} {sentence}\n",
        duration::seconds(decision.t_ns),
        text::styled(ACCENT, &format!("{object:<9}")),
        text::styled(style, &format!("{:<11}", decision.kind)),
    )
}

/// How many are missing here.
pub fn lost(count: u64) -> String {
    format!("{:>12}  {}\n", "", text::styled(WARN, &format!("lost {}: they came too fast", counted(count, "decision"))))
}

/// What was decided, in words, and how that looks.
fn told(record: &DecisionRecord) -> (Style, String) {
    match Decision::try_from(record.clone()) {
        Ok(decision) => (style(words::role(decision.what.kind())), words::sentence(&decision)),
        // A daemon of a later version decides what is not known here, and says why in words of its own.
        Err(_) => (PLAIN, record.reason.clone().unwrap_or_else(|| words::NO_REASON.to_owned())),
    }
}

const fn style(role: Role) -> Style {
    match role {
        Role::Warn => WARN,
        Role::Bad => BAD,
        Role::Good => GOOD,
        Role::Faint => FAINT,
        _ => PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_known_and_of_later_kinds() {
        let check = |json: &str, expected: &str| {
            let record = serde_json::from_str(json).unwrap();
            assert_eq!(anstream::adapter::strip_str(&line(&record)).to_string(), expected, "{json}");
        };
        check(
            r#"{"t_ns":1500000000,"machine":"vm1","session":"s3","kind":"deferred","map":"vm1/m5","zone":0,"needed":3,"pages":1,"ahead":2}"#,
            "     1.500 s  vm1/m5     s3    deferred    waits for zone0: needs 3, has 1, 2 ahead\n",
        );
        check(
            r#"{"t_ns":0,"machine":"vm1","kind":"pool_grown","zone":1,"needed":4,"pages":1}"#,
            "     0.000 s  vm1        -     pool_grown  zone1 grows by 1 bounce page of 4 wanted\n",
        );
        check(
            r#"{"t_ns":0,"kind":"invented","reason":"something new"}"#,
            "     0.000 s             -     invented    something new\n",
        );
        check(r#"{"t_ns":0,"kind":"woken"}"#, "     0.000 s             -     woken       for no reason given\n");
    }
}
