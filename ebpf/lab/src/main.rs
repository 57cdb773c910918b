//! The lab's command, and, where it is the first process of a machine, that machine's init.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        busdma_lab::guest::main();
    }
    busdma_lab::main(std::env::args_os())
}
