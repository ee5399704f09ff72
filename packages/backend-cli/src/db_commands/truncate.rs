use clap::Args;

use super::destroy::{self, Deed, DestroyArgs};
use super::outcome::Outcome;
use super::sites::Sites;

const EXAMPLE: &str = "\
Tables, and the history of migrations, stay; rows that migrations inserted are deleted too. Identities count from the
start again. PostgreSQL and SQLite do it in one transaction, MySQL table by table.

Example:
  backend db truncate --plugin todo --yes";

/// Delete all rows, and keep the tables.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct TruncateArgs {
    #[command(flatten)]
    pub destroy: DestroyArgs,
}

pub(super) async fn run(args: &TruncateArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    destroy::run(Deed::Truncate, &args.destroy, sites).await
}
