//! `busdma plan`: what one load would come to, and why.
//!
//! arguments → [`request`] → [`simulate`] on a fresh machine → [`report`], with what would make it fit
//! ([`remedy`]) and how the other profile answers ([`comparison`]) → [`render_human`] or [`render_json`].

pub mod request;

mod machine;
pub mod pieces;
pub mod simulate;

pub mod comparison;
pub mod provenance;
pub mod remedy;
pub mod report;

pub mod render_human;
pub mod render_json;
mod strip;
mod words;

use crate::args::PlanArgs;
use crate::console;
use crate::failure::Answer;
use crate::tags_file;
use anyhow::Context;
use busdma_presets::{Catalog, NamedTag};
use render_human::Rows;
use report::PlanReport;
use request::PlanRequest;
use simulate::Outcome;
use std::fs;

/// Plans one load and prints the report.
///
/// # Errors
///
/// The tags cannot be had, the request makes no sense, or standard output cannot be written.
pub fn run(args: &PlanArgs) -> anyhow::Result<Answer> {
    let request = PlanRequest::resolve(args, chain(args)?)?;
    let report = PlanReport::of(request);
    let text = if args.json {
        render_json::render(&report)?
    } else {
        let rows = if args.all { Rows::All } else { Rows::Some };
        render_human::render(&report, console::width_or(console::DEFAULT_WIDTH), rows)
    };
    console::print(&text)?;
    Ok(if report.run.outcome == Outcome::Loaded { Answer::Yes } else { Answer::No })
}

/// The tags, root first: those of the preset or the file, then those given one by one.
fn chain(args: &PlanArgs) -> anyhow::Result<Vec<NamedTag>> {
    let mut chain = match (&args.preset, &args.tags) {
        (Some(name), _) => Catalog::embedded().find(name)?.chain().to_vec(),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            tags_file::parse_tags(&text).with_context(|| format!("cannot use {}", path.display()))?
        }
        (None, None) => Vec::new(),
    };
    let alone = args.tag.len() == 1;
    chain.extend(args.tag.iter().enumerate().map(|(index, template)| NamedTag {
        name: if alone { "--tag".to_owned() } else { format!("--tag {}", index + 1) },
        template: template.clone(),
    }));
    Ok(chain)
}
