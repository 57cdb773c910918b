//! Any bytes at all as ftrace's or perf's text, and as a capture. Nothing may panic, every line is counted once, and what was
//! read survives being written.

#![no_main]

use busdma_host::capture::{CaptureReader, CaptureWriter, Entry, Header};
use busdma_host::event::HostEvent;
use busdma_host::text::TextReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = TextReader::new();
    let events: Vec<_> = reader.events(bytes).map(Result::unwrap).collect();
    let stats = reader.stats();
    let kept = stats.events.total() + stats.others.total() + stats.comments;
    assert_eq!(kept + stats.lost_notices + stats.blank + stats.not_understood, stats.lines);
    assert_eq!(events.len() as u64, stats.events.total());
    written_and_read(&events);
    if let Ok(capture) = CaptureReader::new(bytes) {
        let entries: Vec<_> = capture.filter_map(Result::ok).collect();
        let events: Vec<_> = entries.into_iter().filter_map(event).collect();
        written_and_read(&events);
    }
});

fn written_and_read(events: &[HostEvent]) {
    let mut writer = CaptureWriter::new(Vec::new(), &Header::default()).unwrap();
    for event in events {
        writer.write_event(event).unwrap();
    }
    let file = writer.finish().unwrap();
    let read: Vec<_> = CaptureReader::new(&*file).unwrap().map(Result::unwrap).filter_map(event).collect();
    assert_eq!(read, events);
}

fn event(entry: Entry) -> Option<HostEvent> {
    match entry {
        Entry::Event(event) => Some(event),
        Entry::Lost(_) | Entry::Pool(_) => None,
    }
}
