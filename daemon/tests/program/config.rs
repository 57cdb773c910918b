//! Settings and help as people meet them, with the real program.

use crate::daemon::{busdmad, directory};
use std::fs;
use std::process::{Command, Output};

fn printed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    message
}

#[test]
fn help_and_version() {
    insta::assert_snapshot!("help", printed(busdmad().arg("--help")));
    assert_eq!(printed(busdmad().arg("--version")), concat!("busdmad ", env!("CARGO_PKG_VERSION"), "\n"));
    let message = refused(busdmad().arg("--sokcet"));
    assert!(message.contains("a similar argument exists: '--socket'"), "{message}");
}

#[test]
fn the_printed_file_is_read_back_as_it_is() {
    let defaults = printed(busdmad().arg("--print-config"));
    insta::assert_snapshot!("print_config", defaults);
    let (directory, _) = directory();
    let file = directory.path().join("busdmad.toml");
    fs::write(&file, &defaults).unwrap();
    assert_eq!(printed(busdmad().arg("--check-config").arg("--config").arg(&file)), defaults);
}

/// A setting that can be made in every way: its key, argument and variable, and a value for each way.
struct Setting {
    key: &'static str,
    arg: &'static str,
    env: &'static str,
    by_file: &'static str,
    by_env: &'static str,
    by_arg: &'static str,
}

const SETTINGS: [Setting; 5] = [
    Setting { key: "socket.path", arg: "--socket", env: "BUSDMA_SOCKET", by_file: "/f", by_env: "/e", by_arg: "/a" },
    Setting {
        key: "recorder.directory",
        arg: "--record",
        env: "BUSDMA_RECORD",
        by_file: "/f",
        by_env: "/e",
        by_arg: "/a",
    },
    Setting {
        key: "metrics.listen",
        arg: "--metrics",
        env: "BUSDMA_METRICS",
        by_file: "127.0.0.1:1",
        by_env: "127.0.0.1:2",
        by_arg: "[::1]:3",
    },
    Setting {
        key: "log.level",
        arg: "--log-level",
        env: "BUSDMA_LOG_LEVEL",
        by_file: "error",
        by_env: "warn",
        by_arg: "debug,hyper=off",
    },
    Setting {
        key: "log.format",
        arg: "--log-format",
        env: "BUSDMA_LOG_FORMAT",
        by_file: "journald",
        by_env: "json",
        by_arg: "text",
    },
];

/// The value of a key in what `--check-config` prints, `None` where it is commented out.
fn effective(command: &mut Command, key: &str) -> Option<String> {
    let table: toml::Value = toml::from_str(&printed(command.arg("--check-config"))).unwrap();
    let value = key.split('.').try_fold(&table, |table, name| table.get(name))?;
    Some(value.as_str().unwrap().to_owned())
}

#[test]
fn an_argument_counts_before_the_environment_before_the_file_before_the_default() {
    let (directory, _) = directory();
    let file = directory.path().join("busdmad.toml");
    let defaults: toml::Value = toml::from_str(&printed(busdmad().arg("--print-config"))).unwrap();
    for Setting { key, arg, env, by_file, by_env, by_arg } in SETTINGS {
        let default = key.split('.').try_fold(&defaults, |table, name| table.get(name)).and_then(toml::Value::as_str);
        fs::write(&file, format!("{key} = '{by_file}'")).unwrap();
        let with_file = || {
            let mut command = busdmad();
            command.arg("--config").arg(&file);
            command
        };
        assert_eq!(effective(&mut busdmad(), key).as_deref(), default, "{key}");
        assert_eq!(effective(&mut with_file(), key).as_deref(), Some(by_file));
        assert_eq!(effective(with_file().env(env, by_env), key).as_deref(), Some(by_env));
        assert_eq!(effective(with_file().arg(arg).arg(by_arg), key).as_deref(), Some(by_arg));
        assert_eq!(effective(with_file().env(env, by_env).arg(arg).arg(by_arg), key).as_deref(), Some(by_arg));
        assert_eq!(effective(busdmad().env(env, by_env), key).as_deref(), Some(by_env));
    }
}

#[test]
fn the_file_itself_is_named_by_argument_before_environment() {
    let (directory, _) = directory();
    let [by_env, by_arg] = ["/e", "/a"].map(|socket| {
        let file = directory.path().join(format!("{}.toml", &socket[1..]));
        fs::write(&file, format!("socket.path = '{socket}'")).unwrap();
        file
    });
    assert_eq!(effective(busdmad().env("BUSDMA_CONFIG", &by_env), "socket.path").as_deref(), Some("/e"));
    let mut both = busdmad();
    both.env("BUSDMA_CONFIG", &by_env).arg("--config").arg(&by_arg);
    assert_eq!(effective(&mut both, "socket.path").as_deref(), Some("/a"));
    for mut missing in [busdmad(), busdmad()] {
        missing.env("BUSDMA_CONFIG", directory.path().join("missing.toml"));
        let message = refused(&mut missing);
        assert!(message.contains("missing.toml: No such file or directory"), "{message}");
    }
}

#[test]
fn a_directory_given_by_argument_or_environment_starts_the_recorder() {
    let autostart = |command: &mut Command| {
        let table: toml::Value = toml::from_str(&printed(command.arg("--check-config"))).unwrap();
        table["recorder"]["autostart"].as_bool().unwrap()
    };
    let (directory, _) = directory();
    let file = directory.path().join("busdmad.toml");
    fs::write(&file, "recorder.directory = '/f'").unwrap();
    assert!(autostart(busdmad().args(["--record", "/a"])));
    assert!(autostart(busdmad().env("BUSDMA_RECORD", "/e")));
    assert!(!autostart(busdmad().arg("--config").arg(&file)));
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_anything_is_made() {
    let (directory, socket) = directory();
    let file = directory.path().join("busdmad.toml");
    fs::write(&file, "[metrics]\nlisten = '0.0.0.0:9464'\n").unwrap();
    let with_socket = || {
        let mut command = busdmad();
        command.arg("--socket").arg(&socket);
        command
    };
    let check = |command: &mut Command, message: &str| {
        let said = refused(command);
        assert!(said.contains(message), "{said}");
        assert!(!socket.exists());
    };
    let remote = "can be reached from other hosts";
    check(with_socket().args(["--metrics", "0.0.0.0:9464"]), remote);
    check(with_socket().args(["--metrics", "[::]:9464"]), remote);
    check(with_socket().env("BUSDMA_METRICS", "192.0.2.1:9464"), remote);
    check(with_socket().arg("--config").arg(&file), remote);
    check(with_socket().args(["--metrics", "localhost"]), "invalid socket address");
    check(with_socket().args(["--log-level", "inof"]), "`inof` is no level");
    check(with_socket().env("BUSDMA_LOG_FORMAT", "xml"), "invalid value 'xml'");
    fs::write(&file, "[limits]\nmessage_byte = '1M'\n").unwrap();
    check(
        with_socket().arg("--config").arg(&file),
        "busdmad.toml:2: unknown key `limits.message_byte`; did you mean `limits.message_bytes`?",
    );
}
