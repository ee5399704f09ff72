#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod bench;
mod requirements;
mod sh;
mod storm;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// The developer's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Runs every test of the workspace.
    Test(test::Options),
    /// Measures a release build.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Ends and restarts PostgreSQL under a backend with load, and checks that nothing is lost.
    Storm(storm::Options),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Test(options) => test::run(&options),
        Command::Bench(bench) => bench.run(),
        Command::Storm(options) => storm::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Command::command().debug_assert();
    }
}
