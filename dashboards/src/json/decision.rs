//! A decision as JSON, by the names of `org.busdma.Monitor`'s `DecisionRecord`.

use crate::frame::{BounceWhy, CopyWay, Decision, SplitWhy, What};
use crate::units::hex;
use serde_json::{Map, Value};

/// A decision and its number since the log began.
pub(super) fn json(number: u64, decision: &Decision) -> Value {
    let mut record = Record(Map::new());
    record.put("number", number);
    record.put("t_ns", decision.t_ns);
    record.put("machine", decision.machine.as_str());
    record.put_known("session", decision.session.as_deref());
    record.put("kind", decision.what.kind().name());
    record.put_known("map", decision.map.as_deref());
    record.put_known("tag", decision.tag.as_deref());
    record.what(&decision.what);
    Value::Object(record.0)
}

struct Record(Map<String, Value>);

impl Record {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn put_known(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Bytes at a bus address.
    fn place(&mut self, addr: u64, len: u64) {
        self.put("addr", hex(addr));
        self.put("length", len);
    }

    fn what(&mut self, what: &What) {
        match what {
            What::ZoneChosen { zone, created } => {
                self.put("zone", *zone);
                self.put("reason", if *created { "created" } else { "shared" });
            }
            What::PoolGrown { zone, wanted, added } => {
                self.put("zone", *zone);
                self.put("needed", *wanted);
                self.put("pages", *added);
            }
            What::Counted { pages } => self.put("needed", *pages),
            What::Reserved { zone, pages } => {
                self.put("zone", *zone);
                self.put("pages", *pages);
            }
            What::Deferred { zone, needed, reserved, ahead } => {
                self.put("zone", *zone);
                self.put("needed", *needed);
                self.put("pages", *reserved);
                self.put("ahead", *ahead);
            }
            What::Woken { zone } => self.put("zone", *zone),
            What::Resumed { waited_ns } => self.put("waited_ns", *waited_ns),
            What::Bounced { client, bounce, len, why } => {
                self.put("client", hex(*client));
                self.place(*bounce, *len);
                self.put_known("reason", bounce_word(*why).as_deref());
            }
            What::Split { segment, addr, len, why } => {
                self.put("segment", *segment);
                self.place(*addr, *len);
                self.put_known("reason", split_word(*why).as_deref());
            }
            What::Coalesced { segment, addr, len } => {
                self.put("segment", *segment);
                self.place(*addr, *len);
            }
            What::Loaded { segments, bpages } => {
                self.put("segment", *segments);
                self.put_known("pages", *bpages);
            }
            What::Rejected { error } => self.put("reason", error.as_str()),
            What::Unloaded { pages } => self.put_known("pages", *pages),
            What::Cancelled { pages } => self.put("pages", *pages),
            What::Copied { way, pages, bytes } => {
                self.put("reason", copy_word(*way));
                self.put("pages", *pages);
                self.put("length", *bytes);
            }
        }
    }
}

fn bounce_word(why: BounceWhy) -> Option<String> {
    match why {
        BounceWhy::Window { lowaddr, highaddr } => Some(format!("window ({lowaddr:#x}, {highaddr:#x}]")),
        BounceWhy::Filter { lowaddr, highaddr } => Some(format!("filter in ({lowaddr:#x}, {highaddr:#x}]")),
        BounceWhy::Alignment { bytes } => Some(format!("alignment {bytes}")),
        BounceWhy::NotTold => None,
    }
}

fn split_word(why: SplitWhy) -> Option<String> {
    match why {
        SplitWhy::First => Some("first".to_owned()),
        SplitWhy::Discontiguous => Some("discontiguous".to_owned()),
        SplitWhy::Boundary { bytes } => Some(format!("boundary {bytes:#x}")),
        SplitWhy::MaxSegSize { bytes } => Some(format!("maxsegsz {bytes}")),
        SplitWhy::NotTold => None,
    }
}

const fn copy_word(way: CopyWay) -> &'static str {
    match way {
        CopyWay::ToBounce => "to_bounce",
        CopyWay::FromBounce => "from_bounce",
    }
}
