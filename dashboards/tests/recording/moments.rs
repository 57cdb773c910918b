//! A moment looks the same from wherever it is gone to.

use crate::traffic::{Pieces, STARTED_NS, STARTED_UNIX_NS, hour};
use crate::{at, file, opened};
use busdma_dashboards::frame::{Frame, OriginState, TimeAxis, What};
use busdma_dashboards::source::recording::Recording;
use busdma_dashboards::source::{Done, Moment, Play, Refused, Source, Towards, Wish};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An hour of 12 000 operations, compressed as the daemon does, in one frame, and not at all.
fn recordings(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let text = hour(Vec::new(), 12_000);
    let mut pieces = Pieces::new(Vec::new());
    text.split_inclusive(|byte| *byte == b'\n').for_each(|line| pieces.write_all(line).unwrap());
    let whole = zstd::encode_all(&text[..], 3).unwrap();
    vec![
        file(folder, "pieces.jsonl.zst", &pieces.finish().unwrap()),
        file(folder, "whole.jsonl.zst", &whole),
        file(folder, "plain.jsonl", &text),
    ]
}

/// What does not depend on the file's name.
fn shown(frame: &Arc<Frame>) -> Frame {
    let mut frame = Frame::clone(frame);
    frame.origin.name.clear();
    frame
}

#[test]
fn the_way_to_a_moment_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let mut reference: Option<Vec<Frame>> = None;
    for path in recordings(&folder) {
        let mut forward = opened(&path);
        let share = |number: u32| Moment::Share(f64::from(number) / 40.0);
        let frames: Vec<_> = (0..=40).map(|number| shown(&at(&mut forward, share(number)))).collect();
        let mut jumping = opened(&path);
        let mut number = 7;
        for _ in 0..120 {
            number = (number * 5 + 17) % 41;
            assert_eq!(
                shown(&at(&mut jumping, share(number))),
                frames[number as usize],
                "{}, {number}/40",
                path.display()
            );
        }
        assert!(frames.iter().any(|frame| !frame.machines[0].waiters.is_empty()));
        assert!(frames.windows(2).all(|pair| pair[0].machines[0].loads < pair[1].machines[0].loads));
        match &reference {
            None => reference = Some(frames),
            Some(reference) => assert_eq!(&frames, reference, "{}", path.display()),
        }
    }
}

/// A frame with more text than is decompressed at once, as other programs write them, behind one of the recorder's.
#[test]
fn large_frames_are_spooled() {
    let folder = tempfile::tempdir().unwrap();
    let text = hour(Vec::new(), 60_000);
    let cut = text.iter().position(|byte| *byte == b'\n').unwrap() + 100;
    let (first, rest) = text.split_at(cut);
    let (middle, last) = rest.split_at(rest.len() - 1000);
    assert!(middle.len() > 17 << 20, "{}", middle.len());
    let mut bytes = zstd::encode_all(first, 3).unwrap();
    bytes.extend(zstd::encode_all(middle, 1).unwrap());
    bytes.extend(zstd::encode_all(last, 3).unwrap());
    let mut spooled = opened(&file(&folder, "spooled.zst", &bytes));
    let mut plain = opened(&file(&folder, "plain", &text));
    for number in [30_u8, 100, 0, 71, 70, 99] {
        let share = Moment::Share(f64::from(number) / 100.0);
        assert_eq!(shown(&at(&mut spooled, share)), shown(&at(&mut plain, share)), "{number} %");
    }
}

#[test]
fn deferrals_are_found_to_the_operation() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = opened(&recordings(&folder)[0]);
    let mut later = Vec::new();
    loop {
        match recording.ask(Wish::Deferral(Towards::Later)) {
            Ok(done) => assert_eq!(done, Done::Silently),
            Err(refused) => {
                assert_eq!(refused, Refused::NoDeferral(Towards::Later));
                break;
            }
        }
        let frame = recording.frame(Duration::ZERO);
        let deferred = frame.decisions.iter().rev().find(|decision| matches!(decision.what, What::Deferred { .. }));
        assert_eq!(deferred.map(|decision| decision.t_ns), Some(frame.t_ns));
        let waiter = frame.machines[0].waiters.last().unwrap();
        assert_eq!((waiter.age_ns, Some(&waiter.map)), (0, deferred.and_then(|decision| decision.map.as_ref())));
        later.push(shown(&frame));
    }
    assert!(later.len() > 50, "{}", later.len());
    let told: u32 = later[0].timeline.as_ref().unwrap().buckets.iter().map(|bucket| bucket.deferred).sum();
    assert_eq!(told as usize, later.len());
    for frame in later.iter().rev().skip(1) {
        recording.ask(Wish::Deferral(Towards::Earlier)).unwrap();
        assert_eq!(&shown(&recording.frame(Duration::ZERO)), frame);
    }
    assert_eq!(recording.ask(Wish::Deferral(Towards::Earlier)), Err(Refused::NoDeferral(Towards::Earlier)));
}

#[test]
fn clocks() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = opened(&recordings(&folder)[0]);
    let start = at(&mut recording, Moment::FromStart(0));
    let timeline = start.timeline.clone().unwrap();
    assert_eq!(timeline.axis, TimeAxis::Nanoseconds);
    assert_eq!(
        (timeline.start, start.t_ns, start.unix_ns),
        (STARTED_NS, STARTED_NS, i64::try_from(STARTED_UNIX_NS).ok())
    );
    let second = 1_000_000_000;
    assert_eq!(at(&mut recording, Moment::FromStart(90 * second)).t_ns, STARTED_NS + 90 * second);
    assert_eq!(at(&mut recording, Moment::FromHere(-30_000_000_000)).t_ns, STARTED_NS + 60 * second);
    let unix = i64::try_from(STARTED_UNIX_NS).unwrap() + 600_000_000_000;
    let frame = at(&mut recording, Moment::Unix(unix));
    assert_eq!((frame.t_ns, frame.unix_ns), (STARTED_NS + 600 * second, Some(unix)));
    recording.ask(Wish::Step(-3)).unwrap();
    assert_eq!(recording.frame(Duration::ZERO).t_ns, STARTED_NS + 600 * second - 3 * timeline.step);
    recording.ask(Wish::Interval(Duration::from_secs(2))).unwrap();
    recording.ask(Wish::Step(1)).unwrap();
    let frame = recording.frame(Duration::ZERO);
    assert_eq!(frame.t_ns, STARTED_NS + 602 * second - 3 * timeline.step);
    assert!(Arc::ptr_eq(&frame, &recording.frame(Duration::ZERO)));
    let outside = recording.ask(Wish::Seek(Moment::FromStart(2 * 3600 * second)));
    assert!(matches!(outside, Err(Refused::Outside { .. })), "{outside:?}");
    assert_eq!(recording.ask(Wish::ToggleRecording), Err(Refused::NotLive));
}

#[test]
fn it_plays_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::open(&recordings(&folder)[0]).unwrap();
    recording.wait();
    let start = recording.frame(Duration::ZERO);
    assert_eq!(start.origin.state, OriginState::Running);
    let later = recording.frame(Duration::from_millis(1500));
    assert_eq!(later.t_ns, start.t_ns + 1_500_000_000);
    recording.ask(Wish::Play(Play::Pause)).unwrap();
    let paused = recording.frame(Duration::from_millis(2500));
    assert_eq!((paused.t_ns, &paused.origin.state), (later.t_ns, &OriginState::Paused));
    recording.ask(Wish::Play(Play::Run)).unwrap();
    assert_eq!(recording.frame(Duration::from_millis(2600)).t_ns, later.t_ns + 100_000_000);
    let end = recording.frame(Duration::from_secs(4000));
    assert_eq!(end.origin.state, OriginState::Ended);
    assert_eq!(Some(end.t_ns), end.timeline.as_ref().map(|timeline| timeline.end));
    assert_eq!(recording.frame(Duration::from_secs(5000)).t_ns, end.t_ns);
}

#[test]
fn traces_without_times_are_counted_in_operations() {
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/trace/tests/vectors/freebsd-11.0");
    let mut recording = opened(&vectors.join("defer.jsonl.zst"));
    let start = recording.frame(Duration::ZERO);
    let timeline = start.timeline.clone().unwrap();
    assert_eq!((timeline.axis, timeline.start), (TimeAxis::Operations, 1));
    assert_eq!(start.unix_ns, None);
    assert_eq!(recording.ask(Wish::Seek(Moment::Unix(0))), Err(Refused::NoWallClock));
    let forward: Vec<_> = (timeline.start..=timeline.end).map(|t| shown(&at(&mut recording, Moment::At(t)))).collect();
    for (t, frame) in (timeline.start..).zip(&forward).collect::<Vec<_>>().into_iter().rev() {
        assert_eq!(&shown(&at(&mut recording, Moment::At(t))), frame, "{t}");
    }
    let kinds: Vec<_> =
        forward.iter().flat_map(|frame| frame.decisions.iter().map(|one| one.what.kind().name())).collect();
    for kind in ["loaded", "deferred", "unloaded", "copied"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    let machines: std::collections::BTreeSet<_> =
        forward.iter().map(|frame| frame.machines[0].machine.clone()).collect();
    assert_eq!(machines.len(), 46);
}
