use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Duration, Sources};

use crate::config_commands::ConfigCommand;
use crate::db_commands::DbCommand;
use crate::fetch::fetch;
use crate::load;

/// A developer portal's backend.
#[derive(Clone, Debug, Parser)]
#[command(name = "backend", version, args_conflicts_with_subcommands = false)]
pub struct Cli {
    /// What to do. Default: `start`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where its config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to start, when that is what no command means.
    #[command(flatten)]
    pub start: StartArgs,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the backend and run until told to stop (the default).
    Start(StartArgs),
    /// Print, check and explain the config.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show the databases of plugins.
    #[command(subcommand)]
    Db(DbCommand),
}

/// How to start.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartArgs {
    /// Do not start when a key of the config is read by nobody, or a value is absent because a variable is not set.
    #[arg(long)]
    pub strict: bool,
}

/// Where the config is.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above.
    /// Repeatable: a later one overrides an earlier one.
    #[arg(long = "config", value_name = "FILE|URL", global = true)]
    pub targets: Vec<String>,
    /// File of variables, as `NAME=value`, for what the environment does not have. Repeatable.
    #[arg(long = "env-file", value_name = "FILE", global = true)]
    pub env_files: Vec<PathBuf>,
    /// How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds.
    #[arg(long = "config-reload-interval", value_name = "TIME", global = true, default_value = "60s", value_parser = interval)]
    pub reload_interval: Duration,
}

/// A plain number is one of seconds.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text.parse()?,
    };
    if interval.get().is_zero() { Err("has to be more than 0".to_owned()) } else { Ok(interval) }
}

impl ConfigArgs {
    /// The files to read.
    pub fn sources(&self) -> Sources {
        let sources = match self.targets.as_slice() {
            [] => Sources::upwards_from("."),
            targets => Sources::targets(targets),
        };
        let interval = self.reload_interval.get();
        sources
            .with_variables(load::variables())
            .with_env_files(&self.env_files)
            .with_fetch(fetch)
            .with_reload_interval(interval)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn config_files_may_stand_before_and_after_the_command() {
        for line in [
            &["backend", "--config", "a", "--config", "b"][..],
            &["backend", "start", "--config", "a", "--config", "b"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.config.targets, ["a", "b"]);
        }
        assert!(Cli::try_parse_from(["backend", "strat"]).unwrap_err().to_string().contains("start"));
        assert!(Cli::try_parse_from(["backend", "--strict"]).unwrap().start.strict);
    }
}
