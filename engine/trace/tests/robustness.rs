//! Whatever bytes come, reading and replaying end in an answer, never in a panic.

#[path = "support/region.rs"]
mod region;
#[path = "support/rerun.rs"]
mod rerun;
#[path = "support/vectors.rs"]
mod vectors;

use busdma_engine::Profile;
use busdma_trace::format::{Contents, Header};
use busdma_trace::{ProfileChoice, ReplayOptions, Replayer, TraceReader};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use region::with_region;
use std::sync::LazyLock;

/// The golden scenarios, one text each.
static SCENARIOS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut scenarios: Vec<String> = Vec::new();
    for (_, trace) in vectors::golden_traces() {
        for line in trace.lines() {
            if line.starts_with("{\"format\"") {
                scenarios.push(String::new());
            }
            let scenario = scenarios.last_mut().expect("a file starts with a header");
            scenario.push_str(line);
            scenario.push('\n');
        }
    }
    scenarios
});

/// Golden scenarios that start in the middle, from a state in their header.
static STARTED: LazyLock<Vec<String>> = LazyLock::new(|| SCENARIOS.iter().map(|trace| started(trace)).collect());

fn started(trace: &str) -> String {
    let scenario = rerun::scenarios(trace).remove(0);
    let lines: Vec<_> = scenario.lines.iter().map(|line| rerun::Line::parse(line)).collect();
    let (before, behind) = lines.split_at(lines.len() * 2 / 3);
    let mut header: Header<'_> = serde_json::from_str(&scenario.header).unwrap();
    header.contents = Contents::Unrecorded;
    let mut first = rerun::Rerun::start(&header, Profile::Freebsd12);
    for line in before {
        let _ = first.record(&line.input(), line.t);
    }
    header.state = Some(Box::new(first.recorder.state().unwrap()));
    let mut second = rerun::Rerun::start(&header, Profile::Freebsd12);
    for line in behind {
        let _ = second.record(&with_region(line.input(), &line.output()), line.t);
    }
    second.check_replay(&scenario.header).1
}

/// Reads and replays everything there is, going on behind each error; says how many scenarios were replayed.
fn exhaust(trace: &[u8], profile: ProfileChoice) -> usize {
    let mut reader = TraceReader::new(trace, "t");
    let mut replayer = Replayer::new(ReplayOptions { profile, ..ReplayOptions::DEFAULT });
    let mut replayed = 0;
    // Every call reads a line at least, or ends.
    for _ in 0..=trace.len() {
        match replayer.next_scenario(&mut reader) {
            Ok(Some(_)) => replayed += 1,
            Ok(None) => return replayed,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    panic!("the reader never came to an end");
}

fn profile() -> impl Strategy<Value = ProfileChoice> {
    prop_oneof![
        Just(ReplayOptions::DEFAULT.profile),
        proptest::sample::select(&Profile::ALL[..]).prop_map(ProfileChoice::Fixed),
    ]
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Edit {
    /// Another byte.
    Byte(Index, u8),
    /// Another number in place of a run of digits.
    Number(Index, u64),
    /// A piece of a golden scenario put in.
    Splice(Index, Index, usize),
    /// Bytes taken out.
    Cut(Index, usize),
    /// A line said twice.
    Repeat(Index),
    /// A line left out.
    Drop(Index),
    /// Two lines swapped.
    Swap(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = prop_oneof![
        0_u64..5,
        any::<u64>(),
        (0_u32..64, -1_i64..2).prop_map(|(bit, by)| (1_u64 << bit).wrapping_add_signed(by)),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        (any::<Index>(), number).prop_map(|(at, number)| Edit::Number(at, number)),
        (any::<Index>(), any::<Index>(), 1_usize..200).prop_map(|(at, from, len)| Edit::Splice(at, from, len)),
        (any::<Index>(), 1_usize..200).prop_map(|(at, len)| Edit::Cut(at, len)),
        any::<Index>().prop_map(Edit::Repeat),
        any::<Index>().prop_map(Edit::Drop),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Edit::Swap(a, b)),
    ]
}

fn apply(trace: &mut Vec<u8>, edit: &Edit) {
    if trace.is_empty() {
        return;
    }
    match edit {
        Edit::Byte(at, byte) => {
            let at = at.index(trace.len());
            trace[at] = *byte;
        }
        Edit::Number(at, number) => {
            let at = at.index(trace.len());
            let Some(start) = (at..trace.len()).find(|&i| trace[i].is_ascii_digit()) else { return };
            let end = (start..trace.len()).find(|&i| !trace[i].is_ascii_hexdigit()).unwrap_or(trace.len());
            let hex = start > 1 && trace[start..].starts_with(b"0x");
            let (start, end, text) = if hex {
                let end = (start + 2..trace.len()).find(|&i| !trace[i].is_ascii_hexdigit()).unwrap_or(trace.len());
                (start, end, format!("{number:#x}"))
            } else {
                (start, end, number.to_string())
            };
            trace.splice(start..end, text.into_bytes());
        }
        Edit::Splice(at, from, len) => {
            let donor = &SCENARIOS[from.index(SCENARIOS.len())];
            let from = from.index(donor.len());
            let piece = donor.as_bytes()[from..donor.len().min(from + len)].to_vec();
            let at = at.index(trace.len());
            trace.splice(at..at, piece);
        }
        Edit::Cut(at, len) => {
            let at = at.index(trace.len());
            let end = trace.len().min(at + len);
            trace.drain(at..end);
        }
        Edit::Repeat(at) => edit_lines(trace, |lines| {
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
        }),
        Edit::Drop(at) => edit_lines(trace, |lines| {
            lines.remove(at.index(lines.len()));
        }),
        Edit::Swap(a, b) => edit_lines(trace, |lines| {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }),
    }
}

fn edit_lines(trace: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<_> = trace.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    edit(&mut lines);
    *trace = lines.join(&b'\n');
}

proptest! {
    #![proptest_config(ProptestConfig {
        // PROPTEST_CASES can ask for more.
        cases: ProptestConfig::default().cases.max(2000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes(trace in vec(any::<u8>(), 0..400), profile in profile()) {
        exhaust(&trace, profile);
    }

    #[test]
    fn bytes_that_look_like_a_trace(trace in vec(proptest::sample::select(&b"{}[]\":,0x1f\nseqopinoutformat"[..]), 0..400)) {
        exhaust(&trace, ReplayOptions::DEFAULT.profile);
    }

    #[test]
    fn golden_scenarios_with_changes(scenario in any::<Index>(), edits in vec(edit(), 0..6), profile in profile()) {
        let mut trace = SCENARIOS[scenario.index(SCENARIOS.len())].clone().into_bytes();
        for edit in &edits {
            apply(&mut trace, edit);
        }
        let replayed = exhaust(&trace, profile);
        prop_assert!(!edits.is_empty() || replayed == 1);
    }

    #[test]
    fn started_scenarios_with_changes(scenario in any::<Index>(), edits in vec(edit(), 0..6), profile in profile()) {
        let mut trace = STARTED[scenario.index(STARTED.len())].clone().into_bytes();
        // The state in the header is long: most changes hit it.
        for edit in &edits {
            apply(&mut trace, edit);
        }
        exhaust(&trace, profile);
    }
}
