//! `cargo bench --bench load -- FOLDER`: how long it takes to load the files of a folder, in the order of their names,
//! the first time in a process and after that. One JSON object: `first` and `again` (the median), in milliseconds.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use config::{Config, ConfigErrors, Sources};

const ROUNDS: usize = 101;
const LONGEST: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo itself adds `--bench`.
    let folder = std::env::args().skip(1).find(|it| !it.starts_with("--")).ok_or("which folder?")?;
    let entries = Path::new(&folder).read_dir()?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<Result<Vec<_>, std::io::Error>>()?;
    files.sort();
    let load = || {
        let started = Instant::now();
        let config = Config::load(&Sources::files(&files), &|name| std::env::var(name).ok())?;
        let time = started.elapsed().as_secs_f64() * 1e3;
        black_box(config);
        Ok::<_, ConfigErrors>(time)
    };
    let first = load()?;
    let started = Instant::now();
    let mut times = Vec::with_capacity(ROUNDS);
    while times.is_empty() || (times.len() < ROUNDS && started.elapsed() < LONGEST) {
        times.push(load()?);
    }
    times.sort_by(f64::total_cmp);
    println!("{}", serde_json::json!({"first": first, "again": times[times.len() / 2]}));
    Ok(())
}
