use clap::Args;

use super::destroy::{self, Deed, DestroyArgs};
use super::outcome::Outcome;
use super::sites::Sites;

const EXAMPLE: &str = "\
Only what is stamped as Greenroom's is touched: what it made, and what `backend db adopt` vouches for. All plugins are
checked before the first is dropped.

Example:
  backend db drop --plugin todo --yes";

/// Destroy databases and schemas that Greenroom made.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct DropArgs {
    #[command(flatten)]
    pub destroy: DestroyArgs,
}

pub(super) async fn run(args: &DropArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    destroy::run(Deed::Drop, &args.destroy, sites).await
}
