//! The command line tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    busdma_cli::main(std::env::args_os())
}
