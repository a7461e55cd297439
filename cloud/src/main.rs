//! The `zerocam-cloud` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    zerocam_cloud::cli::main()
}
