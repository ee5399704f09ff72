use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Duration, Sources};

use crate::completions::CompletionsArgs;
use crate::config_commands::ConfigCommand;
use crate::db_commands::DbCommand;
use crate::fetch::fetch;
use crate::load;
use crate::plugin_commands::PluginCommand;
use crate::store::Store;

const START: &str = "\
Example:
  backend start
  backend start --store fs --data-dir /var/lib/backend
  PGHOST=db PGUSER=backend backend start --store pg --strict";

const DB: &str = "\
Exit codes:
  0  done; of a check: nothing to do
  1  it failed
  2  the command line is wrong
  3  a check found something to do

Example:
  backend db plan
  backend db status --plugin catalog";

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
    /// Look at the databases of plugins, make, move, check and restore them.
    #[command(subcommand, after_help = DB)]
    Db(DbCommand),
    /// Show the plugins that the backend was built with.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Write a script that completes this program's command lines in a shell.
    Completions(CompletionsArgs),
}

/// How to start.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(after_help = START)]
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
    /// Files and URLs that are laid over those.
    #[arg(skip)]
    pub over: Vec<String>,
    /// Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`),
    /// or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name).
    #[arg(long, value_enum, global = true, value_name = "WHERE", hide_possible_values = true)]
    pub store: Option<Store>,
    /// The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`.
    #[arg(long, value_name = "FOLDER", global = true)]
    pub data_dir: Option<String>,
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
        let sources = sources
            .with_targets_over(&self.over)
            .with_variables(load::variables())
            .with_env_files(&self.env_files)
            .with_fetch(fetch)
            .with_reload_interval(interval);
        match self.store {
            Some(store) => store.over(sources, self.data_dir.as_deref()),
            None => sources,
        }
    }

    /// What is wrong with them beside each other.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        let is_alone = self.data_dir.is_some() && self.store != Some(Store::Fs);
        is_alone.then_some("`--data-dir` is for `--store fs`, which keeps data in SQLite files")
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

    /// The commands that have no others below them.
    fn leaves<'a>(command: &'a clap::Command, name: &str) -> Vec<(String, &'a clap::Command)> {
        let below: Vec<_> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
        match below.is_empty() {
            true => vec![(name.to_owned(), command)],
            false => below.into_iter().flat_map(|it| leaves(it, &format!("{name} {}", it.get_name()))).collect(),
        }
    }

    #[test]
    fn each_command_has_an_example_of_itself() {
        let cli = Cli::command();
        let leaves = leaves(&cli, "backend");
        assert!(leaves.len() > 20, "{leaves:?}");
        let without = leaves.iter().filter(|(name, command)| {
            let help = command.get_after_help().map(|it| format!("\n{it}")).unwrap_or_default();
            let (_, examples) = help.split_once("\nExample").unwrap_or_default();
            !examples.contains(name)
        });
        assert_eq!(without.map(|it| it.0.as_str()).collect::<Vec<_>>(), [""; 0]);
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
