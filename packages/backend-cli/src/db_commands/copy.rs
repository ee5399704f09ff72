use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use backend_plugin_api::PluginId;
use clap::Args;
use database_tools::Site;
use database_tools::transfer::{Event, Loaded, Preview, Progress, copy, is_same_place, preview};
use futures::{StreamExt as _, stream};

use super::copy_report::{Copied, Previewed, copied_json, copied_text, previewed_json, previewed_text};
use super::each::{tell_failures, tell_left_out};
use super::outcome::{Outcome, show};
use super::rows_bar::RowsBar;
use super::sites::{PluginArgs, Sites};
use super::until_stopped::until_stopped;
use crate::report;

/// How many plugins are copied at the same time.
const AT_A_TIME: usize = 4;

const EXAMPLE: &str = "\
Each file is laid over the default config files (or those of `--config`), and says where the data is, such as:

  backend: {database: {client: pg, connection: {host: db, user: greenroom, password: ${PASSWORD}}}}

The target is made and migrated. It must have no rows; one that has all rows of the source already is left alone, so that a
copy that was interrupted can be run again. Stop the backend that uses the source before: rows that change meanwhile make the
copy fail. The source is not written. All of a plugin is copied, or nothing.

Example:
  backend db copy --from sqlite.yaml --to postgres.yaml --dry-run";

/// Move plugins' data to another place: another engine, server, prefix or division mode.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct CopyArgs {
    /// Config file that says where the data is. Repeatable: a later one overrides an earlier one.
    #[arg(long, value_name = "FILE|URL", required = true)]
    pub from: Vec<String>,
    /// Config file that says where it is to be. Repeatable: a later one overrides an earlier one.
    #[arg(long, value_name = "FILE|URL", required = true)]
    pub to: Vec<String>,
    /// Show what would be copied, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &CopyArgs, from: &Sites, to: &Sites) -> anyhow::Result<Outcome> {
    let sites: Vec<_> = from.sites.iter().filter_map(|site| Some((site, target(to, site.plugin())?))).collect();
    let done = match misuse(&sites) {
        Some(message) => {
            let _: ExitCode = report::usage(&message);
            Ok(Outcome::Misused)
        }
        None if args.dry_run => Ok(preview_all(args, &sites).await),
        None => copy_all(args, &sites).await,
    };
    from.close().await;
    done
}

fn target(to: &Sites, plugin: PluginId) -> Option<&Site> {
    to.sites.iter().find(|it| it.plugin() == plugin)
}

/// What cannot be meant: all of it.
fn misuse(sites: &[(&Site, &Site)]) -> Option<String> {
    let mut mistakes = Vec::new();
    for (from, to) in sites {
        let (plugin, location) = (from.plugin(), to.plan.info().location);
        let memory =
            |option: &str| format!("`{option}` has the data of plugin `{plugin}` in memory, where nobody finds it");
        match (from.plan.info().ephemeral, to.plan.info().ephemeral) {
            (true, _) => mistakes.push(memory("--from")),
            (_, true) => mistakes.push(memory("--to")),
            _ if is_same_place(from, to) => {
                mistakes.push(format!(
                    "`--from` and `--to` have the data of plugin `{plugin}` in the same place, {location}"
                ));
            }
            _ => {}
        }
    }
    (!mistakes.is_empty()).then(|| mistakes.join("\n       "))
}

async fn preview_all(args: &CopyArgs, sites: &[(&Site, &Site)]) -> Outcome {
    let look = async |(from, to): &(&Site, &Site)| (from.plugin(), preview(from, to).await);
    let done: Vec<_> = stream::iter(sites).map(look).buffered(AT_A_TIME).collect().await;
    let outcome = tell_failures(&done);
    let previewed = |(plugin, done): &(PluginId, anyhow::Result<Preview>)| {
        let (_, to) = sites.iter().find(|(from, _)| from.plugin() == *plugin)?;
        Some(Previewed { plugin: *plugin, location: to.plan.info().location, preview: done.as_ref().ok()?.clone() })
    };
    let previewed: Vec<_> = done.iter().filter_map(previewed).collect();
    show(args.json, || previewed_json(&previewed), || previewed_text(&previewed));
    outcome
}

async fn copy_all(args: &CopyArgs, sites: &[(&Site, &Site)]) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let bar = Arc::new(RowsBar::new(Some(0)));
    let work = async |(from, to): &(&Site, &Site)| (from.plugin(), copy_one(from, to, &bar).await);
    let done = until_stopped(async { Ok(stream::iter(sites).map(work).buffered(AT_A_TIME).collect::<Vec<_>>().await) });
    let done = done.await;
    bar.finish();
    let done = done.context("what was begun is begun anew by the same command")?;
    let outcome = tell_failures(&done);
    let mut copied = Vec::new();
    for (plugin, done) in done {
        let Ok(Loaded { tables, left_out, was_there, took }) = done else { continue };
        tell_left_out(plugin, &left_out);
        if was_there {
            report::note(&format!("plugin `{plugin}`: all of it was there already"));
        }
        copied.push(Copied { plugin, tables, was_there, took });
    }
    show(args.json, || copied_json(&copied), || copied_text(&copied, began.elapsed()));
    Ok(outcome)
}

async fn copy_one(from: &Site, to: &Site, bar: &Arc<RowsBar>) -> anyhow::Result<Loaded> {
    let (plugin, told) = (from.plugin(), Arc::clone(bar));
    let progress: Progress = Arc::new(move |event: Event<'_>| match event {
        Event::Begins { rows } => told.expect(rows),
        Event::Copied { table, rows } => told.at(plugin, table, rows),
        Event::Checked { table } => told.say(plugin, table, "checked"),
    });
    Ok(copy(from, to, &progress).await?)
}
