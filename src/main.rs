//! The binary: hands its arguments to the library and tells of a failure with all its causes.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match plumbline::run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            let mut message = format!("plumbline: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                message.push_str(&format!(": {error}"));
                cause = error.source();
            }
            // What fails is often named by others, and nobody may be listening.
            let _ = writeln!(std::io::stderr(), "{}", plumbline::base::text::quiet(&message));
            error.exit_code()
        }
    }
}
