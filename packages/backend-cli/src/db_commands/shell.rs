use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::outcome::Outcome;
use super::sites::{PluginArgs, Sites};
use crate::load::env;
use crate::report;
use crate::signals::Signals;

const EXAMPLE: &str = "\
The program is called with the host, user, search path, role and TLS that the plugin's migrations have (with
`backend.database.migrationConnection`, past a pooler). The password is as it is now, also a cloud's token, and is handed
over in the environment or in a private file, never on the command line. A private PostgreSQL (`embedded-postgres`) runs for
as long as the shell. Exit code: the program's.

Example:
  backend db shell catalog
  backend db shell catalog -- -c 'SELECT count(*) FROM refresh_state'";

/// Open a plugin's database in `psql`, `sqlite3` or `mysql`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct ShellArgs {
    /// Whose database.
    #[arg(value_name = "PLUGIN")]
    pub plugin: String,
    /// Handed on to the program.
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

impl ShellArgs {
    pub(super) fn plugins(&self) -> PluginArgs {
        PluginArgs { plugins: vec![self.plugin.clone()] }
    }
}

pub(super) async fn run(args: &ShellArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    // There is one: it was asked for by its id.
    let Some(site) = sites.sites.first() else { return Ok(Outcome::Done) };
    let shell = site.shell(&args.arguments, std::env::var_os("PATH"), env("PGOPTIONS")).await?;
    if let Some(note) = shell.note {
        report::note(&format!("note: {note}"));
    }
    let mut signals = Signals::catch()?;
    let program = shell.command.get_program().to_owned();
    let mut command = Command::from(shell.command);
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", program.display()))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // SIGINT is for the child alone, which has it from the terminal already.
            (number, _) = signals.next() => if number == 15 { terminate(&child) },
        }
    };
    Ok(Outcome::Exit(code(status)))
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
    // One that has ended needs no signal.
    let _ = pid.map(|it| kill_process(it, Signal::TERM));
}

/// As shells tell it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|it| 128 + it));
    code.and_then(|it| u8::try_from(it).ok()).unwrap_or(1)
}
