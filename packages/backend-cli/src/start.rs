use std::process::ExitCode;

use backend_app_api::{Backend, CheckOptions, Running, StartupError, Wired};
use backend_defaults::logger::{self, Format, Level, Log, LoggerConfig};
use backend_plugin_api::Section;
use config::Config;

use crate::args::{ConfigArgs, StartArgs};
use crate::load::Checked;
use crate::signals::Signals;
use crate::summary::Summary;
use crate::watch::{OnChange, watch};
use crate::{load, report};

/// Starts the backend, runs it until it is told to stop, stops it.
pub(crate) fn start(
    args: &ConfigArgs,
    StartArgs { strict }: StartArgs,
    add_plugins: impl FnOnce(Backend) -> Backend,
) -> ExitCode {
    // The check comes first: it reports what is wrong with the log's section beside all the rest.
    let options = CheckOptions { strict, ..CheckOptions::default() };
    let Checked { mut wired, level } = match load::check(args, options, add_plugins) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    let format = Format::of_stdout(&load::env);
    let config = wired.config().clone();
    let log = match install_log(&config, level, format) {
        Ok(log) => log,
        Err(error) => return report::failure(&format!("{error:#}")),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&format!("cannot start the runtime: {error}")),
    };
    let on_change = wired.take_checker().map(|checker| OnChange { config, checker, log: log.settings(), level });
    let watch = on_change.and_then(|it| watch(args.sources(), it));
    let code = runtime.block_on(run(wired, format));
    drop(watch);
    // What still runs in the background has had its time.
    runtime.shutdown_background();
    // Writes out what is still to be written.
    drop(log);
    code
}

fn install_log(config: &Config, level: Option<Level>, format: Format) -> anyhow::Result<Log> {
    let logger: LoggerConfig = config.read(LoggerConfig::KEY)?;
    let log = logger::install(&logger, level, format, config.redactor())?;
    log_panics();
    Ok(log)
}

/// A panic is one line of the log, with a backtrace if `RUST_BACKTRACE` asks for one.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => tracing::error!("{panic}\n{backtrace}"),
            _ => tracing::error!("{panic}"),
        }
    }));
}

async fn run(wired: Wired, format: Format) -> ExitCode {
    let mut signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => return report::failure(&format!("cannot wait for signals: {error}")),
    };
    Summary::warn_of(wired.warnings());
    let mut running = wired.start();
    let started = tokio::select! {
        started = running.started() => Some(started),
        signal = signals.next() => {
            tracing::info!("{} while starting: stopping", signal.1);
            None
        }
    };
    let code = match started {
        Some(Err(error)) => failed(&error, format),
        Some(Ok(())) => {
            Summary::of(&running).await.log(format);
            tracing::info!("{}: stopping", signals.next().await.1);
            ExitCode::SUCCESS
        }
        None => ExitCode::SUCCESS,
    };
    stop(running, &mut signals, code).await
}

fn failed(error: &StartupError, format: Format) -> ExitCode {
    if format == Format::Json {
        tracing::error!("{error}");
    }
    report::failure(&error.to_string())
}

/// Stops in order; a second signal ends that at once.
async fn stop(running: Running, signals: &mut Signals, code: ExitCode) -> ExitCode {
    tokio::select! {
        () = running.shutdown() => code,
        (number, name) = signals.next() => {
            tracing::warn!("{name} while stopping: ending at once");
            ExitCode::from(128 + number)
        }
    }
}
