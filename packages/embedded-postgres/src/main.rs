//! Runs PostgreSQL in the folder of its first argument until its input ends.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use embedded_postgres::{Cluster, Options, USER};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).ok_or("say in which folder")?;
    let cluster = Cluster::start(&Options::new(directory, std::env::var_os("PATH")))?;
    println!("psql -h '{}' -p {} -U {USER}", cluster.socket().display(), cluster.port());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(cluster.stop()?)
}
