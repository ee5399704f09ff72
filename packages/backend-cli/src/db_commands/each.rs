//! The same for many plugins, several at a time.

use backend_plugin_api::PluginId;
use database_tools::Site;
use futures::{StreamExt as _, stream};

use super::outcome::Outcome;
use super::progress::bar;
use crate::report;

/// How many plugins are worked on at the same time.
const AT_A_TIME: usize = 8;

/// What came of it for each plugin, in the order of `sites`. A failure of one does not stop another.
pub(super) async fn each<T>(
    sites: &[Site],
    doing: &str,
    run: impl AsyncFn(&Site) -> anyhow::Result<T>,
) -> Vec<(PluginId, anyhow::Result<T>)> {
    let bar = bar(u64::try_from(sites.len()).ok());
    bar.set_message(doing.to_owned());
    let run = &run;
    let bar_of_each = &bar;
    let work = stream::iter(sites).map(async |site| {
        let done = run(site).await;
        bar_of_each.inc(1);
        (site.plugin(), done)
    });
    let done = work.buffered(AT_A_TIME).collect().await;
    bar.finish_and_clear();
    done
}

/// Tells each failure, on standard error.
pub(super) fn tell_failures<T>(done: &[(PluginId, anyhow::Result<T>)]) -> Outcome {
    let mut outcome = Outcome::Done;
    for (plugin, done) in done {
        if let Err(error) = done {
            let _ = report::failure(&format!("plugin `{plugin}`: {}", causes(error)));
            outcome = Outcome::Failed;
        }
    }
    outcome
}

/// Tells which tables were not moved, on standard error.
pub(super) fn tell_left_out(plugin: PluginId, tables: &[String]) {
    if !tables.is_empty() {
        let tables: Vec<_> = tables.iter().map(|it| format!("`{it}`")).collect();
        report::note(&format!(
            "plugin `{plugin}`: virtual tables, such as full-text indexes, are not moved: {}; fill them anew",
            tables.join(", ")
        ));
    }
}

/// The error with its causes, without those that it has said already.
pub(super) fn causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice() {
        let error = anyhow::anyhow!("refused").context("cannot connect: refused").context("it failed");
        assert_eq!(causes(&error), "it failed: cannot connect: refused");
    }
}
