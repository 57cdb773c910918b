//! A shell in a terminal of its own: keys go in, the screen comes out.

use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a screen may take to show what is expected.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the screen is looked at.
const LOOKS: Duration = Duration::from_millis(30);

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;

/// What the shell prints when it waits for a command.
const PROMPT: &str = "ready> ";

/// A terminal with a shell in a directory of its own, on a tmux server of its own; both end when dropped.
pub(crate) struct Terminal {
    dir: TempDir,
    commands: u32,
}

impl Terminal {
    /// Opens it, [`COLUMNS`] by [`ROWS`], and notes how the terminal is set.
    pub(crate) fn open() -> Self {
        let mut terminal = Self { dir: tempfile::tempdir().unwrap(), commands: 0 };
        let settings = "set -g default-terminal screen-256color\nset -g escape-time 0\nset -g remain-on-exit on\n";
        fs::write(terminal.dir.path().join("tmux.conf"), settings).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_busdma")).parent().unwrap().display().to_string();
        let path = env::var("PATH").unwrap();
        let home = terminal.dir.path().display().to_string();
        let shell = format!(
            "cd '{home}' && exec env -i PATH='{programs}:{path}' HOME='{home}' LANG=C.UTF-8 TERM=\"$TERM\" PS1='{PROMPT}' \
             sh -c 'exec bash --norc --noprofile -i'"
        );
        let (columns, rows) = (COLUMNS.to_string(), ROWS.to_string());
        terminal.tmux(&["new-session", "-d", "-s", "top", "-x", &columns, "-y", &rows, &shell]);
        terminal.shows(PROMPT.trim_end());
        terminal.succeeds("stty -a > before");
        terminal
    }

    /// The directory of the shell.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Types a command and Enter.
    pub(crate) fn runs(&self, command: &str) {
        self.types(command);
        self.keys(&["Enter"]);
    }

    /// Types a text.
    pub(crate) fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-t", "top", "-l", text]);
    }

    /// Presses keys, by tmux's names.
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "top"], keys].concat());
    }

    /// Waits until the screen shows a text.
    pub(crate) fn shows(&self, text: &str) {
        self.awaits(&format!("`{text}`"), |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn awaits(&self, what: &str, is_right: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if is_right(&screen) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the screen does not show {what}:\n{screen}");
            thread::sleep(LOOKS);
        }
    }

    /// What the screen shows.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "top"])
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-t", "top", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Sends a signal to the program that the shell runs.
    pub(crate) fn signals(&self, signal: Signal) {
        kill_process(self.program().0, signal).unwrap();
    }

    /// The program that the shell runs.
    pub(crate) fn program(&self) -> Program {
        let shell = self.tmux(&["display-message", "-p", "-t", "top", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let program = children.split_whitespace().next().expect("the shell runs a program");
        Program(Pid::from_raw(program.parse().unwrap()).unwrap())
    }

    /// Waits for the end of the program: it had that exit code, and the terminal is as it was before.
    pub(crate) fn ends_with(&mut self, code: u8) {
        self.is_with_the_shell();
        self.exits_with("(exit $?)", code);
        self.is_sane();
    }

    /// Waits until the terminal is as the shell needs it: no alternate screen, a cursor, no reports of the mouse, and a
    /// prompt.
    pub(crate) fn is_with_the_shell(&self) {
        let began = Instant::now();
        loop {
            let modes = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{mouse_sgr_flag}";
            let modes = self.tmux(&["display-message", "-p", "-t", "top", modes]);
            let screen = self.screen();
            if modes.trim() == "0 1 0 0" && screen.trim_end().ends_with(PROMPT.trim_end()) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the shell has no sane terminal, modes {modes}:\n{screen}");
            thread::sleep(LOOKS);
        }
    }

    /// The terminal is set as it was when the shell began.
    pub(crate) fn is_sane(&mut self) {
        self.resize(COLUMNS, ROWS);
        self.is_with_the_shell();
        self.succeeds("stty -a > after");
        let set = |name| {
            let settings = fs::read_to_string(self.dir.path().join(name)).unwrap();
            // How large it is stands on the first line, and a resize takes its time.
            settings.split_once("; line").expect("stty tells the line discipline").1.to_owned()
        };
        assert_eq!(set("after"), set("before"), "stty -a");
    }

    /// A command of the shell succeeds.
    pub(crate) fn succeeds(&mut self, command: &str) {
        self.exits_with(command, 0);
    }

    fn exits_with(&mut self, command: &str, code: u8) {
        self.commands += 1;
        let nth = self.commands;
        self.runs(&format!("{command}; echo code=$?/{nth}"));
        // What is typed is on the screen too, and must not be taken for what comes of it.
        let is_answer = |line: &str| {
            let number = line.strip_prefix("code=").and_then(|rest| rest.strip_suffix(&format!("/{nth}")));
            number.and_then(|number| number.parse::<u8>().ok())
        };
        self.awaits(&format!("the end of {command}"), |screen| screen.lines().any(|line| is_answer(line).is_some()));
        let screen = self.screen();
        assert_eq!(screen.lines().find_map(is_answer), Some(code), "{command}:\n{screen}");
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.dir.path().join("tmux"))
            .arg("-f")
            .arg(self.dir.path().join("tmux.conf"))
            .args(arguments)
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux is installed");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let server = self.dir.path().join("tmux");
        let _ = Command::new("tmux").arg("-S").arg(server).arg("kill-server").output();
    }
}

/// A program that a shell runs, or has run.
pub(crate) struct Program(Pid);

impl Program {
    /// Waits until it is gone.
    pub(crate) fn ends(&self) {
        let began = Instant::now();
        // Whoever inherits it may never look after it.
        while self.stat().is_some_and(|fields| fields[0] != "Z") {
            assert!(began.elapsed() < PATIENCE, "the program goes on without its terminal");
            thread::sleep(LOOKS);
        }
    }

    /// How long it has used a processor, in ticks of a hundredth of a second.
    pub(crate) fn processor_ticks(&self) -> u64 {
        let fields = self.stat().expect("the program runs");
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// The fields of proc_pid_stat(5) from the third on, if it is there.
    fn stat(&self) -> Option<Vec<String>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        Some(stat.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect())
    }
}
