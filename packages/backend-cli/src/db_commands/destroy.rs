//! What `drop`, `reset` and `truncate` have in common: all is looked at and shown, and nothing is done to any plugin's
//! database if there is something against it for one.

use backend_defaults::database::DatabasePlan;
use clap::Args;
use database_tools::Site;
use database_tools::change::{Action, Dropped};
use database_tools::inspect::{Counting, Facts, facts_of_all};
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Map, Value, json};

use super::confirm::Consent;
use super::facts::{self, database, rows, schema};
use super::outcome::{Outcome, show};
use super::progress;
use super::sites::{PluginArgs, Sites};
use super::table::{Column, table};
use crate::report;

/// How many databases are destroyed at the same time.
const AT_ONCE: usize = 8;

/// What all of them take.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct DestroyArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    #[command(flatten)]
    pub consent: Consent,
    /// End the sessions of others that use it. Processes that have a SQLite file open are never ended.
    #[arg(long)]
    pub force: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Drop,
    Reset,
    Truncate,
}

/// A database, and what is in it.
struct Target {
    site: Site,
    facts: Facts,
}

pub(super) async fn run(deed: Deed, args: &DestroyArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    if let Err(outcome) = args.consent.suits(sites.environment) {
        return Ok(outcome);
    }
    for site in sites.sites.iter().filter(|it| it.database.info().ephemeral) {
        report::note(&format!("`{}` is in memory: there is nothing to {}", site.plugin(), deed.verb()));
    }
    let kept: Vec<_> = sites.sites.iter().filter(|it| !it.database.info().ephemeral).cloned().collect();
    let Some(targets) = check(deed, args, &kept).await else { return Ok(Outcome::Failed) };
    for target in targets.iter().filter(|it| !it.facts.exists && deed != Deed::Reset) {
        report::note(&format!("`{}`: {} is not there", target.site.plugin(), target.site.plan.info().location));
    }
    let targets: Vec<_> = targets.into_iter().filter(|it| it.facts.exists || deed == Deed::Reset).collect();
    if !targets.is_empty() {
        report::note(&format!("{}:\n\n{}\n", deed.announcement(), overview(&targets)));
        if let Err(outcome) = args.consent.ask(&word(deed, &targets)) {
            return Ok(outcome);
        }
    }
    // What was asked for long ago may be another thing now.
    let asked: Vec<_> = targets.into_iter().map(|it| it.site).collect();
    let Some(targets) = check(deed, args, &asked).await else { return Ok(Outcome::Failed) };
    let bar = progress::bar(Some(targets.len() as u64)).with_message(deed.verb());
    let done = stream::iter(targets).map(|target| async {
        let done = deed.to(&target, args.force).await;
        bar.inc(1);
        (target, done)
    });
    let done: Vec<_> = done.buffered(AT_ONCE).collect().await;
    bar.finish_and_clear();
    show(args.json, || for_machines(deed, &done), || for_people(deed, &done));
    let mut outcome = Outcome::Done;
    for (target, done) in &done {
        match done {
            Err(error) => {
                report::failure(&format!("`{}`: {error:#}", target.site.plugin()));
                outcome = Outcome::Failed;
            }
            Ok(done) => done.left.iter().for_each(|left| report::note(&format!("`{}`: {left}", target.site.plugin()))),
        }
    }
    Ok(outcome)
}

/// Looks at all of them; `None` if there is something against it, which was told.
async fn check(deed: Deed, args: &DestroyArgs, sites: &[Site]) -> Option<Vec<Target>> {
    let mut wrong = Vec::new();
    let mut targets = Vec::new();
    for (site, facts) in sites.iter().zip(facts_of_all(sites, Counting::Exact).await) {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                wrong.push(format!("{error:#}"));
                continue;
            }
        };
        match site.refusals(&facts, deed.action(), args.force).await {
            Ok(refusals) => wrong.extend(refusals.iter().map(ToString::to_string)),
            Err(error) => wrong.push(format!("`{}`: {error:#}", site.plugin())),
        }
        targets.push(Target { site: site.clone(), facts });
    }
    if wrong.is_empty() {
        return Some(targets);
    }
    for message in wrong {
        report::failure(&message);
    }
    report::note("nothing was done");
    None
}

impl Deed {
    fn action(self) -> Action {
        match self {
            Self::Drop | Self::Reset => Action::Drop,
            Self::Truncate => Action::Truncate,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
        }
    }

    fn announcement(self) -> &'static str {
        match self {
            Self::Drop => "to be destroyed",
            Self::Reset => "to be destroyed, made again and migrated",
            Self::Truncate => "to be emptied, tables and migrations stay",
        }
    }

    fn past(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Reset => "reset",
            Self::Truncate => "emptied",
        }
    }

    async fn to(self, Target { site, facts }: &Target, force: bool) -> anyhow::Result<Dropped> {
        match self {
            Self::Drop => site.drop_database(facts, force).await,
            Self::Truncate => site.truncate(facts, force).await.map(|()| Dropped::default()),
            Self::Reset => {
                let dropped = site.drop_database(facts, force).await?;
                site.provision().await?;
                site.migrator().run().await?;
                Ok(dropped)
            }
        }
    }
}

/// What has to be typed.
fn word(deed: Deed, targets: &[Target]) -> String {
    match targets {
        [target] => target.site.plugin().to_string(),
        _ => deed.verb().to_owned(),
    }
}

fn overview(targets: &[Target]) -> String {
    let there = |it: &Target, text: String| Some(if it.facts.exists { text } else { "-".to_owned() });
    // A column is a plain function, so that what is common to all is made before.
    let lines: Vec<_> = targets
        .iter()
        .map(|it| Line {
            plan: &it.site.plan,
            tables: there(it, it.facts.tables.len().to_string()),
            rows: there(it, rows(&it.facts)),
            sessions: (!it.facts.sessions.is_empty()).then(|| it.facts.sessions.len().to_string()),
        })
        .collect();
    table(&columns(), &lines)
}

/// One plugin's line.
struct Line<'a> {
    plan: &'a DatabasePlan,
    tables: Option<String>,
    rows: Option<String>,
    sessions: Option<String>,
}

fn columns<'a>() -> [Column<Line<'a>>; 7] {
    [
        ("plugin", false, |it| Some(it.plan.plugin.to_string())),
        ("server", false, |it| it.plan.server()),
        ("database", false, |it| Some(database(it.plan))),
        ("schema", false, |it| schema(it.plan)),
        ("tables", true, |it| it.tables.clone()),
        ("rows", true, |it| it.rows.clone()),
        ("sessions to end", true, |it| it.sessions.clone()),
    ]
}

type Done = (Target, anyhow::Result<Dropped>);

fn for_people(deed: Deed, done: &[Done]) -> String {
    let lines = done.iter().filter_map(|(target, done)| {
        let dropped = done.as_ref().ok()?;
        let role = dropped.role.as_ref().map(|it| format!(", and its role {it}")).unwrap_or_default();
        Some(format!("{} {}{role}", deed.past(), target.site.plan.info().location))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn for_machines(deed: Deed, done: &[Done]) -> Value {
    let plugins = done.iter().map(|(Target { site, facts }, done)| {
        let mut plugin = json!({
            "location": site.plan.info().location,
            "done": done.as_ref().ok().map(|_| deed.past()),
            "error": done.as_ref().err().map(|it| format!("{it:#}")),
            "before": facts::json(facts),
        });
        if let Ok(Dropped { role: Some(role), .. }) = done {
            plugin["role"] = json!(role);
        }
        (site.plugin().to_string(), plugin)
    });
    json!({ "plugins": Map::from_iter(plugins) })
}
