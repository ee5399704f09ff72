use clap::Args;

use super::destroy::{self, Deed, DestroyArgs};
use super::outcome::Outcome;
use super::sites::Sites;

const EXAMPLE: &str = "\
As `backend db drop`, then `backend db create` and `backend db migrate`. What is not there is made.

Example:
  backend db reset --plugin todo --yes";

/// Drop, make again, and migrate.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct ResetArgs {
    #[command(flatten)]
    pub destroy: DestroyArgs,
}

pub(super) async fn run(args: &ResetArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    destroy::run(Deed::Reset, &args.destroy, sites).await
}
