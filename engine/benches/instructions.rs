//! Runs one case a given number of times, for a tool that counts instructions: `instructions CASE ITERATIONS`.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program to be measured, run by hand")]

#[path = "cases/mod.rs"]
#[expect(dead_code, reason = "FreeBSD's figures are for the timed benchmark")]
mod cases;

use std::hint::black_box;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [name, iterations] = arguments.as_slice() else {
        let names: Vec<&str> = cases::CASES.iter().map(|(name, _)| *name).collect();
        println!("give a case ({}) and a number of iterations", names.join(", "));
        return;
    };
    let iterations: u64 = iterations.parse().expect("a number of iterations");
    let mut case = cases::Case::new(name);
    for _ in 0..iterations {
        black_box(case.run());
    }
}
