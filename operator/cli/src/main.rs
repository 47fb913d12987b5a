//! The command `hemvist`. The library does the work; this file connects it to arguments, files and the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut stdin, mut stdout, mut stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    hemvist_cli::run(std::env::args_os(), &mut stdin, &mut stdout, &mut stderr).into()
}
