//! Writing: what was read is written again with the same meaning, and copied lines keep what nobody knows.

#[path = "support/header.rs"]
mod header;
#[path = "support/vectors.rs"]
mod vectors;

use busdma_trace::format::{DeviceRead, Header, Input, Name, Output};
use busdma_trace::reader::LINE_BYTES_MAX;
use busdma_trace::writer::LineTooLong;
use busdma_trace::{AnswerLine, OperationLine, TraceReader, TraceWriter};
use header::HEADER;
use serde_json::Value;
use std::path::Path;

#[test]
fn every_golden_line_survives() {
    let mut lines = 0;
    for (_, trace) in vectors::golden_traces() {
        let mut reader = TraceReader::new(trace.as_bytes(), "golden");
        while let Some(header) = reader.next_scenario().unwrap() {
            let written = write(|writer| writer.write_header(&header));
            check_same(reader.raw_line(), &written);
            lines += 1;
            while let Some(operation) = reader.next_operation().unwrap() {
                let output = operation.output().unwrap();
                let written = write(|writer| {
                    writer.write_operation(&OperationLine {
                        seq: operation.seq,
                        t: operation.t,
                        session: None,
                        input: &operation.input,
                        output: &output,
                        hazard: &operation.hazard,
                    })
                });
                check_same(operation.raw_line(), &written);
                lines += 1;
            }
        }
    }
    assert_eq!(lines, 723 + 8947);
}

/// The same meaning, and `out` the same text: comparisons of canonical traces rely on it.
fn check_same(read: &str, written: &str) {
    assert_eq!(json(read), json(written));
    let out = |line: &str| line.split_once("\"out\":").map(|(_, out)| out.to_owned());
    assert_eq!(out(read), out(written));
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn write(line: impl FnOnce(&mut TraceWriter<Vec<u8>>) -> std::io::Result<()>) -> String {
    let mut writer = TraceWriter::new(Vec::new());
    line(&mut writer).unwrap();
    let mut text = String::from_utf8(writer.into_inner()).unwrap();
    assert_eq!(text.pop(), Some('\n'));
    assert!(!text.contains('\n'));
    text
}

#[test]
fn additions_are_written_and_read() {
    let line = concat!(
        r#"{"seq":3,"t":1500,"session":"s\"1","op":"unload","in":{"tag":"t","map":"m"},"#,
        r#""out":{"ret":"OK","swi":true,"decisions":[{"kind":"unloaded","map":"m","pages":2},"#,
        r#"{"kind":"split","map":"m","segment":0,"addr":"0x1000","len":8,"reason":{"why":"boundary","bytes":4096}}]},"#,
        r#""hazard":["not_yet_known"]}"#
    );
    let trace = format!("{HEADER}\n{line}\n");
    let mut reader = TraceReader::new(trace.as_bytes(), "t");
    reader.next_scenario().unwrap().unwrap();
    let operation = reader.next_operation().unwrap().unwrap();
    let output = operation.output().unwrap();
    assert_eq!(operation.session.as_ref().map(Name::as_str), Some("s\"1"));
    assert!(
        matches!(&output, Output::Unload(unloaded) if unloaded.decisions.as_ref().is_some_and(|all| all.len() == 2))
    );
    let written = write(|writer| {
        writer.write_operation(&OperationLine {
            seq: 3,
            t: operation.t,
            session: operation.session.as_ref().map(Name::as_str),
            input: &operation.input,
            output: &output,
            hazard: &operation.hazard,
        })
    });
    assert_eq!(written, line);
    let answered = write(|writer| {
        writer.write_answer(&AnswerLine {
            seq: 3,
            t: operation.t,
            session: operation.session.as_ref().map(Name::as_str),
            input: &operation.input,
            output: operation.raw_output().as_bytes(),
            hazard: &operation.hazard,
        })
    });
    assert_eq!(answered, line);
    let unknown = line.replace("\"kind\":\"unloaded\"", "\"kind\":\"invented\"");
    let trace = format!("{HEADER}\n{unknown}\n");
    let mut reader = TraceReader::new(trace.as_bytes(), "t");
    reader.next_scenario().unwrap().unwrap();
    assert!(reader.next_operation().unwrap().unwrap().output().is_ok());
    assert_eq!(write(|writer| writer.copy_line(reader.raw_line())), unknown);
}

#[test]
fn unrecorded_contents_are_marked_in_the_header() {
    let text = HEADER.replace("\"hazards\":[]", "\"hazards\":[],\"contents\":\"unrecorded\"");
    let header: Header<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(write(|writer| writer.write_header(&header)), text);
    let plain: Header<'_> = serde_json::from_str(HEADER).unwrap();
    assert_eq!(write(|writer| writer.write_header(&plain)), HEADER);
}

#[test]
fn files_are_compressed_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let header: Header<'_> = serde_json::from_str(HEADER).unwrap();
    let check = |path: &Path, magic: &[u8]| {
        let mut writer = busdma_trace::create(path).unwrap();
        writer.write_header(&header).unwrap();
        writer.flush().unwrap();
        writer.finish().unwrap();
        assert!(std::fs::read(path).unwrap().starts_with(magic));
        let mut reader = busdma_trace::open(path).unwrap();
        assert_eq!(reader.next_scenario().unwrap().unwrap(), header);
        assert!(reader.next_scenario().unwrap().is_none());
        assert_eq!(reader.warnings(), []);
    };
    check(&folder.path().join("a.jsonl"), b"{\"format\"");
    check(&folder.path().join("a.jsonl.zst"), b"\x28\xb5\x2f\xfd");
}

#[test]
fn no_line_is_written_that_no_reader_takes() {
    let header: Header<'_> = serde_json::from_str(HEADER).unwrap();
    let input = Input::DeviceRead(DeviceRead { map: "m".into() });
    let long = vec![b' '; LINE_BYTES_MAX];
    let mut writer = TraceWriter::new(Vec::new());
    writer.write_header(&header).unwrap();
    let mut answer = AnswerLine { seq: 1, t: None, session: None, input: &input, output: &long, hazard: &[] };
    let error = writer.write_answer(&answer).unwrap_err();
    let inside = error.get_ref().and_then(|error| error.downcast_ref::<LineTooLong>());
    let around = r#"{"seq":1,"op":"device_read","in":{"map":"m"},"out":}"#.len();
    assert_eq!(inside, Some(&LineTooLong { bytes: LINE_BYTES_MAX + around, limit: LINE_BYTES_MAX }));
    answer.output = &long[around..];
    writer.write_answer(&answer).unwrap();
    let text = writer.into_inner();
    assert_eq!(text.len(), HEADER.len() + 1 + LINE_BYTES_MAX + 1, "nothing was written of the line that was refused");
}
