//! Messages that are none, or that nobody should send.

use crate::fault::{Conditions, Rig, fault};
use crate::raw::Heard;
use std::fs;

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// The message cannot be told from others that follow: an error, and the end.
    Ends,
    /// A reply or an error of this name, and the next call is served.
    GoesOn(Option<&'static str>),
}

use Fate::{Ends, GoesOn};

const INVALID: Option<&str> = Some("org.varlink.service.InvalidParameter");
const NO_METHOD: Option<&str> = Some("org.varlink.service.MethodNotFound");
const NO_INTERFACE: Option<&str> = Some("org.varlink.service.InterfaceNotFound");

/// Short ones.
const MESSAGES: &[(&[u8], Fate)] = &[
    (b"", Ends),
    (b" ", Ends),
    (b"\x01\x02garbage\x7f", Ends),
    (b"\xff\xfe", Ends),
    (b"{\"method\":\"org.varlink.service.\xc3\x28\"}", Ends),
    (b"{\"method\":\"\\ud800\"}", Ends),
    (b"null", Ends),
    (b"17", Ends),
    (b"\"org.varlink.service.GetInfo\"", Ends),
    (b"[]", Ends),
    (b"{}", Ends),
    (b"{\"method\":7}", Ends),
    (b"{\"method\":null}", Ends),
    (b"{\"method\":\"a.B\",\"method\":\"a.B\"}", Ends),
    (b"{\"method\":\"a.B\",\"more\":1}", Ends),
    (b"{\"method\":\"a.B\"", Ends),
    (b"{\"method\":\"a.B\"}}", Ends),
    (b"{\"method\":\"a.B\"}{\"method\":\"a.B\"}", Ends),
    (b"{\"error\":\"org.varlink.service.InvalidParameter\"}", Ends),
    (b"{\"method\":\"\"}", GoesOn(NO_METHOD)),
    (b"{\"method\":\".\"}", GoesOn(NO_INTERFACE)),
    (b"{\"method\":\"GetInfo\"}", GoesOn(NO_METHOD)),
    (b"{\"method\":\"org.busdma.Engine\"}", GoesOn(NO_INTERFACE)),
    (b"{\"method\":\"org.busdma.Engine.load\"}", GoesOn(NO_METHOD)),
    (b"{\"method\":\"org.busdma.Engine.Load\"}", GoesOn(INVALID)),
    (b"{\"method\":\"org.busdma.Engine.Load\",\"parameters\":null}", GoesOn(INVALID)),
    (b"{\"method\":\"org.busdma.Engine.Load\",\"parameters\":[]}", GoesOn(INVALID)),
    (b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":1e400}}", GoesOn(INVALID)),
    (b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":-1}}", GoesOn(INVALID)),
    (b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":1.5}}", GoesOn(INVALID)),
    (
        b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":18446744073709551616}}",
        GoesOn(INVALID),
    ),
    (
        b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":18446744073709551615}}",
        GoesOn(Some("org.busdma.Engine.QuotaExceeded")),
    ),
    (
        b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"parameters\":{\"length\":0}}",
        GoesOn(Some("org.busdma.Engine.InvalidMemory")),
    ),
    (b"{\"method\":\"org.busdma.Monitor.Watch\"}", GoesOn(Some("org.varlink.service.ExpectedMore"))),
    (
        b"{\"method\":\"org.varlink.service.GetInfo\",\"upgrade\":true}",
        GoesOn(Some("org.varlink.service.MethodNotImplemented")),
    ),
    (b"{\"method\":\"org.varlink.service.GetInfo\",\"more\":true,\"cake\":{\"a\":[1]}}", GoesOn(None)),
    (b"\n{ \"method\" : \"org.varlink.service.GetInfo\" }\t", GoesOn(None)),
];

#[test]
fn what_is_no_call_ends_its_connection_only() {
    fault(Conditions::USUAL, |rig| {
        for &(message, fate) in MESSAGES {
            check(rig, message, fate);
        }
    });
}

#[test]
fn however_deep_it_is_nested() {
    const DEEP: usize = 1_000_000;
    let nested = |open: &str, close: &str| open.repeat(DEEP) + "1" + &close.repeat(DEEP);
    fault(Conditions::USUAL, |rig| {
        let (lists, objects) = (nested("[", "]"), nested("{\"a\":", "}"));
        for deep in [&lists, &objects] {
            check(rig, deep.as_bytes(), Ends);
            let parameters = format!(r#"{{"method":"org.busdma.Engine.Load","parameters":{deep}}}"#);
            check(rig, parameters.as_bytes(), GoesOn(INVALID));
            let inside = format!(r#"{{"method":"org.busdma.Engine.Load","parameters":{{"request":{deep}}}}}"#);
            check(rig, inside.as_bytes(), GoesOn(INVALID));
            let beside = format!(r#"{{"method":"org.varlink.service.GetInfo","cake":{deep}}}"#);
            check(rig, beside.as_bytes(), GoesOn(None));
        }
        check(rig, "[".repeat(DEEP).as_bytes(), Ends);
    });
}

fn check(rig: &Rig, message: &[u8], fate: Fate) {
    const NEXT: &[u8] = b"\0{\"method\":\"org.varlink.service.GetInfo\"}\0";
    let mut raw = rig.raw();
    // The daemon may be gone before it has taken all of it.
    let _ = raw.try_send(message).and_then(|()| raw.try_send(NEXT));
    let shown = String::from_utf8_lossy(&message[..message.len().min(100)]);
    let first = raw.reply();
    let error = first.get("error").and_then(serde_json::Value::as_str);
    match fate {
        Ends => {
            assert_eq!(error, INVALID, "{shown}");
            assert_eq!(raw.heard(), Heard::End, "{shown}");
        }
        GoesOn(expected) => {
            assert_eq!(error, expected, "{shown}: {first}");
            assert_eq!(raw.reply()["parameters"]["product"], "busdmad", "{shown}");
        }
    }
}

#[test]
fn calls_without_replies_get_none() {
    fault(Conditions::USUAL, |rig| {
        let mut raw = rig.raw();
        for call in [
            r#"{"method":"org.varlink.service.GetInfo","oneway":true}"#,
            r#"{"method":"no.Such","oneway":true}"#,
            r#"{"method":"org.busdma.Engine.RegisterMemory","parameters":{"length":4096},"oneway":true}"#,
            r#"{"method":"org.varlink.service.GetInfo","oneway":true,"more":true}"#,
        ] {
            raw.send(format!("{call}\0").as_bytes());
        }
        raw.send(b"{\"method\":\"org.busdma.Engine.Session\"}\0");
        assert!(raw.reply()["parameters"]["token"].is_string());
    });
}

#[test]
fn half_a_message_and_the_end() {
    fault(Conditions::USUAL, |rig| {
        let whole = b"{\"method\":\"org.busdma.Engine.CreateTag\",\"parameters\":{}}";
        for length in 1..=whole.len() {
            rig.raw().send(&whole[..length]);
        }
        rig.serves();
    });
}

/// The daemon reads as far as its limit, and no further.
#[test]
fn a_message_of_100_megabytes() {
    const LIMIT: u64 = 8 << 20;
    let limits = "message_bytes = '8M'";
    fault(Conditions { limits, ..Conditions::USUAL }, |rig| {
        let before = peak_bytes(rig.daemon.pid());
        let piece = vec![b' '; 1 << 20];
        let mut raw = rig.raw();
        raw.send(b"{\"method\":\"org.varlink.service.GetInfo\",");
        let refused = (0..100).find_map(|_| raw.try_send(&piece).err());
        assert!(refused.is_some(), "all of it was taken");
        let reply = raw.reply();
        assert_eq!(reply["error"], "org.busdma.Engine.QuotaExceeded");
        assert_eq!(
            (&reply["parameters"]["quota"], &reply["parameters"]["limit"]),
            (&"message_bytes".into(), &LIMIT.into())
        );
        assert_eq!(raw.heard(), Heard::End);
        let grown = peak_bytes(rig.daemon.pid()) - before;
        assert!(grown < LIMIT + (2 << 20), "{grown} bytes more");
    });
}

/// The limit is inclusive.
#[test]
fn a_message_as_long_as_it_may_be() {
    const LIMIT: usize = 100_000;
    fault(Conditions { limits: "message_bytes = 100000", ..Conditions::USUAL }, |rig| {
        let mut longest = b"{\"method\":\"org.varlink.service.GetInfo\"}".to_vec();
        longest.resize(LIMIT, b' ');
        check(rig, &longest, GoesOn(None));
        longest.push(b' ');
        let mut raw = rig.raw();
        let _ = raw.try_send(&longest).and_then(|()| raw.try_send(b"\0"));
        assert_eq!(raw.reply()["error"], "org.busdma.Engine.QuotaExceeded");
        assert_eq!(raw.heard(), Heard::End);
    });
}

/// The most memory that a process ever had, bytes.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
