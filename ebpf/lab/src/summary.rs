//! What is printed of the guests: one line each as they end, what did not hold, and a table of all.

use crate::boot::BootError;
use crate::checks::Checked;
use crate::configuration::Configuration;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// What came of one guest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    configuration: Configuration,
    took: Option<Duration>,
    held: usize,
    failures: Vec<String>,
}

impl Report {
    /// A guest that handed its files over.
    pub fn checked(configuration: Configuration, took: Duration, checked: Vec<Checked>) -> Self {
        let held = checked.iter().filter(|checked| checked.but.is_none()).count();
        let failures = checked
            .into_iter()
            .filter_map(|checked| checked.but.map(|but| format!("{}, but: {but}", checked.says)))
            .collect();
        Self { configuration, took: Some(took), held, failures }
    }

    /// A guest that gave nothing.
    pub fn failed(configuration: Configuration, error: &BootError) -> Self {
        Self { configuration, took: None, held: 0, failures: vec![error.to_string()] }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.configuration)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}

/// All guests.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Summary {
    reports: Vec<Report>,
}

impl Summary {
    /// Adds a guest.
    pub fn add(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// Whether everything held.
    pub fn is_good(&self) -> bool {
        self.reports.iter().all(|report| report.failures.is_empty())
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<15} {:>6} {:>5} {:>6}", "CONFIGURATION", "TIME", "HELD", "FAILED")?;
        for Report { configuration, took, held, failures } in &self.reports {
            let took = took.map_or_else(|| "-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
            writeln!(f, "{:<15} {took:>6} {held:>5} {:>6}", configuration.name(), failures.len())?;
        }
        let total: Duration = self.reports.iter().filter_map(|report| report.took).sum();
        let held: usize = self.reports.iter().map(|report| report.held).sum();
        let failed: usize = self.reports.iter().map(|report| report.failures.len()).sum();
        writeln!(f, "{:<15} {:>6} {held:>5} {failed:>6}", "all", format!("{:.1} s", total.as_secs_f64()))
    }
}
