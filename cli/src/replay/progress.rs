//! A progress bar on standard error, for runs that take long, on a terminal.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shorter runs show no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Counts what is done, and shows it once the run has taken a while.
#[derive(Debug)]
pub(super) struct Progress {
    files: usize,
    started: Instant,
    files_done: AtomicU64,
    scenarios: AtomicU64,
    operations: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    pub(super) fn new(files: usize) -> Self {
        Self {
            files,
            started: Instant::now(),
            files_done: AtomicU64::new(0),
            scenarios: AtomicU64::new(0),
            operations: AtomicU64::new(0),
            bar: OnceLock::new(),
        }
    }

    pub(super) fn scenario_done(&self, operations: u64) {
        self.scenarios.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(operations, Ordering::Relaxed);
        self.show();
    }

    pub(super) fn file_done(&self) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
        self.show();
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn show(&self) {
        if self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| self.new_bar());
        bar.set_position(self.files_done.load(Ordering::Relaxed));
        let scenarios = HumanCount(self.scenarios.load(Ordering::Relaxed));
        let operations = HumanCount(self.operations.load(Ordering::Relaxed));
        bar.set_message(format!("{scenarios} scenarios, {operations} operations"));
    }

    /// The bar draws nothing unless standard error is a terminal.
    fn new_bar(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(self.files as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}  {elapsed}");
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}
