use std::process::ExitCode;

use anyhow::Context as _;
use backend_app_api::{Backend, CheckOptions, Wired};
use backend_defaults::database::Environment;
use backend_defaults::logger::Level;
use config::Config;

use crate::args::ConfigArgs;
use crate::report;

/// A variable of this process, if it is text.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// All variables of this process, but for what is not text.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The backend with its core services and what `add_plugins` adds, not checked.
pub(crate) fn backend(config: Config, add_plugins: impl FnOnce(Backend) -> Backend) -> Backend {
    let environment = Environment::from_backstage_env(env("BACKSTAGE_ENV").as_deref());
    add_plugins(backend_defaults::backend(config, environment))
}

/// A backend of which everything was checked that can be before anything is opened.
pub(crate) struct Checked {
    pub(crate) wired: Wired,
    /// What `LOG_LEVEL` says.
    pub(crate) level: Option<Level>,
}

/// Loads and checks, or reports all that is wrong.
pub(crate) fn check(
    args: &ConfigArgs,
    options: CheckOptions,
    add_plugins: impl FnOnce(Backend) -> Backend,
) -> Result<Checked, ExitCode> {
    let level = env("LOG_LEVEL").filter(|it| !it.is_empty()).map(|it| it.parse::<Level>());
    let level = level.transpose().context("reading the environment variable `LOG_LEVEL`");
    let loaded = Config::load(&args.sources(), &env);
    let wired = loaded.map_err(|errors| report::config_errors(&errors)).and_then(|config| {
        let checked = backend(config, add_plugins).check_with(options);
        checked.map_err(|errors| report::check_errors(&errors))
    });
    // The two are told at once.
    match (wired, level) {
        (Ok(wired), Ok(level)) => Ok(Checked { wired, level }),
        (Err(code), Ok(_)) => Err(code),
        (_, Err(error)) => Err(report::failure(&format!("{error:#}"))),
    }
}
