use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend_plugin_api::PluginId;
use backend_plugin_api::host::{ModuleFeature, Resolve as _};
use backend_plugin_api::services::lifecycle::Stage;
use backend_plugin_api::services::{Logger, RootLifecycle};
use config::Redactor;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument;

use crate::check::Wired;
use crate::plugin_start::PluginStart;
use crate::shutdown::run_hook;
use crate::{OnFailure, Phase, PluginState, Running, StartupConfig, Status};

/// How long the others have, once one part has failed for good, to fail too: what is wrong is to
/// be told at once, and all of it.
const GRACE: Duration = Duration::from_millis(500);

/// Every part that did not start, and why.
#[derive(Debug)]
pub struct StartupError(pub Vec<Failure>);

/// A part that did not start.
#[derive(Debug)]
pub struct Failure {
    /// E.g. ``plugin `catalog` ``.
    pub part: String,
    /// Why.
    pub error: anyhow::Error,
}

impl std::error::Error for StartupError {}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backend did not start:")?;
        self.0.iter().try_for_each(|it| write!(f, "\n  - {}: {}", it.part, causes(&it.error)))
    }
}

/// The error and its causes on one line, without those that the one before has already told.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    let mut told = Vec::<String>::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.last().is_none_or(|last| !last.contains(&cause)) {
            told.push(cause);
        }
    }
    told.join(": ")
}

/// The error, or what it tells without the secrets in it: it is shown to operators and clients.
fn without_secrets(error: anyhow::Error, redactor: &Redactor) -> anyhow::Error {
    let told = causes(&error);
    match redactor.redact(&told) {
        Cow::Borrowed(_) => error,
        Cow::Owned(redacted) => anyhow::Error::msg(redacted),
    }
}

impl Wired {
    /// Starts: the root services that do not wait to be asked for, then all plugins at once, each
    /// in a task of its own. Returns at once; see [`Running::started`].
    pub fn start(self) -> Running {
        let (container, status, lifecycle) = (Arc::clone(&self.container), self.status.clone(), self.lifecycle.clone());
        let plugins = self.plugins.iter().map(|it| it.id).collect();
        let boot = tokio::spawn(boot(self).in_current_span());
        Running { container, status, plugins, lifecycle, boot: Some(boot) }
    }
}

async fn boot(wired: Wired) -> Result<(), StartupError> {
    let (container, status) = (Arc::clone(&wired.container), wired.status.clone());
    let failed = container.make_initial().await;
    if !failed.is_empty() {
        let redactor = container.config().redactor();
        let failures = failed
            .into_iter()
            .map(|(id, error)| Failure { part: format!("service `{id}`"), error: without_secrets(error, &redactor) });
        return Err(StartupError(failures.collect()));
    }
    start_plugins(wired).await?;
    status.set_phase(Phase::Started);
    if let Ok(lifecycle) = container.root().get::<RootLifecycle>().await {
        for hook in lifecycle.take(Stage::Startup) {
            run_hook(hook, None).await;
        }
    }
    Ok(())
}

async fn start_plugins(wired: Wired) -> Result<(), StartupError> {
    let Wired { container, plugins, mut modules, host_migrations, status, startup, .. } = wired;
    let startup = Arc::new(startup);
    let redactor = container.config().redactor();
    let start = PluginStart { container, status: status.clone(), startup: Arc::clone(&startup), host_migrations };
    let mut tasks = JoinSet::new();
    let mut ids: HashMap<Id, PluginId> = HashMap::new();
    for plugin in plugins {
        let id = plugin.id;
        let (own, others) = modules.into_iter().partition(|it: &ModuleFeature| it.extends.plugin == id);
        modules = others;
        let run = start.clone().run(plugin, own).instrument(Logger::new(id).span().clone());
        ids.insert(tasks.spawn(run).id(), id);
    }
    wait_for(tasks, &ids, &status, &startup, &redactor).await
}

/// Waits for all plugins, telling which ones it waits for. After a failure that may not be, the
/// others have a moment to report theirs.
async fn wait_for(
    mut tasks: JoinSet<anyhow::Result<()>>,
    ids: &HashMap<Id, PluginId>,
    status: &Status,
    startup: &StartupConfig,
    redactor: &Redactor,
) -> Result<(), StartupError> {
    let mut fatal = Vec::new();
    let mut progress = Progress::new();
    let mut deadline = None;
    loop {
        let joined = tokio::select! {
            joined = tasks.join_next_with_id() => joined,
            () = progress.due() => {
                progress.log(status);
                continue;
            }
            () = until(deadline) => None,
        };
        let Some(joined) = joined else { break };
        let Some((plugin, error)) = failure_of(joined, ids) else { continue };
        let error = without_secrets(error, redactor);
        status.set_plugin(plugin, PluginState::Failed(causes(&error)));
        if startup.on_plugin_failure(plugin) == OnFailure::Continue {
            let (plugin, reason) = (plugin.as_str(), causes(&error));
            tracing::warn!(plugin, "plugin `{plugin}` did not start, going on without it: {reason}");
            continue;
        }
        fatal.push((plugin, error));
        deadline.get_or_insert(Instant::now() + GRACE);
    }
    if fatal.is_empty() {
        return Ok(());
    }
    fatal.sort_by_key(|(plugin, _)| *plugin);
    let failures = fatal.into_iter().map(|(plugin, error)| Failure { part: format!("plugin `{plugin}`"), error });
    Err(StartupError(failures.collect()))
}

fn failure_of(
    joined: Result<(Id, anyhow::Result<()>), JoinError>,
    ids: &HashMap<Id, PluginId>,
) -> Option<(PluginId, anyhow::Error)> {
    match joined {
        Ok((_, Ok(()))) => None,
        Ok((task, Err(error))) => Some((ids[&task], error)),
        Err(error) => Some((ids[&error.id()], error.into())),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Says what is still starting: after 1, 2, 4, 7, 12, ... seconds. Backstage: Fibonacci too.
struct Progress {
    began: Instant,
    next: Instant,
    waits: (u64, u64),
}

impl Progress {
    fn new() -> Self {
        let began = Instant::now();
        Self { began, next: began + Duration::from_secs(1), waits: (1, 1) }
    }

    async fn due(&self) {
        tokio::time::sleep_until(self.next).await;
    }

    fn log(&mut self, status: &Status) {
        let snapshot = status.snapshot();
        let starting = snapshot.plugins.iter().filter_map(|(id, state)| match state {
            PluginState::Starting(step) => Some(format!("{id} ({step})")),
            _ => None,
        });
        let starting: Vec<_> = starting.collect();
        tracing::info!("still starting after {} s: {}", self.began.elapsed().as_secs(), starting.join(", "));
        self.waits = (self.waits.1, self.waits.0 + self.waits.1);
        self.next += Duration::from_secs(self.waits.0);
    }
}
