//! Reading: what is wrong with a trace is told with its place, and what is merely torn is a warning.

#[path = "support/header.rs"]
mod header;

use busdma_trace::format::{Input, Op};
use busdma_trace::{TraceReader, WarningKind};
use header::HEADER;
use std::io::{self, BufRead, Read, Write};

const UNLOAD: &str = r#"{"seq":1,"op":"unload","in":{"tag":"t0","map":"m0"},"out":{"ret":"OK"}}"#;

/// Reads everything, `out` objects too, and gives the first error.
fn first_error(trace: &[u8]) -> String {
    let mut reader = TraceReader::new(trace, "t.jsonl").with_line_limit(4096);
    loop {
        match reader.next_scenario() {
            Ok(Some(_)) => {}
            Ok(None) => return "no error".to_owned(),
            Err(error) => return error.to_string(),
        }
        loop {
            match reader
                .next_operation()
                .and_then(|operation| operation.map(|operation| operation.output().map(|_| ())).transpose())
            {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => return error.to_string(),
            }
        }
    }
}

/// One line after a header, and the error it gives.
fn check_line(line: &str, error: &str) {
    assert_eq!(first_error(format!("{HEADER}\n{line}\n").as_bytes()), error, "{line}");
}

#[test]
fn bad_operation_lines() {
    let cases = [
        (UNLOAD, "no error"),
        ("", "no error"),
        ("not json", "t.jsonl:2:2: not JSON: expected ident"),
        (
            "[1,2]",
            "t.jsonl:2:1: invalid type: sequence, expected an object: a header with \"format\" or an operation with \"op\"",
        ),
        ("{\"seq\":1", "t.jsonl:2:8: not JSON: EOF while parsing an object"),
        ("{}", "t.jsonl:2: missing field `op`"),
        (r#"{"op":"unload","in":{"tag":"t","map":"m"},"out":{"ret":"OK"}}"#, "t.jsonl:2: missing field `seq`"),
        (r#"{"seq":1,"op":"unload","out":{"ret":"OK"}}"#, "t.jsonl:2: missing field `in`"),
        (r#"{"seq":1,"op":"unload","in":{"tag":"t","map":"m"}}"#, "t.jsonl:2: missing field `out`"),
        (r#"{"seq":-1,"op":"unload"}"#, "t.jsonl:2:9: invalid value: integer `-1`, expected u64"),
        (
            r#"{"seq":99999999999999999999,"op":"unload"}"#,
            "t.jsonl:2:27: invalid type: floating point `1e+20`, expected u64",
        ),
        (r#"{"seq":1e999,"op":"unload"}"#, "t.jsonl:2:12: not JSON: number out of range"),
        (
            r#"{"seq":1,"op":"umload","in":{"tag":"t","map":"m"},"out":{"ret":"OK"}}"#,
            "t.jsonl:2: unknown operation \"umload\", expected one of tag_create, tag_destroy, map_create, map_destroy, \
             load, run_deferred, sync, unload, dmamem_alloc, dmamem_free, fill, device_write, device_read, cancel",
        ),
        (r#"{"seq":1,"op":7,"in":{},"out":{}}"#, "t.jsonl:2:15: invalid type: integer `7`, expected a string"),
        (r#"{"seq":1,"op":"unload","in":{"tag":"t"},"out":{"ret":"OK"}}"#, "t.jsonl:2:39: missing field `map`"),
        (r#"{"seq":1,"in":{"tag":"t"},"op":"unload","out":{"ret":"OK"}}"#, "t.jsonl:2:25: missing field `map`"),
        (
            r#"{"seq":1,"op":"unload","in":{"tag":"t","map":3},"out":{"ret":"OK"}}"#,
            "t.jsonl:2:46: invalid type: integer `3`, expected a string",
        ),
        (
            r#"{"seq":1,"op":"unload","in":{"tag":"t","map":"m"},"out":{"ret":"EPERM"}}"#,
            "t.jsonl:2:70: invalid value: string \"EPERM\", expected an error name, one of OK, ENOMEM, EINVAL, EFBIG, EBUSY, EINPROGRESS",
        ),
        (r#"{"seq":1,"op":"unload","in":{"tag":"t","map":"m"},"out":{}}"#, "t.jsonl:2:58: missing field `ret`"),
        (
            r#"{"seq":1,"op":"sync","in":{"tag":"t","map":"m","ops":["PREREED"]},"out":{"ret":"OK","copies":[]}}"#,
            "t.jsonl:2:63: invalid value: string \"PREREED\", expected a sync operation, one of PREREAD, POSTREAD, PREWRITE, POSTWRITE",
        ),
        (
            r#"{"seq":1,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"buffer"},"out":{"ret":"OK","callback":null}}"#,
            "t.jsonl:2:74: missing field `buf`, which \"buffer\" needs",
        ),
        (
            r#"{"seq":1,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"mem","mem":{"type":"VLIST","list":[{"paddr":"0x0","len":1}]}},"out":{"ret":"OK"}}"#,
            "t.jsonl:2:127: missing field `list[].vaddr`, which \"VLIST\" needs",
        ),
        (
            r#"{"seq":1,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"buffer","buf":{"vaddr":4096,"len":1,"pages":[]}},"out":{"ret":"OK"}}"#,
            "t.jsonl:2:93: invalid type: integer `4096`, expected a string \"0x…\" of 1 to 16 hexadecimal digits",
        ),
        (
            r#"{"seq":1,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"buffer","buf":{"vaddr":"0x10000000000000000","len":1,"pages":[]}},"out":{"ret":"OK"}}"#,
            "t.jsonl:2:110: invalid value: string \"0x10000000000000000\", expected a string \"0x…\" of 1 to 16 hexadecimal digits",
        ),
        (
            r#"{"seq":1,"seq":2,"op":"run_deferred","in":{"in":{}},"out":{"events":[]}}"#,
            "t.jsonl:2:71: missing field `callbacks`",
        ),
        (
            r#"{"seq":1,"op":"run_deferred","in":7,"out":{}}"#,
            "t.jsonl:2:35: invalid type: integer `7`, expected an object",
        ),
    ];
    for (line, error) in cases {
        check_line(line, error);
    }
}

#[test]
fn bad_headers() {
    let cases = [
        ("", "no error"),
        (UNLOAD, "t.jsonl:1: an operation before the first header, expected a line with \"format\":\"busdma-trace\""),
        (r#"{"format":"pcap","version":1}"#, "t.jsonl:1: the format is \"pcap\", expected \"busdma-trace\""),
        (r#"{"format":"busdma-trace","version":2}"#, "t.jsonl:1: version 2 of busdma-trace, expected version 1"),
        (r#"{"format":"busdma-trace","version":1}"#, "t.jsonl:1:37: missing field `scenario`"),
        (r#"{"format":"busdma-trace"}"#, "t.jsonl:1:25: missing field `version`"),
        (r#"{"format":17,"version":1}"#, "t.jsonl:1:12: invalid type: integer `17`, expected a string"),
        (r#"{"format":"busdma-trace","version":"1"}"#, "t.jsonl:1:38: invalid type: string \"1\", expected u64"),
        ("\"format\"", "t.jsonl:1:8: invalid type: string \"format\", expected an object"),
        ("{\"format\":\"busdma-trace\",,}", "t.jsonl:1:26: not JSON: key must be a string"),
    ];
    for (line, error) in cases {
        assert_eq!(first_error(format!("{line}\n").as_bytes()), error, "{line}");
    }
    let far = HEADER.replace("\"maxmem\":\"0x240000000\"", "\"maxmem\":1");
    assert!(first_error(far.as_bytes()).ends_with("expected a string \"0x…\" of 1 to 16 hexadecimal digits"));
}

#[test]
fn bytes_that_are_no_text() {
    let mut trace = format!("{HEADER}\n").into_bytes();
    trace.extend_from_slice(b"{\"seq\":1,\xff\xfe\n");
    assert_eq!(first_error(&trace), "t.jsonl:2:10: the line is not UTF-8");
}

#[test]
fn a_reader_goes_on_behind_an_error() {
    let other = HEADER.replace("\"scenario\":\"s\"", "\"scenario\":\"after\"");
    let long = "x".repeat(10_000);
    let trace = format!("{UNLOAD}\n{HEADER}\n{UNLOAD}\nrubbish\n{UNLOAD}\n{long}\n{UNLOAD}\n{other}\n{UNLOAD}");
    let mut reader = TraceReader::new(trace.as_bytes(), "t").with_line_limit(4096);
    let heard = |result: Result<bool, busdma_trace::TraceError>| result.map_err(|error| error.to_string());
    assert!(heard(reader.next_scenario().map(|header| header.is_some())).is_err());
    assert_eq!(heard(reader.next_scenario().map(|header| header.is_some())), Ok(true));
    let mut next = || heard(reader.next_operation().map(|operation| operation.is_some()));
    assert_eq!(next(), Ok(true));
    assert_eq!(
        next(),
        Err("t:4:2: not JSON: expected value".to_owned())
            .map_err(|_: String| "t:4:1: not JSON: expected value".to_owned())
    );
    assert_eq!(next(), Ok(true));
    assert_eq!(next(), Err("t:6: the line is longer than 4096 bytes".to_owned()));
    assert_eq!(next(), Ok(true));
    assert_eq!(next(), Ok(false));
    assert_eq!(next(), Ok(false));
    let header = reader.next_scenario().unwrap().unwrap();
    assert_eq!(header.scenario.as_str(), "after");
    assert_eq!(reader.line_number(), 8);
    assert!(reader.next_operation().unwrap().is_some());
    assert!(reader.next_operation().unwrap().is_none());
    assert!(reader.next_scenario().unwrap().is_none());
    assert!(reader.warnings().is_empty());
}

#[test]
fn scenarios_can_be_passed_over() {
    let second = HEADER.replace("\"scenario\":\"s\"", "\"scenario\":\"second\"");
    let trace = format!("{HEADER}\n{UNLOAD}\nrubbish that nobody looks at\n\n{second}\r\n{UNLOAD}\r\n");
    let mut reader = TraceReader::new(trace.as_bytes(), "t");
    assert_eq!(reader.next_scenario().unwrap().unwrap().scenario.as_str(), "s");
    assert_eq!(reader.next_scenario().unwrap().unwrap().scenario.as_str(), "second");
    assert_eq!(reader.next_operation().unwrap().unwrap().op, Op::Unload);
    assert_eq!(reader.raw_line().trim_end(), UNLOAD);
    assert!(reader.next_scenario().unwrap().is_none());
}

/// The trace cut off after so many bytes: what is read of it, and the bytes that were torn.
fn check_torn(trace: &str, cut: usize, operations: usize, torn: Option<usize>) {
    let mut reader = TraceReader::new(&trace.as_bytes()[..cut], "t");
    let mut read = 0;
    if reader.next_scenario().unwrap().is_some() {
        while reader.next_operation().unwrap().is_some() {
            read += 1;
        }
    }
    assert!(reader.next_scenario().unwrap().is_none());
    assert_eq!(read, operations, "cut at {cut}");
    let warned: Vec<_> = reader.warnings().iter().map(|warning| warning.kind).collect();
    let expected: Vec<_> = torn.map(|bytes| WarningKind::TornLine { bytes }).into_iter().collect();
    assert_eq!(warned, expected, "cut at {cut}");
}

#[test]
fn a_torn_last_line_is_a_warning() {
    let escaped = UNLOAD.replace("m0", "mé0");
    let trace = format!("{HEADER}\n{UNLOAD}\n{escaped}\n");
    let (header, first) = (HEADER.len(), HEADER.len() + 1 + UNLOAD.len());
    for cut in 1..=trace.len() {
        let (operations, torn) = if cut < header {
            (0, Some(cut))
        } else if cut <= header + 1 {
            (0, None)
        } else if cut < first {
            (0, Some(cut - header - 1))
        } else if cut <= first + 1 {
            (1, None)
        } else if cut < trace.len() - 1 {
            (1, Some(cut - first - 1))
        } else {
            (2, None)
        };
        check_torn(&trace, cut, operations, torn);
    }
    let mut reader = TraceReader::new(&trace.as_bytes()[..header + 10], "t");
    assert!(reader.next_scenario().unwrap().is_some());
    assert!(reader.next_operation().unwrap().is_none());
    assert_eq!(reader.warnings()[0].to_string(), "t:2: the last line is torn, 9 bytes were left out");
}

#[test]
fn a_header_may_be_longer_than_other_lines() {
    let limit = 4096;
    let long = |bytes: usize| {
        let desc = "x".repeat(bytes - HEADER.len() - r#","desc":"""#.len());
        format!("{},\"desc\":\"{desc}\"}}\n{UNLOAD}\n", HEADER.strip_suffix('}').unwrap())
    };
    for (bytes, readable) in [(limit, true), (limit + 1, true), (8 * limit, true), (8 * limit + 1, false)] {
        let trace = long(bytes);
        let mut reader = TraceReader::new(trace.as_bytes(), "t").with_line_limit(limit);
        let heard = reader.next_scenario().map(|header| header.is_some()).map_err(|error| error.to_string());
        let expected = if readable { Ok(true) } else { Err("t:1: the line is longer than 32768 bytes".to_owned()) };
        assert_eq!(heard, expected, "{bytes} bytes");
        assert!(!readable || reader.next_operation().unwrap().is_some());
    }
}

/// An endless line.
struct Endless {
    given: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let given = self.fill_buf()?.len().min(buffer.len());
        buffer[..given].fill(b'x');
        self.consume(given);
        Ok(given)
    }
}

impl BufRead for Endless {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&[b'x'; 8192])
    }

    fn consume(&mut self, bytes: usize) {
        self.given += bytes as u64;
    }
}

#[test]
fn an_endless_line_is_given_up() {
    let mut endless = Endless { given: 0 };
    let mut reader = TraceReader::new(&mut endless, "t");
    let error = reader.next_scenario().unwrap_err();
    assert_eq!(error.to_string(), "t:1: the line is longer than 16777216 bytes");
    assert!(endless.given <= (16 << 20) + 8192, "{} bytes were read", endless.given);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{{\"seq\":1,\"op\":\"load\",\"in\":{}", "[".repeat(100_000));
    let heard = first_error(format!("{HEADER}\n{}\n", &deep[..4000]).as_bytes());
    assert!(heard.starts_with("t.jsonl:2:"), "{heard}");
}

#[test]
fn compressed_traces_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let trace = format!("{HEADER}\n{UNLOAD}\n{UNLOAD}\n");
    let (plain, packed) = (folder.path().join("a.jsonl"), folder.path().join("a.jsonl.zst"));
    std::fs::write(&plain, &trace).unwrap();
    let bytes = zstd::encode_all(trace.as_bytes(), 3).unwrap();
    std::fs::write(&packed, &bytes).unwrap();
    for path in [&plain, &packed] {
        let mut reader = busdma_trace::open(path).unwrap();
        reader.next_scenario().unwrap().unwrap();
        let operation = reader.next_operation().unwrap().unwrap();
        assert!(matches!(operation.input, Input::Unload(_)));
        assert_eq!(operation.raw_line(), UNLOAD);
        assert!(reader.next_operation().unwrap().is_some());
        assert!(reader.next_operation().unwrap().is_none());
        assert_eq!(reader.warnings(), []);
    }
    let missing = folder.path().join("missing.jsonl");
    let error = busdma_trace::open(&missing).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the trace cannot be read", missing.display()));
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(source.is_some_and(|text| text.contains("No such file")));
}

#[test]
fn a_torn_compressed_trace_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torn.jsonl.zst");
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(format!("{HEADER}\n{UNLOAD}\n").as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(UNLOAD.as_bytes()).unwrap();
    // Killed before the frame is complete: what was flushed can be read.
    std::fs::write(&path, encoder.get_ref()).unwrap();
    let mut reader = busdma_trace::open(&path).unwrap();
    reader.next_scenario().unwrap().unwrap();
    assert!(reader.next_operation().unwrap().is_some());
    assert!(reader.next_operation().unwrap().is_none());
    assert_eq!(reader.warnings().iter().map(|warning| warning.kind).collect::<Vec<_>>(), [WarningKind::TornStream]);
    std::fs::write(&path, b"(\xb5\x2f\xfdrubbish that is no frame").unwrap();
    let mut reader = busdma_trace::open(&path).unwrap();
    assert!(reader.next_scenario().unwrap_err().to_string().ends_with("the trace cannot be read"));
}
