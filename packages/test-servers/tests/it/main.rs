//! The servers of this machine.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use test_servers::{MariaDb, MariaDbOptions, PgBouncer, Postgres, PostgresOptions, Proxy, Scratch, SqlServer, Tls};

fn tls() -> Tls {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Tls { certificate: signed.cert.pem(), key: signed.signing_key.serialize_pem(), client_ca: None }
}

#[test]
fn a_scratch_is_dropped_with_all_that_is_in_it() {
    fn check(server: &impl SqlServer, scratch: Scratch<impl SqlServer>, list: &str) {
        let login = scratch.login().unwrap();
        scratch.login().unwrap();
        let prefix = scratch.prefix().to_owned();
        assert!(login.database.starts_with(&prefix));
        let names = || server.sql(list).unwrap().lines().filter(|it| it.starts_with(&prefix)).count();
        assert_eq!(names(), 4, "two databases, two users");
        drop(scratch);
        assert_eq!(names(), 0);
    }
    let postgres = Postgres::shared().unwrap();
    check(postgres, postgres.scratch(), "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles");
    let mariadb = MariaDb::shared().unwrap();
    check(
        mariadb,
        mariadb.scratch(),
        "SELECT schema_name FROM information_schema.schemata; SELECT user FROM mysql.user",
    );
}

#[test]
fn postgres_keeps_its_data_over_a_restart() {
    let mut server = Postgres::start(&PostgresOptions::default()).unwrap();
    let address = server.address().clone();
    address.sql("CREATE TABLE kept AS SELECT 1 AS id").unwrap();
    server.restart().unwrap();
    assert_eq!(server.address(), &address);
    assert_eq!(address.sql("SELECT id, 'two' FROM kept").unwrap(), "1\ttwo");
    server.kill().unwrap();
    TcpStream::connect((address.host(), address.port())).unwrap_err();
    server.restart().unwrap();
    address.sql("SELECT 1").unwrap();
    let error = address.sql("SELECT nothing").unwrap_err().to_string();
    assert!(error.contains("column \"nothing\" does not exist"), "{error}");
    drop(server);
    assert!(!address.socket().exists());
}

#[test]
fn postgres_takes_tls_and_rules() {
    let hba = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n".to_owned();
    let options = PostgresOptions { tls: Some(tls()), hba: Some(hba), settings: vec![("max_connections", "7")] };
    let server = Postgres::start(&options).unwrap();
    let address = server.address();
    assert_eq!(address.sql("SHOW max_connections").unwrap(), "7");
    let connect = |mode: &str| {
        let mut psql = address.psql().unwrap();
        psql.args(["-h", address.host(), "-p", &address.port().to_string(), "-U", address.user(), "-d", "postgres"]);
        psql.args(["-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]);
        psql.env("PGSSLMODE", mode).env("PGPASSWORD", address.password()).output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&connect("require").stdout), "t\n");
    let refused = String::from_utf8_lossy(&connect("disable").stderr).into_owned();
    assert!(refused.contains("no pg_hba.conf entry"), "{refused}");
}

#[test]
fn mariadb_keeps_its_data_over_a_restart() {
    let mut server =
        MariaDb::start(&MariaDbOptions { tls: Some(tls()), settings: vec![("max-connections", "17")] }).unwrap();
    let address = server.address().clone();
    assert_eq!(address.sql("SELECT @@max_connections, @@have_ssl").unwrap(), "17\tYES");
    address.sql("CREATE DATABASE kept").unwrap();
    server.restart().unwrap();
    let kept = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'kept'";
    assert_eq!(address.sql(kept).unwrap(), "1");
    server.kill().unwrap();
    TcpStream::connect((address.host(), address.port())).unwrap_err();
    server.restart().unwrap();
    let error = address.sql("SELECT nothing").unwrap_err().to_string();
    assert!(error.contains("Unknown column 'nothing'"), "{error}");
    drop(server);
    assert!(!address.socket().exists());
}

#[test]
fn a_proxy_cuts_stalls_and_forgets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().port()).unwrap();
    let connect = || TcpStream::connect((proxy.host(), proxy.port())).unwrap();
    let pair = || {
        let client = connect();
        (client, listener.accept().unwrap().0)
    };
    let says = |from: &TcpStream, to: &TcpStream, byte: u8| {
        let (mut from, mut to, mut got) = (from, to, [0]);
        from.write_all(&[byte]).unwrap();
        to.read_exact(&mut got).map(|()| got[0])
    };
    let (client, server) = pair();
    assert_eq!(says(&client, &server, 1).unwrap(), 1);
    assert_eq!(says(&server, &client, 2).unwrap(), 2);

    proxy.stall();
    server.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    says(&client, &server, 3).unwrap_err();
    let (late, accepted) = pair();
    proxy.heal();
    server.set_read_timeout(None).unwrap();
    let mut got = [0];
    (&server).read_exact(&mut got).unwrap();
    assert_eq!(got, [3]);
    assert_eq!(says(&late, &accepted, 4).unwrap(), 4);

    proxy.blackhole();
    server.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    says(&client, &server, 5).unwrap_err();
    drop(client);
    let silent = (&server).read(&mut got).unwrap_err();
    assert!(matches!(silent.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{silent}");
    let (client, server) = pair();
    assert_eq!(says(&client, &server, 6).unwrap(), 6);

    proxy.cut();
    assert_eq!((&client).read(&mut got).unwrap_or(0), 0);
    assert_eq!((&server).read(&mut got).unwrap_or(0), 0);
    assert_eq!(connect().read(&mut got).unwrap_or(0), 0);
    proxy.heal();
    let (client, server) = pair();
    assert_eq!(says(&client, &server, 7).unwrap(), 7);
}

#[test]
fn pgbouncer_lets_in_whom_the_server_does() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let login = scratch.login().unwrap();
    let pooler = PgBouncer::start(server, 1).unwrap();
    let ask = |password: &str, sql: &str| {
        let mut psql = server.psql().unwrap();
        psql.args(["-h", pooler.host(), "-p", &pooler.port().to_string(), "-U", &login.user, "-d", &login.database]);
        let output = psql.args(["-c", sql]).env("PGPASSWORD", password).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (user, error) = ask(&login.password, "SELECT current_user");
    assert_eq!((user.trim(), error.as_str()), (login.user.as_str(), ""), "{}", pooler.log().unwrap());
    // Two sessions, one after the other, are one on the server: that is what it is for.
    let pid = "SELECT pg_backend_pid()";
    assert_eq!(ask(&login.password, pid), ask(&login.password, pid));
    let (_, error) = ask("wrong", pid);
    assert!(error.contains("authentication failed"), "{error}");
    let port = pooler.port();
    drop(pooler);
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
}

/// Run by the test below in a process of its own, it waits until that is killed.
#[test]
fn servers_are_in_folders_of_their_own() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let mariadb = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let folders = [postgres.address().socket(), mariadb.address().socket().parent().unwrap()];
    assert!(folders.iter().all(|it| it.join("data").is_dir()));
    if std::env::var_os(WAITS).is_some() {
        let line = format!("\n{WAITS}\t{}\t{}\n", folders[0].display(), folders[1].display());
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }
}

const WAITS: &str = "TEST_SERVERS_WAIT";

#[test]
fn servers_end_with_a_killed_process() {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "servers_are_in_folders_of_their_own", "--nocapture"]).env(WAITS, "1");
    let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|it| it.starts_with(WAITS)).unwrap();
    let folders: Vec<_> = line.split('\t').skip(1).map(Path::new).collect();
    assert!(folders.len() == 2 && folders.iter().all(|it| it.exists()));
    process.kill().unwrap();
    process.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while folders.iter().any(|it| it.exists()) {
        assert!(Instant::now() < until, "{folders:?} are left");
        std::thread::yield_now();
    }
}
