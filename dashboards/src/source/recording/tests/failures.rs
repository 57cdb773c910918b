//! What is shown when a file cannot be read.

use super::traffic::hour;
use super::{at, opened};
use crate::frame::OriginState;
use crate::source::recording::index::Stage;
use crate::source::{Done, Moment, Play, Source, Wish};
use std::io;
use std::time::Duration;

#[test]
fn a_file_that_cannot_be_read_to_its_end_says_so_at_every_moment() {
    let (_folder, mut recording) = opened(&hour(Vec::new(), 500));
    recording.shared.change(|index| index.stage = Stage::Failed(io::Error::other("no space")));
    let unreadable = OriginState::Unreadable { why: "no space".to_owned() };
    for share in [0.0, 0.5, 1.0] {
        let frame = at(&mut recording, Moment::Share(share));
        assert_eq!((&frame.origin.state, frame.machines.len()), (&unreadable, 1), "{share}");
    }
}

/// Of the longer recording a machine is kept behind what can be read, of the shorter one none is.
#[test]
fn what_cannot_be_gone_to_is_told_and_the_machine_stays() {
    shortened(8_000);
    shortened(16_000);
}

fn shortened(operations: u64) {
    let text = hour(Vec::new(), operations);
    let (folder, mut recording) = opened(&text);
    let file = std::fs::File::options().write(true).open(folder.path().join("recording")).unwrap();
    file.set_len(text.len() as u64 / 2).unwrap();
    let unreadable = |state: &OriginState| matches!(state, OriginState::Unreadable { .. });

    // Playing stops.
    let frame = recording.frame(Duration::from_mins(50));
    assert!(unreadable(&frame.origin.state), "{:?}", frame.origin);
    assert_eq!(frame.machines.len(), 1);
    let there = recording.frame(Duration::from_secs(3001));
    assert_eq!((there.t_ns, &there.machines), (frame.t_ns, &frame.machines));

    // What can still be read can be gone to.
    let before = at(&mut recording, Moment::Share(0.1));
    assert_eq!((&before.origin.state, before.machines.len()), (&OriginState::Paused, 1));
    let said = recording.ask(Wish::Seek(Moment::Share(0.9))).unwrap();
    assert!(matches!(said, Done::Said(_)), "{said:?}");
    let after = recording.frame(Duration::from_secs(3002));
    assert!(unreadable(&after.origin.state) && after.machines.len() == 1, "{:?}", after.origin);
    recording.ask(Wish::Play(Play::Run)).unwrap();
    assert_eq!(at(&mut recording, Moment::Share(0.1)).machines, before.machines);
}
