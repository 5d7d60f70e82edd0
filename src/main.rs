//! The binary: hands its arguments to the library and tells of a failure with all its causes.

use std::process::ExitCode;

fn main() -> ExitCode {
    match plumbline::run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            eprint!("plumbline: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
