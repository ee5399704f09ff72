use clap::Args;
use database_tools::orphans::{Found, Kind, Names, Orphan, Standing, find};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::confirm::Consent;
use super::outcome::{Outcome, show};
use super::sites::Sites;
use super::table::{Column, table};
use crate::report;

const EXAMPLE: &str = "\
Looks at the servers, databases and folders of the plugins that are installed, for what is stamped as that of another plugin,
and for scratch databases that were left. What has another name than this config would give it may be another
installation's: it is shown, and never dropped.

Exit code 3: there is something to drop.

Example:
  backend db orphans --drop --yes";

/// Find databases, schemas and files of plugins that are not there any longer.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct OrphansArgs {
    /// Drop them.
    #[arg(long)]
    pub drop: bool,
    #[command(flatten)]
    pub consent: Consent,
    /// End the sessions of others that use them. Processes that have a SQLite file open are never ended.
    #[arg(long)]
    pub force: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &OrphansArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let Found { orphans, problems } = look(sites).await;
    for problem in &problems {
        report::failure(problem);
    }
    let count = orphans.iter().filter(|it| it.may_be_dropped()).count();
    if !args.drop {
        show(args.json, || for_machines(&orphans, &[]), || for_people(&orphans));
        return Ok(match () {
            () if !problems.is_empty() => Outcome::Failed,
            () if count > 0 => Outcome::ToDo,
            () => Outcome::Done,
        });
    }
    if let Err(outcome) = args.consent.suits(sites.environment) {
        return Ok(outcome);
    }
    if !problems.is_empty() || is_refused(&orphans, args.force).await {
        report::note("nothing was done");
        return Ok(Outcome::Failed);
    }
    if count > 0 {
        report::note(&format!("to be destroyed, but for what is of another prefix:\n\n{}\n", for_people(&orphans)));
        if let Err(outcome) = args.consent.ask("drop") {
            return Ok(outcome);
        }
    }
    let dropped = drop_all(&orphans, args.force).await;
    show(args.json, || for_machines(&orphans, &dropped), || told(&dropped));
    Ok(if dropped.iter().all(|(_, error)| error.is_none()) { Outcome::Done } else { Outcome::Failed })
}

async fn look(sites: &Sites) -> Found {
    let names = Names {
        prefix: sites.databases.names_prefix().to_owned(),
        schema_prefix: sites.databases.schema_prefix.clone().unwrap_or_default(),
    };
    find(&sites.sites, &sites.installed, &names).await
}

/// Tells all that is against it.
async fn is_refused(orphans: &[Orphan], force: bool) -> bool {
    let mut refused = false;
    for orphan in orphans.iter().filter(|it| it.may_be_dropped()) {
        let refusals = orphan.refusals(force).await.unwrap_or_else(|error| vec![format!("{orphan}: {error:#}")]);
        for refusal in refusals {
            report::failure(&refusal);
            refused = true;
        }
    }
    refused
}

/// An orphan, and why it is still there.
type Dropped<'a> = (&'a Orphan, Option<String>);

async fn drop_all(orphans: &[Orphan], force: bool) -> Vec<Dropped<'_>> {
    // Roles go when nothing is theirs any longer.
    let (roles, others): (Vec<_>, Vec<_>) =
        orphans.iter().filter(|it| it.may_be_dropped()).partition(|it| it.kind == Kind::Role);
    let mut dropped = Vec::new();
    for orphan in others.into_iter().chain(roles) {
        let left = match orphan.drop(force).await {
            Ok(done) => done.left.into_iter().next(),
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(left) = &left {
            report::failure(left);
        }
        dropped.push((orphan, left));
    }
    dropped
}

fn columns() -> [Column<Orphan>; 9] {
    [
        ("what", false, |it| Some(it.kind.to_string())),
        ("server", false, |it| it.server()),
        ("database", false, |it| it.database().map(str::to_owned)),
        ("name", false, |it| Some(it.name.clone())),
        ("plugin", false, |it| Some(it.plugin.clone()).filter(|it| !it.is_empty())),
        ("why", false, |it| Some(why(it).to_owned())),
        ("size", true, |it| it.bytes.map(|it| HumanBytes(it).to_string())),
        ("rows", true, |it| it.rows.map(|(rows, exact)| format!("{}{rows}", if exact { "" } else { "~" }))),
        ("connections", true, |it| Some(it.sessions.len().to_string()).filter(|_| it.bytes.is_some())),
    ]
}

fn why(orphan: &Orphan) -> &'static str {
    match orphan.standing {
        Standing::Orphan => "not installed",
        Standing::OtherPrefix => "of another prefix",
        Standing::Scratch => "scratch",
    }
}

fn for_people(orphans: &[Orphan]) -> String {
    match orphans {
        [] => "there are no orphans".to_owned(),
        orphans => table(&columns(), orphans),
    }
}

fn told(dropped: &[Dropped<'_>]) -> String {
    let gone: Vec<_> = dropped.iter().filter(|(_, left)| left.is_none()).collect();
    match gone[..] {
        [] if dropped.is_empty() => "there are no orphans to drop".to_owned(),
        _ => gone.iter().map(|(orphan, _)| format!("dropped {orphan}")).collect::<Vec<_>>().join("\n"),
    }
}

fn for_machines(orphans: &[Orphan], dropped: &[Dropped<'_>]) -> Value {
    let orphan = |it: &Orphan| {
        let done = dropped.iter().find(|(of, _)| std::ptr::eq(*of, it));
        json!({
            "kind": it.kind.to_string(), "server": it.server(), "database": it.database(), "name": it.name,
            "plugin": it.plugin, "why": why(it), "bytes": it.bytes, "rows": it.rows.map(|it| it.0),
            "rowsExact": it.rows.map(|it| it.1), "connections": it.sessions.len(),
            "dropped": done.is_some_and(|(_, left)| left.is_none()), "error": done.and_then(|(_, left)| left.clone()),
        })
    };
    json!({ "orphans": orphans.iter().map(orphan).collect::<Vec<_>>() })
}
