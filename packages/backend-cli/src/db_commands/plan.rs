use clap::Args;
use database_tools::planning::{Outlook, Script, Wanted};

use super::each::{causes, each};
use super::outcome::{Outcome, show};
use super::plan_report::{Line, Report};
use super::sites::{PluginArgs, Sites};
use crate::config_commands::put;
use crate::report;

const EXAMPLE: &str = "\
Servers are asked; nothing is made, and no SQLite file either. Exit code 3: a start would make or run something. With \
`--sql` nobody is asked, unless `--minimal` is there too. The script has the least privileges for what the config says, \
and no passwords.

Examples:
  backend db plan
  backend db plan --sql > plan.sql && psql -v ON_ERROR_STOP=1 -f plan.sql
  backend db plan --sql --minimal --plugin catalog";

/// Show what a start would make and run, or print it as SQL for an administrator.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct PlanArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// Print the SQL by which an administrator makes it, for `ensureExists: false`.
    #[arg(long)]
    pub sql: bool,
    /// Leave out what the servers have already.
    #[arg(long, requires = "sql")]
    pub minimal: bool,
    /// As JSON.
    #[arg(long, conflicts_with = "sql")]
    pub json: bool,
}

pub(super) async fn run(args: &PlanArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    if args.sql {
        let script = script(args, sites).await?;
        // What cannot be written has been told.
        let _ = put(&script.to_string());
        return Ok(Outcome::Done);
    }
    let looked = each(&sites.sites, "looking", async |site| site.outlook().await).await;
    let lines: Vec<_> = sites
        .sites
        .iter()
        .zip(looked)
        .map(|(site, (_, outlook))| Line { plan: &site.plan, outlook: outlook.map_err(|it| causes(&it)) })
        .collect();
    let failed: Vec<_> =
        lines.iter().filter(|it| it.outlook.is_err()).map(|it| format!("`{}`", it.plan.plugin)).collect();
    let to_do = |it: &Line<'_>| it.outlook.as_ref().is_ok_and(|outlook: &Outlook| outlook.is_to_do(it.plan.migrations));
    let is_to_do = lines.iter().any(to_do);
    let report = Report(lines);
    show(args.json, || report.json(), || report.text());
    if !failed.is_empty() {
        let _ = report::failure(&format!("cannot look at what there is of {}", failed.join(", ")));
        return Ok(Outcome::Failed);
    }
    Ok(if is_to_do { Outcome::ToDo } else { Outcome::Done })
}

async fn script(args: &PlanArgs, sites: &Sites) -> anyhow::Result<Script> {
    let wanted: Vec<_> = sites.sites.iter().map(Wanted::of).collect();
    match sites.sites.first() {
        Some(site) if args.minimal => Script::missing(&wanted, &site.access).await,
        _ => Ok(Script::new(&wanted)),
    }
}
