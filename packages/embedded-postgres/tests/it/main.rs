//! Clusters of the PostgreSQL on this machine.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use embedded_postgres::{Binaries, Cluster, Error, Options, Search, USER};
use tempfile::TempDir;

fn options(directory: &Path) -> Options {
    let mut options = Options::new(directory, std::env::var_os("PATH"));
    options.settings = vec![("shared_buffers".to_owned(), "1MB".to_owned())];
    options
}

fn start(directory: &Path) -> Cluster {
    Cluster::start(&options(directory)).unwrap()
}

/// A folder that the user who runs PostgreSQL for root can enter.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn sql(cluster: &Cluster, sql: &str) -> String {
    let mut psql = Command::new(Binaries::find(std::env::var_os("PATH")).unwrap().program("psql"));
    psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", "postgres", "-c", sql, "-h"]).arg(cluster.socket());
    let output = psql.args(["-p", &cluster.port().to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The same in a process of its own, ready.
fn process(directory: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embedded-postgres"));
    let mut child = command.arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("psql -h "), "{line}");
    child
}

fn is_running(directory: &Path) -> bool {
    directory.join("data/postmaster.pid").exists()
}

#[test]
fn what_was_written_is_there_after_a_stop() {
    let folder = folder();
    let directory = folder.path().join("a folder's \"name\" ÄÖ/postgres");
    let cluster = start(&directory);
    assert!(cluster.was_started());
    sql(&cluster, "CREATE TABLE kept AS SELECT 'Ä' AS name");
    assert_eq!(sql(&cluster, "SHOW shared_buffers"), "1MB");
    assert_eq!(sql(&cluster, "SHOW listen_addresses"), "");
    assert_eq!(
        sql(&cluster, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres'"),
        "UTF8"
    );
    cluster.stop().unwrap();
    assert!(!is_running(&directory));

    let cluster = start(&directory);
    assert_eq!(sql(&cluster, "SELECT lower(name) FROM kept"), "ä");
    drop(cluster);
    assert!(!is_running(&directory), "dropping it stops it too");
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            folder.read_dir().unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&directory), ["data", "lock", "server.log", "socket", "users"], "nothing half made is left");
}

#[test]
fn nobody_else_may_enter() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let cluster = start(&directory);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(cluster.socket()), 0o700);
    assert_eq!(mode(&cluster.socket().join(".s.PGSQL.5432")), 0o700);
    assert_eq!(mode(&directory.join("data")), 0o700);
    assert_eq!(mode(&cluster.log()), 0o600);
}

#[test]
fn a_path_that_cannot_name_a_socket_has_it_elsewhere() {
    let folder = folder();
    for name in ["long".repeat(40), "a,b".to_owned()] {
        let directory = folder.path().join(name);
        let cluster = start(&directory);
        let socket = cluster.socket().to_owned();
        assert!(!socket.starts_with(&directory));
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(sql(&cluster, "SELECT 1"), "1");
        cluster.stop().unwrap();
        assert!(!socket.exists(), "{} is left", socket.display());
    }
}

#[test]
fn the_server_of_a_killed_backend_is_used_again() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let mut killed = process(&directory);
    killed.kill().unwrap();
    killed.wait().unwrap();

    let cluster = start(&directory);
    assert!(!cluster.was_started(), "it still runs");
    assert_eq!(sql(&cluster, "SELECT 1"), "1");
    cluster.stop().unwrap();
    assert!(!is_running(&directory));
}

#[test]
fn a_backend_ends_its_server_with_it() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let mut process = process(&directory);
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    assert!(!is_running(&directory));
    assert!(start(&directory).was_started());
}

#[test]
fn the_last_of_several_backends_stops_it() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let first = start(&directory);
    let mut second = process(&directory);
    let third = start(&directory);
    assert!(first.was_started() && !third.was_started());
    assert_eq!(first.pid(), third.pid());
    first.stop().unwrap();
    assert_eq!(sql(&third, "SELECT 1"), "1");
    third.stop().unwrap();
    assert!(is_running(&directory), "another process uses it");
    drop(second.stdin.take());
    assert!(second.wait().unwrap().success());
    assert!(!is_running(&directory));
}

#[test]
fn many_may_start_it_at_once() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let clusters: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| start(&directory))).collect();
        starting.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(clusters.iter().filter(|it| it.was_started()).count(), 1);
    drop(clusters);
    assert!(!is_running(&directory));
}

#[test]
fn a_killed_server_recovers() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let cluster = start(&directory);
    sql(&cluster, "CREATE TABLE kept AS SELECT 1 AS id");
    let pid = cluster.pid().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    drop(cluster);
    assert!(is_running(&directory), "its file is left");
    let cluster = start(&directory);
    assert!(cluster.was_started());
    assert_eq!(sql(&cluster, "SELECT id FROM kept"), "1");
}

#[test]
fn a_pid_that_was_given_to_another_process_is_no_server() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    start(&directory).stop().unwrap();
    // As after a restart of the machine: somebody who is no server has the server's number.
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let data = directory.join("data");
    let text = format!("{}\n{}\n1763625600\n5432\n{}\n\n\nready   \n", other.id(), data.display(), directory.display());
    std::fs::write(data.join("postmaster.pid"), text).unwrap();
    let cluster = start(&directory);
    assert!(cluster.was_started() && cluster.pid() != other.id());
    cluster.stop().unwrap();
    assert_eq!(other.try_wait().unwrap(), None, "it was left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn data_of_another_version_is_said() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let data = directory.join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("PG_VERSION"), "11\n").unwrap();
    let error = Cluster::start(&options(&directory)).unwrap_err();
    let Error::DataVersion { needed: 11, found, .. } = &error else { panic!("{error}") };
    let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let shown = error.to_string().replace(data.to_str().unwrap(), "[data]").replace(&found, "[found]");
    insta::assert_snapshot!(shown, @"the data in `[data]` is of PostgreSQL 11, and this machine has [found]: install PostgreSQL 11 beside it, or move the data with `pg_upgrade`");
}

#[test]
fn a_server_that_does_not_start_shows_its_log() {
    let folder = folder();
    let mut options = options(&folder.path().join("postgres"));
    options.settings = vec![("max_connections".to_owned(), "many".to_owned())];
    let error = Cluster::start(&options).unwrap_err().to_string();
    assert!(error.contains("did not start (exit status: 1)"), "{error}");
    assert!(error.contains("invalid value for parameter \"max_connections\": \"many\""), "{error}");
}

#[test]
fn a_folder_in_use_is_said() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    std::fs::create_dir(&directory).unwrap();
    let lock = std::fs::File::create(directory.join("lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(directory.join("lock"), "4711\n").unwrap();
    let mut options = options(&directory);
    options.timeout = std::time::Duration::from_millis(20);
    let error = Cluster::start(&options).unwrap_err().to_string();
    assert!(error.ends_with("is in use: process 4711 is starting or stopping PostgreSQL there"), "{error}");
}

#[test]
fn no_postgres_is_said() {
    let folder = folder();
    let options = Options { search: Search::of([folder.path().to_owned()]), ..options(folder.path()) };
    assert!(matches!(Cluster::start(&options).unwrap_err(), Error::NotFound { .. }));
}

#[test]
fn root_is_told_which_folder_is_closed() {
    let folder = folder();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let is_root = std::os::unix::fs::MetadataExt::uid(&Path::new("/proc/self").metadata().unwrap()) == 0;
    let started = Cluster::start(&options(&folder.path().join("postgres")));
    match started {
        Ok(_) => assert!(!is_root),
        Err(error) => {
            assert!(is_root);
            let closed = format!("may not enter `{}`", folder.path().display());
            assert!(error.to_string().contains(&closed), "{error}");
        }
    }
}
