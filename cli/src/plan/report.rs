//! A plan: what was asked, what it came to, what would make it fit, and how the other profile answers.

use super::comparison::{self, Comparison};
use super::remedy::{self, Remedy};
use super::request::PlanRequest;
use super::simulate::{self, Run};

/// Everything a plan has to say, as plain data.
#[derive(Clone, Debug)]
pub struct PlanReport {
    /// What was asked.
    pub request: PlanRequest,
    /// What it came to.
    pub run: Run,
    /// What would make a failing load fit.
    pub remedies: Vec<Remedy>,
    /// The same load under the other profile.
    pub comparison: Comparison,
}

impl PlanReport {
    /// Plans a request.
    pub fn of(request: PlanRequest) -> Self {
        let run = simulate::run(&request, request.profile);
        let remedies = remedy::remedies(&request, &run);
        let comparison = comparison::compare(&request, &run);
        Self { request, run, remedies, comparison }
    }
}
