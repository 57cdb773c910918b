//! The files for systemd, checked by systemd's own tools where they are, and by what they must say everywhere.

use crate::daemon::directory;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

/// The directives of a unit; those of one name in one section are joined as systemd would not do for all, but tells enough.
fn directives(name: &str) -> BTreeMap<(String, String), String> {
    let mut section = String::new();
    let mut directives = BTreeMap::new();
    for line in fs::read_to_string(file(name)).unwrap().lines() {
        match line.split_once('=') {
            _ if line.is_empty() || line.starts_with('#') => {}
            None => line.strip_prefix('[').and_then(|l| l.strip_suffix(']')).unwrap().clone_into(&mut section),
            Some((key, value)) => {
                let former = directives.insert((section.clone(), key.to_owned()), value.to_owned());
                assert_eq!(former, None, "{key} is set twice");
            }
        }
    }
    directives
}

#[test]
fn the_service_is_hardened() {
    let directives = directives("busdmad.service");
    for (key, value) in [
        ("Type", "notify"),
        ("WatchdogSec", "30"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2 4 5"),
        ("User", "busdma"),
        ("RuntimeDirectory", "busdma"),
        ("RuntimeDirectoryPreserve", "yes"),
        ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LockPersonality", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "@system-service"),
    ] {
        let found = directives.get(&("Service".to_owned(), key.to_owned())).map(String::as_str);
        assert_eq!(found, Some(value), "{key}");
    }
    let stop: u64 = directives[&("Service".to_owned(), "TimeoutStopSec".to_owned())].parse().unwrap();
    let drain = busdmad::config::Config::default().drain_timeout.as_secs();
    assert!(stop >= drain + 10, "systemd must not kill a daemon that drains");
}

#[test]
fn the_socket_is_where_the_service_makes_its_own() {
    let (socket, service) = (directives("busdmad.socket"), directives("busdmad.service"));
    let listen = &socket[&("Socket".to_owned(), "ListenStream".to_owned())];
    assert_eq!(service[&("Service".to_owned(), "Environment".to_owned())], format!("BUSDMA_SOCKET={listen}"));
    let defaults = busdmad::config::SocketConfig::default();
    assert_eq!(socket[&("Socket".to_owned(), "SocketMode".to_owned())], format!("{:04o}", defaults.mode.bits()));
    assert_eq!(socket[&("Socket".to_owned(), "Backlog".to_owned())], defaults.backlog.to_string());
    let tmpfiles = fs::read_to_string(file("busdma.tmpfiles.conf")).unwrap();
    let runtime = Path::new(listen).parent().unwrap().display();
    assert!(tmpfiles.contains(&format!("\nd {runtime} 0755 busdma busdma -\n")), "{tmpfiles}");
}

#[test]
fn systemd_knows_every_directive() {
    let (directory, _) = directory();
    let service = directory.path().join("busdmad.service");
    let installed = fs::read_to_string(file("busdmad.service")).unwrap();
    fs::write(&service, installed.replace("/usr/bin/busdmad", env!("CARGO_BIN_EXE_busdmad"))).unwrap();
    let socket = directory.path().join("busdmad.socket");
    fs::copy(file("busdmad.socket"), &socket).unwrap();
    let drop_ins = directory.path().join("busdmad.service.d");
    if let Err(error) = Command::new("systemd-analyze").arg("--version").output() {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        println!("no systemd-analyze here: the units are checked by their text alone");
        return;
    }
    assert_silent(Command::new("systemd-analyze").args(["verify", "--man=no"]).args([&service, &socket]));
    // 20 is an exposure of 2.0 of 10.
    let audit = ["security", "--offline=yes", "--no-pager", "--threshold=20"];
    let Output { status, stdout, .. } = Command::new("systemd-analyze").args(audit).arg(&service).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stdout));
    fs::create_dir(&drop_ins).unwrap();
    fs::copy(file("probes.conf"), drop_ins.join("probes.conf")).unwrap();
    assert_silent(Command::new("systemd-analyze").args(["verify", "--man=no"]).args([&service, &socket]));
}

/// Warnings about unknown directives do not make it fail, but it says them.
fn assert_silent(command: &mut Command) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    // What a host's own units are blamed for is not ours.
    let of_ours: Vec<_> = said.lines().filter(|line| line.contains("busdma")).collect();
    assert!(status.success() && of_ours.is_empty(), "{said}");
}
