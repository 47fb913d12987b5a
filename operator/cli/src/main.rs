//! The command `hemvist`. Everything it does is in the library; here it only meets the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut stdin, mut stdout, mut stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    hemvist_cli::run(std::env::args_os(), &mut stdin, &mut stdout, &mut stderr).into()
}
