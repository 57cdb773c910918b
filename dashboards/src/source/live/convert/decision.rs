//! Decisions: the reasons are read back from the words in which the daemon tells them.

use crate::frame::{BounceWhy, CopyWay, Decision, Name, SplitWhy, What};
use busdma_api::monitor::DecisionRecord;
use compact_str::ToCompactString;
use thiserror::Error;

/// A record that this program does not understand: it comes from a daemon of another version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotADecision {
    /// No decision is of that kind.
    #[error("no decision is of the kind `{kind}`")]
    Kind {
        /// The kind.
        kind: String,
    },
    /// What decisions of that kind always have is not there, or too large.
    #[error("a decision of the kind `{kind}` says no {field}")]
    Field {
        /// The kind.
        kind: String,
        /// The field.
        field: &'static str,
    },
}

impl TryFrom<DecisionRecord> for Decision {
    type Error = NotADecision;

    fn try_from(record: DecisionRecord) -> Result<Self, NotADecision> {
        Ok(Self {
            t_ns: record.t_ns,
            machine: Fields { record: &record }.machine()?,
            session: record.session.map(|session| session.to_compact_string()),
            map: record.map.map(|map| map.to_compact_string()),
            tag: record.tag.map(|tag| tag.to_compact_string()),
            what: what(&record)?,
        })
    }
}

fn what(record: &DecisionRecord) -> Result<What, NotADecision> {
    let has = Fields { record };
    let reason = || record.reason.as_deref().unwrap_or_default();
    Ok(match &*record.kind {
        "zone_chosen" => What::ZoneChosen { zone: has.zone()?, created: reason() == "created" },
        "pool_grown" => What::PoolGrown {
            zone: has.zone()?,
            wanted: has.number("needed", record.needed)?,
            added: has.number("pages", record.pages)?,
        },
        "counted" => What::Counted { pages: has.small("needed", record.needed)? },
        "reserved" => What::Reserved { zone: has.zone()?, pages: has.pages()? },
        "deferred" => What::Deferred {
            zone: has.zone()?,
            needed: has.small("needed", record.needed)?,
            reserved: has.pages()?,
            ahead: has.number("ahead", record.ahead)?,
        },
        "woken" => What::Woken { zone: has.zone()? },
        "resumed" => What::Resumed { waited_ns: has.number("waited_ns", record.waited_ns)? },
        "bounced" => What::Bounced {
            client: has.number("client", record.client.map(|client| client.0))?,
            bounce: has.addr()?,
            len: has.length()?,
            why: bounce_why(reason()),
        },
        "split" => {
            What::Split { segment: has.segment()?, addr: has.addr()?, len: has.length()?, why: split_why(reason()) }
        }
        "coalesced" => What::Coalesced { segment: has.segment()?, addr: has.addr()?, len: has.length()? },
        "loaded" => What::Loaded { segments: has.segment()?, bpages: Some(has.pages()?) },
        "rejected" => What::Rejected { error: Name::from(reason()) },
        "unloaded" => What::Unloaded { pages: Some(has.pages()?) },
        "cancelled" => What::Cancelled { pages: has.pages()? },
        "copied" => What::Copied { way: has.way(reason())?, pages: has.pages()?, bytes: has.length()? },
        _ => return Err(NotADecision::Kind { kind: record.kind.clone() }),
    })
}

/// The fields of a record that its kind promises.
#[derive(Clone, Copy)]
struct Fields<'r> {
    record: &'r DecisionRecord,
}

impl Fields<'_> {
    fn machine(self) -> Result<Name, NotADecision> {
        self.record.machine.map(|machine| machine.to_compact_string()).ok_or_else(|| self.lacks("machine"))
    }

    fn zone(self) -> Result<u32, NotADecision> {
        self.record.zone.ok_or_else(|| self.lacks("zone"))
    }

    fn pages(self) -> Result<u32, NotADecision> {
        self.small("pages", self.record.pages)
    }

    fn segment(self) -> Result<u64, NotADecision> {
        self.number("segment", self.record.segment)
    }

    fn addr(self) -> Result<u64, NotADecision> {
        self.number("addr", self.record.addr.map(|addr| addr.0))
    }

    fn length(self) -> Result<u64, NotADecision> {
        self.number("length", self.record.length)
    }

    fn way(self, reason: &str) -> Result<CopyWay, NotADecision> {
        match reason {
            "to_bounce" => Ok(CopyWay::ToBounce),
            "from_bounce" => Ok(CopyWay::FromBounce),
            _ => Err(self.lacks("reason")),
        }
    }

    fn small(self, field: &'static str, value: Option<u64>) -> Result<u32, NotADecision> {
        u32::try_from(self.number(field, value)?).map_err(|_| self.lacks(field))
    }

    fn number(self, field: &'static str, value: Option<u64>) -> Result<u64, NotADecision> {
        value.ok_or_else(|| self.lacks(field))
    }

    fn lacks(self, field: &'static str) -> NotADecision {
        NotADecision::Field { kind: self.record.kind.clone(), field }
    }
}

fn bounce_why(reason: &str) -> BounceWhy {
    let why = match reason.split_once(' ') {
        Some(("window", range)) => window(range).map(|(lowaddr, highaddr)| BounceWhy::Window { lowaddr, highaddr }),
        Some(("filter", range)) => range
            .strip_prefix("in ")
            .and_then(window)
            .map(|(lowaddr, highaddr)| BounceWhy::Filter { lowaddr, highaddr }),
        Some(("alignment", bytes)) => number(bytes).map(|bytes| BounceWhy::Alignment { bytes }),
        _ => None,
    };
    why.unwrap_or(BounceWhy::NotTold)
}

fn split_why(reason: &str) -> SplitWhy {
    match (reason, reason.split_once(' ')) {
        ("first", _) => SplitWhy::First,
        ("discontiguous", _) => SplitWhy::Discontiguous,
        (_, Some(("boundary", bytes))) => number(bytes).map_or(SplitWhy::NotTold, |bytes| SplitWhy::Boundary { bytes }),
        (_, Some(("maxsegsz", bytes))) => {
            number(bytes).map_or(SplitWhy::NotTold, |bytes| SplitWhy::MaxSegSize { bytes })
        }
        _ => SplitWhy::NotTold,
    }
}

/// The ends of `(0xffff, 0xffffff]`.
fn window(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.strip_prefix('(')?.strip_suffix(']')?.split_once(", ")?;
    Some((number(low)?, number(high)?))
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_api::{Hex, MachineId, MapRef, SessionId};

    fn record(kind: &str, fill: impl FnOnce(&mut DecisionRecord)) -> DecisionRecord {
        let machine = MachineId::private(1);
        let mut record = DecisionRecord { t_ns: 7, machine: Some(machine), kind: kind.into(), ..Default::default() };
        record.session = Some(SessionId(3));
        record.map = Some(MapRef { machine, number: 5 });
        fill(&mut record);
        record
    }

    #[test]
    fn names_are_those_of_the_wire() {
        let decision = Decision::try_from(record("woken", |record| record.zone = Some(2))).unwrap();
        assert_eq!((decision.t_ns, &*decision.machine, decision.what), (7, "vm1", What::Woken { zone: 2 }));
        assert_eq!((decision.session.as_deref(), decision.map.as_deref()), (Some("s3"), Some("vm1/m5")));
    }

    #[test]
    fn reasons_are_read_back() {
        let bounced = |reason: &str, expected| {
            let record = record("bounced", |record| {
                record.client = Some(Hex(0x1_0000_0000));
                record.addr = Some(Hex(0x10_0000));
                record.length = Some(4096);
                record.reason = Some(reason.into());
            });
            let what = What::Bounced { client: 0x1_0000_0000, bounce: 0x10_0000, len: 4096, why: expected };
            assert_eq!(Decision::try_from(record).map(|decision| decision.what), Ok(what), "{reason}");
        };
        let (lowaddr, highaddr) = (0xff_ffff, u64::MAX);
        bounced("window (0xffffff, 0xffffffffffffffff]", BounceWhy::Window { lowaddr, highaddr });
        bounced("filter in (0xffffff, 0xffffffffffffffff]", BounceWhy::Filter { lowaddr, highaddr });
        bounced("alignment 512", BounceWhy::Alignment { bytes: 512 });
        bounced("the moon", BounceWhy::NotTold);
        bounced("window (0xffffff", BounceWhy::NotTold);
        let split = |reason: &str, expected| assert_eq!(split_why(reason), expected, "{reason}");
        split("first", SplitWhy::First);
        split("discontiguous", SplitWhy::Discontiguous);
        split("boundary 0x10000", SplitWhy::Boundary { bytes: 0x1_0000 });
        split("maxsegsz 4096", SplitWhy::MaxSegSize { bytes: 4096 });
        split("maxsegsz many", SplitWhy::NotTold);
        split("", SplitWhy::NotTold);
    }

    #[test]
    fn what_cannot_be_understood_says_why() {
        let check = |record: DecisionRecord, says: &str| {
            assert_eq!(Decision::try_from(record).map_err(|error| error.to_string()), Err(says.to_owned()));
        };
        check(record("woken", |record| record.machine = None), "a decision of the kind `woken` says no machine");
        check(record("guessed", |_| {}), "no decision is of the kind `guessed`");
        check(record("woken", |_| {}), "a decision of the kind `woken` says no zone");
        let huge = |record: &mut DecisionRecord| record.pages = Some(u64::MAX);
        check(record("unloaded", huge), "a decision of the kind `unloaded` says no pages");
    }
}
