use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http;
use crate::sh;

const READINESS: &str = "/.backstage/health/v1/readiness";
const DEADLINE: Duration = Duration::from_secs(30);

/// A backend that is ready. Ends when dropped.
pub(crate) struct Backend {
    process: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until readiness answered 200.
    pub(crate) start_up: Duration,
}

impl Backend {
    /// Starts `binary` as shipped but for its port, and waits until it is ready.
    ///
    /// `folder` takes its log and the config file with the port.
    pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.current_dir(sh::root()).args(["--config", "app-config.yaml"]);
        Self::spawn(command, folder)
    }

    /// Starts the example of many plugins on this config alone.
    pub(crate) fn start_with(binary: &Path, folder: &Path, config: &str, plugins: u32) -> Result<Self> {
        let file = folder.join("app-config.yaml");
        fs::write(&file, config)?;
        let mut command = Command::new(binary);
        command.current_dir(folder).env("EXTRA_PLUGINS", plugins.to_string()).arg("--config").arg(file);
        Self::spawn(command, folder)
    }

    #[expect(clippy::disallowed_methods, reason = "there is no runtime whose thread could be blocked")]
    fn spawn(mut command: Command, folder: &Path) -> Result<Self> {
        let address = free_port()?;
        let config = folder.join("bench.yaml");
        fs::write(&config, format!("backend:\n  listen: '{address}'\n  baseUrl: http://{address}\n"))?;
        let log = folder.join("backend.log");
        command.arg("--config").arg(config);
        command.stdin(Stdio::null()).stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);

        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let mut backend = Self { process, address, start_up: Duration::ZERO };
        while !http::get(address, READINESS).is_ok_and(|status| status == 200) {
            if let Some(status) = backend.process.try_wait()? {
                bail!("the backend ended ({status}):\n{}", fs::read_to_string(log)?);
            }
            if started.elapsed() > DEADLINE {
                bail!("the backend was not ready after {DEADLINE:?}:\n{}", fs::read_to_string(log)?);
            }
            thread::sleep(Duration::from_micros(500));
        }
        backend.start_up = started.elapsed();
        Ok(backend)
    }

    /// Its resident memory in MB (10^6 bytes).
    pub(crate) fn resident(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&path).with_context(|| format!("memory is read from `{path}`, as on Linux"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kib: f64 = kib.with_context(|| format!("`{path}` has no `VmRSS`"))?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
