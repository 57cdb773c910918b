use super::kept::Kept;
use super::*;
use crate::frame::Severity;
use crate::source::Moment;

fn opened(capture: &str) -> HostCapture {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/host/tests/data");
    HostCapture::open(&data.join(capture)).unwrap()
}

fn at_end(capture: &str) -> HostCapture {
    let mut capture = opened(capture);
    capture.ask(Wish::Seek(Moment::Share(1.0))).unwrap();
    capture
}

#[test]
fn steps_and_failures_stay_where_they_lead() {
    for wish in [Wish::Step(7), Wish::Deferral(Towards::Later)] {
        let mut capture = opened("nvme-pool1M");
        capture.frame(Duration::from_millis(500));
        assert_eq!(capture.ask(wish.clone()), Ok(Done::Silently));
        let there = capture.now.moment;
        let frame = capture.frame(Duration::from_secs(1));
        assert_eq!((capture.now.moment, &frame.origin.state), (there, &OriginState::Paused), "{wish:?}");
    }
}

#[test]
fn every_failure_is_reached_both_ways() {
    let mut capture = opened("nvme-pool1M");
    let mut walk = |towards| {
        let mut places = Vec::new();
        while capture.ask(Wish::Deferral(towards)) == Ok(Done::Silently) {
            capture.frame(Duration::from_secs(places.len() as u64));
            places.push(capture.now.moment.items);
        }
        places
    };
    let there = walk(Towards::Later);
    let mut back = walk(Towards::Earlier);
    back.reverse();
    assert!(there.len() > 2, "{there:?}");
    assert_eq!(there.split_last().map(|(_, before)| before), Some(&*back));
    assert_eq!(capture.ask(Wish::Deferral(Towards::Earlier)), Err(Refused::NoFailure(Towards::Earlier)));
}

#[test]
fn a_failure_that_is_not_there_stops_nothing() {
    let mut capture = opened("nvme-direct");
    assert_eq!(capture.ask(Wish::Deferral(Towards::Later)), Err(Refused::NoFailure(Towards::Later)));
    assert_eq!(capture.play, Play::Run);
}

#[test]
fn at_the_end_it_begins_anew_or_pauses() {
    let mut capture = at_end("nvme-pool1M");
    assert_eq!(capture.frame(Duration::ZERO).origin.state, OriginState::Ended);
    capture.ask(Wish::Play(Play::Pause)).unwrap();
    let paused = capture.frame(Duration::from_secs(1));
    assert_eq!((paused.t_ns, &paused.origin.state), (capture.whole.end, &OriginState::Paused));
    capture.ask(Wish::Play(Play::Run)).unwrap();
    let anew = capture.frame(Duration::from_secs(1));
    assert_eq!((anew.t_ns, &anew.origin.state), (capture.whole.start, &OriginState::Running));
}

#[test]
fn moments_reached_from_a_kept_one_are_the_same() {
    let (mut plain, mut capture) = (opened("nvme-pool1M"), opened("nvme-pool1M"));
    let (mut kept, mut now) = (Kept::every(100), Now::begin(&capture.facts, capture.whole.start));
    for item in &capture.items {
        now.take(item);
        kept.see(&now);
    }
    capture.course.kept = kept;
    for source in [&mut plain, &mut capture] {
        source.ask(Wish::Play(Play::Pause)).unwrap();
    }
    for share in [0.9, 0.2, 0.21, 1.0, 0.85, 0.8, 0.0, 0.5] {
        let [plain, other] = [&mut plain, &mut capture].map(|source| {
            source.ask(Wish::Seek(Moment::Share(share))).unwrap();
            source.frame(Duration::ZERO)
        });
        assert_eq!(other, plain, "{share}");
    }
}

#[test]
fn a_finding_was_last_seen_when_it_was_last_counted() {
    let mut capture = at_end("nvme-pool1M");
    let frame = capture.frame(Duration::ZERO);
    let full = frame.findings.iter().find(|finding| finding.kind == "failed_pool_full").unwrap();
    let sampled = capture.now.correlation.samples().filter(|sample| sample.verdict.kind().name() == &*full.kind);
    let sampled: Vec<_> = sampled.map(|sample| sample.at.raw()).collect();
    assert_eq!(sampled.first(), Some(&full.first_ns));
    assert!(full.count > sampled.len() as u64 && sampled.iter().all(|at| *at < full.last_ns), "{full:?} {sampled:?}");
}

#[test]
fn what_is_good_to_know_is_a_note() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let issue = |nth| format!("dd-7 [000] ..... 4.00000{nth}: block_rq_issue: 8,0 R 4096 () {nth} + 8 none,0,0 [dd]\n");
    std::fs::write(file.path(), (1..9).map(issue).collect::<String>()).unwrap();
    let mut capture = HostCapture::open(file.path()).unwrap();
    capture.ask(Wish::Seek(Moment::Share(1.0))).unwrap();
    let frame = capture.frame(Duration::ZERO);
    let kinds: Vec<_> = frame.findings.iter().map(|finding| (&*finding.kind, finding.severity)).collect();
    assert_eq!(kinds, [("no_dma_events", Severity::Note)]);
}
