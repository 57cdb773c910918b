//! Every preset, kind and profile: a plan is always possible, its parts agree, and its report fits the screen.

use busdma_cli::args::{Cli, Verb};
use busdma_cli::plan::render_human::{self, Rows};
use busdma_cli::plan::render_json;
use busdma_cli::plan::report::PlanReport;
use busdma_cli::plan::request::PlanRequest;
use busdma_cli::plan::simulate::Outcome;
use busdma_presets::Catalog;
use clap::Parser;

const KINDS: [&str; 5] = ["buffer", "bio", "ccb", "mbuf", "uio"];
const PROFILES: [&str; 4] = ["freebsd-11", "freebsd-12", "arm64-12", "strict"];
const BUFFERS: [(&str, &str, &str); 3] =
    [("1500", "0", "contiguous"), ("20000", "123", "scattered:7"), ("64K", "512", "contiguous:0x800000")];

fn report(arguments: &[&str]) -> PlanReport {
    let cli = Cli::try_parse_from(["busdma", "plan"].iter().chain(arguments)).unwrap();
    let Verb::Plan(args) = cli.verb else { panic!("not a plan") };
    let chain = Catalog::embedded().find(args.preset.as_deref().unwrap()).unwrap().chain().to_vec();
    PlanReport::of(PlanRequest::resolve(&args, chain).unwrap())
}

fn check(report: &PlanReport) {
    let (run, buffer) = (&report.run, &report.request.buffer);
    let mut offset = 0;
    for segment in &run.segments {
        assert_eq!(segment.offset, offset, "segments follow one another");
        assert!(segment.len > 0);
        let pieces: u64 = run.pieces[segment.pieces.clone()].iter().map(|piece| piece.len).sum();
        assert_eq!(pieces, segment.len, "a segment is its pieces");
        offset += segment.len;
    }
    if run.outcome == Outcome::Loaded {
        assert_eq!(offset, buffer.length, "a mapping covers the buffer");
        assert!(report.remedies.is_empty());
    } else {
        assert!(offset <= buffer.length);
    }
    let human = render_human::render(report, 100, Rows::Some);
    let human = anstream::adapter::strip_str(&human).to_string();
    for line in human.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line.trim_end(), line, "no line ends in blanks");
    }
    let json: serde_json::Value = serde_json::from_str(&render_json::render(report).unwrap()).unwrap();
    assert_eq!(json["segments"].as_array().unwrap().len(), run.segments.len());
}

#[test]
fn every_preset_plans_every_kind_under_every_profile() {
    for preset in Catalog::embedded().presets() {
        for kind in KINDS {
            for profile in PROFILES {
                for (length, offset, layout) in BUFFERS {
                    let tag_and_profile = ["--preset", &preset.name, "--kind", kind, "--profile", profile];
                    let buffer = ["--length", length, "--offset", offset, "--layout", layout];
                    check(&report(&[&tag_and_profile[..], &buffer[..]].concat()));
                }
            }
        }
    }
}
