//! `cargo xtask bench copy`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use embedded_postgres::{Binaries, Cluster};

use super::build;
use super::figure::{Figure, Goal, median};
use crate::requirements::{self, CC, POSTGRES, SQLITE};
use crate::sh;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each is done.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many rows.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// One JSON object a figure.
    #[arg(long)]
    pub(crate) json: bool,
}

const RATE: Goal = Goal::AtLeast(0.6);
const MEMORY: Goal = Goal::AtMost(100.0);
const STATUS: Goal = Goal::AtMost(300.0);
const LOOK: Duration = Duration::from_millis(5);

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>> {
    requirements::ensure(&[CC, POSTGRES, SQLITE])?;
    let (one, many) = (build::example("backend-cli", "many_rows")?, build::example("backend-cli", "many_plugins")?);
    let folder = tempfile::tempdir()?;
    // The server's own defaults, with everything synced to disk.
    let cluster = Cluster::start(&embedded_postgres::Options::new(folder.path().join("pg"), std::env::var_os("PATH")))?;
    let bench = Bench {
        folder: folder.path().to_owned(),
        psql: Binaries::find(std::env::var_os("PATH"))?.program("psql"),
        cluster,
    };
    let mut figures = bench.copy(&one, options)?;
    figures.push(bench.status(&many, options)?);
    bench.cluster.stop()?;
    Ok(figures)
}

struct Bench {
    folder: PathBuf,
    psql: PathBuf,
    cluster: Cluster,
}

impl Bench {
    fn copy(&self, binary: &Path, options: &Options) -> Result<Vec<Figure>> {
        self.write(
            "from.yaml",
            &format!("backend: {{database: {{connection: {{directory: '{}'}}}}}}", self.folder.join("data").display()),
        )?;
        self.write("app-config.yaml", "backend: {database: {client: better-sqlite3}}")?;
        sh::run(self.backend(binary).args(["db", "migrate", "--config", "app-config.yaml", "--config", "from.yaml"]))?;
        sh::run(sh::command("sqlite3").arg(self.folder.join("data/shop.sqlite")).arg(fill(options.rows)))?;
        let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        // In turns, so that whatever else the machine does slows both.
        for round in 0..=options.runs {
            eprintln!("round {round} of {}", options.runs);
            self.write("to.yaml", &self.postgres(&format!("round{round}_")))?;
            let (took, peak) =
                watched(self.backend(binary).args(["db", "copy", "--from", "from.yaml", "--to", "to.yaml"]))?;
            let database = format!("round{round}_shop");
            if round == 0 {
                // The same rows, as psql takes them. The first round also fills the caches.
                self.sql(&database, "\\copy orders to 'rows'")?;
            } else {
                ours.push(f64::from(options.rows) / took.as_secs_f64());
                memory.push(peak);
            }
            self.sql(&database, "CREATE TABLE theirs (LIKE orders INCLUDING ALL); CHECKPOINT")?;
            let began = Instant::now();
            self.sql(&database, "\\copy theirs from 'rows'")?;
            if round > 0 {
                theirs.push(f64::from(options.rows) / began.elapsed().as_secs_f64());
            }
            // As much is in the cluster in each round.
            self.sql("postgres", &format!("DROP DATABASE \"{database}\" WITH (FORCE)"))?;
            self.sql("postgres", "CHECKPOINT")?;
        }
        let memory = memory.into_iter().fold(0.0, f64::max);
        let (ours, theirs) = (median(ours).context("no runs")?, median(theirs).context("no runs")?);
        let figure = |name, unit, value, goal| Figure { name, unit, value, goal };
        Ok(vec![
            figure("SQLite to PostgreSQL, checked", "row/s", ours, None),
            figure("psql \\copy of the same rows", "row/s", theirs, None),
            figure("of psql's rate", "x", ours / theirs, Some(RATE)),
            figure("memory at most", "MB", memory, Some(MEMORY)),
        ])
    }

    fn status(&self, binary: &Path, options: &Options) -> Result<Figure> {
        self.write("app-config.yaml", &self.postgres("many_"))?;
        let command = |what: &str| {
            let mut command = self.backend(binary);
            command.env("EXTRA_PLUGINS", "50").args(["db", what]).stdout(Stdio::null());
            command
        };
        sh::run(&mut command("migrate"))?;
        let mut times = Vec::new();
        for _ in 0..options.runs * 5 {
            let began = Instant::now();
            ensure!(command("status").status()?.success(), "`db status` failed");
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let value = median(times).context("no runs")?;
        Ok(Figure { name: "db status of 50 plugins", unit: "ms", value, goal: Some(STATUS) })
    }

    fn backend(&self, binary: &Path) -> Command {
        let mut command = sh::command(binary);
        command.current_dir(&self.folder);
        command
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.folder.join(file), text)?)
    }

    /// Databases of this prefix on the cluster.
    fn postgres(&self, prefix: &str) -> String {
        format!(
            "backend: {{database: {{client: pg, prefix: {prefix}, connection: {{host: '{}', port: {}, user: {}}}}}}}",
            self.cluster.socket().display(),
            self.cluster.port(),
            embedded_postgres::USER,
        )
    }

    fn sql(&self, database: &str, sql: &str) -> Result<()> {
        let mut psql = sh::command(&self.psql);
        psql.current_dir(&self.folder).args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
        psql.arg("-h").arg(self.cluster.socket()).arg("-p").arg(self.cluster.port().to_string());
        sh::run(psql.args(["-U", embedded_postgres::USER, "-d", database, "-c", sql]))
    }
}

/// Rows of some 200 bytes.
fn fill(rows: u32) -> String {
    format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}) \
         INSERT INTO orders SELECT n, randomblob(16), 'order ' || n || ' of customer ' || (n % 1000), \
         CASE n % 4 WHEN 0 THEN NULL ELSE 'leave it at the door, ring twice, and mind the step: ' || hex(randomblob(8)) END, \
         n % 100, n * 1.25 / 7, n % 3 = 0, \
         strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + n, 'unixepoch') || '.' || printf('%06d', n % 1000000) || '+00:00', \
         json_object('tags', json_array('a' || (n % 50), 'b'), 'weight', n % 977) FROM n"
    )
}

/// How long it takes, and its resident memory in MB (10^6 bytes) at most.
#[expect(clippy::disallowed_methods, reason = "there is no runtime whose thread could be blocked")]
fn watched(command: &mut Command) -> Result<(Duration, f64)> {
    let began = Instant::now();
    let mut process = command.spawn()?;
    let file = format!("/proc/{}/status", process.id());
    let mut peak = 0.0_f64;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        // Gone with the process: the last that is seen is all but the highest.
        let text = fs::read_to_string(&file).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0.0) * 1024.0 / 1e6);
        thread::sleep(LOOK);
    };
    ensure!(status.success(), "`db copy` failed: {status}");
    Ok((began.elapsed(), peak))
}
