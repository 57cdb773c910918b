//! A replay as JUnit XML: a test suite for each file, a test case for each scenario. Without times, so that it is repeatable.

use super::file::FileReport;
use super::render_human;
use crate::console::DEFAULT_WIDTH;
use anstream::adapter::strip_str;
use busdma_trace::ScenarioReport;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The report as XML.
///
/// # Errors
///
/// The XML cannot be written; not in practice, as it goes to memory.
pub fn render(files: &[FileReport]) -> Result<String, SerializeError> {
    let mut report = Report::new("busdma replay");
    report.add_test_suites(files.iter().map(suite));
    report.to_string()
}

fn suite(file: &FileReport) -> TestSuite {
    let mut suite = TestSuite::new(file.name.as_str());
    suite.add_test_cases(file.scenarios.iter().map(|scenario| case(file, scenario)));
    if let Some(error) = &file.error {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(error.to_string()).set_type("unusable");
        suite.add_test_case(TestCase::new("the trace can be used to its end", status));
    }
    suite
}

fn case(file: &FileReport, scenario: &ScenarioReport) -> TestCase {
    let status = match scenario.differences.first() {
        None if scenario.matches() => TestCaseStatus::success(),
        first => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            if let Some(first) = first {
                let (line, field) = (first.line, &first.field);
                status.set_message(format!("line {line}, {field}: expected {}, got {}", first.expected, first.got));
            }
            let details = render_human::differing(&file.name, scenario, DEFAULT_WIDTH);
            status.set_type("difference").set_description(strip_str(&details).to_string());
            status
        }
    };
    let mut case = TestCase::new(scenario.name.as_str(), status);
    case.set_classname(scenario.family.as_str());
    case
}
