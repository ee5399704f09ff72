//! Sessions, passwords, times, and what is left when a connection ends.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backend_defaults::database::credentials::{Keyring, Outside, PasswordSource};
use backend_defaults::database::postgres::{
    ConnectError, Connector, Failure, Keepalive, PasswordProvider, PostgresServer, SslMode, TlsPlan,
};
use backend_plugin_api::Secret;
use sea_orm::ConnectionTrait;
use sqlx::Connection;
use test_servers::{Login, Postgres, PostgresAddress, Scratch, SqlServer};

use super::pki::Ca;
use super::server::Server;
use super::{Fixed, ask, connect, connector, named, plan, tcp, unix, with_password};

/// Somebody on the server that tests share.
struct Guest {
    server: &'static PostgresAddress,
    scratch: Scratch<PostgresAddress>,
    login: Login,
}

impl Guest {
    fn new() -> Self {
        let server = Postgres::shared().unwrap();
        let scratch = server.scratch();
        let login = scratch.login().unwrap();
        Self { server, scratch, login }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(sql).unwrap()
    }

    fn plan(&self) -> PostgresServer {
        plan(tcp("127.0.0.1", self.server.port()), &self.login.user)
    }

    fn connector(&self, plan: PostgresServer) -> Connector {
        with_password(plan, &self.login.password)
    }
}

#[tokio::test]
async fn sessions_start_as_configured() {
    let guest = Guest::new();
    let reader = format!("{}reader", guest.scratch.prefix());
    guest.sql(&format!("CREATE ROLE {reader}; GRANT {reader} TO {}", guest.login.user));
    let mut plan = guest.plan();
    plan.session.parameters =
        vec![("statement_timeout".to_owned(), "4321".to_owned()), ("search_path".to_owned(), "nowhere".to_owned())];
    let parameters = [("search_path", r#""a b","c\d""#), ("role", &reader)];
    let mut connection = guest.connector(plan).connect(&guest.login.database, &parameters).await.unwrap();
    assert_eq!(ask(&mut connection, "SHOW application_name").await, "greenroom");
    assert_eq!(ask(&mut connection, "SHOW statement_timeout").await, "4321ms");
    assert_eq!(ask(&mut connection, "SHOW search_path").await, r#""a b","c\d""#);
    assert_eq!(ask(&mut connection, "SELECT current_user::text").await, reader);
    assert_eq!(ask(&mut connection, "SELECT session_user::text").await, guest.login.user);
    assert_eq!(ask(&mut connection, "SELECT current_database()::text").await, guest.login.database);
}

#[tokio::test]
async fn unix_sockets_ask_for_no_tls() {
    let guest = Guest::new();
    let plan = || {
        let hosts = vec![unix(guest.server.socket(), guest.server.port())];
        let tls = TlsPlan { mode: SslMode::Require, ..TlsPlan::default() };
        PostgresServer { hosts, tls, ..guest.plan() }
    };
    let mut connection = guest.connector(plan()).connect("postgres", &[]).await.unwrap();
    assert_eq!(ask(&mut connection, "SELECT coalesce(inet_client_addr()::text, 'socket')").await, "socket");
    guest.connector(plan()).connect_alone("postgres", &[]).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_lone_connection_is_not_made_again() {
    let ca = Ca::new("right");
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    for mode in [SslMode::Disable, SslMode::Require] {
        let tls = TlsPlan { mode, ..TlsPlan::default() };
        let connector = connector(PostgresServer { tls, ..plan(named("db.test", server.port()), "either") });
        let alone = connector.connect_alone("postgres", &[("application_name", "alone")]).await.unwrap();
        alone.execute_unprepared("CREATE TEMP TABLE here (x int)").await.unwrap();
        alone.execute_unprepared("INSERT INTO here VALUES (1)").await.unwrap();
        const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'either'";
        assert_eq!(server.sql(SESSIONS), "1");
        server.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'either'");
        alone.execute_unprepared("SELECT 1").await.unwrap_err();
        alone.execute_unprepared("SELECT 1").await.unwrap_err();
        assert_eq!(server.sql(SESSIONS), "0");
    }
}

#[tokio::test]
async fn the_server_sees_a_connection_end() {
    let ca = Ca::new("right");
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let tls = TlsPlan { mode: SslMode::Require, ..TlsPlan::default() };
    let plan = || PostgresServer { tls: tls.clone(), ..plan(named("db.test", server.port()), "either") };
    for politely in [true, false] {
        let connection = connect(plan()).await.unwrap();
        match politely {
            true => connection.close().await.unwrap(),
            false => drop(connection),
        }
        while server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'either'") != "0" {
            tokio::task::yield_now().await;
        }
    }
}

/// Two passwords, the second when asked for a fresh one.
struct Rotated {
    passwords: [String; 2],
    asked: AtomicUsize,
}

#[async_trait]
impl PasswordProvider for Rotated {
    async fn password(&self, fresh: bool) -> Result<Option<Secret<String>>, Arc<dyn Error + Send + Sync>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Secret::new(self.passwords[usize::from(fresh)].clone())))
    }
}

#[tokio::test]
async fn a_refused_password_is_asked_for_again_once() {
    let guest = Guest::new();
    for mode in [SslMode::Disable, SslMode::Allow, SslMode::Prefer] {
        for (fresh, succeeds) in [(guest.login.password.as_str(), true), ("old", false), ("older", false)] {
            let passwords = ["old".to_owned(), fresh.to_owned()];
            let rotated = Arc::new(Rotated { passwords, asked: AtomicUsize::new(0) });
            let tls = TlsPlan { mode, ..TlsPlan::default() };
            let connector = Connector::new(PostgresServer { tls, ..guest.plan() }, Arc::clone(&rotated) as _);
            let result = connector.connect("postgres", &[]).await;
            assert_eq!(rotated.asked.load(Ordering::SeqCst), 2);
            match result {
                Ok(_) => assert!(succeeds),
                Err(error) => {
                    assert!(!succeeds, "{error}");
                    assert!(matches!(error.failure(), Failure::Authentication { .. }), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_password_in_a_file_may_be_changed_at_any_time() {
    let guest = Guest::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let keyring = Keyring::new(Outside::new(|_| None));
    let passwords = keyring.passwords(&PasswordSource::File(file.path().to_owned()));
    let connector = Connector::new(guest.plan(), passwords);
    for password in ["first", "second"] {
        guest.sql(&format!("ALTER ROLE {} PASSWORD '{password}'", guest.login.user));
        std::fs::write(file.path(), format!("{password}\n")).unwrap();
        connector.connect("postgres", &[]).await.unwrap();
    }
    std::fs::write(file.path(), "first").unwrap();
    let error = connector.connect("postgres", &[]).await.map(drop).unwrap_err();
    assert!(matches!(error.failure(), Failure::Authentication { .. }), "{error}");
}

struct Locked;

#[async_trait]
impl PasswordProvider for Locked {
    async fn password(&self, _fresh: bool) -> Result<Option<Secret<String>>, Arc<dyn Error + Send + Sync>> {
        Err(Arc::new(std::io::Error::new(ErrorKind::NotFound, "the vault is locked")))
    }
}

#[tokio::test]
async fn errors_say_their_kind() {
    let guest = Guest::new();
    let closed = format!("{}closed", guest.scratch.prefix());
    guest.sql(&format!("ALTER ROLE {} CONNECTION LIMIT 1", guest.login.user));
    guest.sql(&format!("CREATE DATABASE {closed};\nREVOKE CONNECT ON DATABASE {closed} FROM PUBLIC;"));
    let show = |error: ConnectError| {
        let wait = if error.is_worth_waiting() { "(wait) " } else { "" };
        let error = format!("{wait}{error}").replace(&guest.login.user, "<user>");
        error.replace(guest.scratch.prefix(), "").replace(&guest.server.port().to_string(), "<port>")
    };
    let other = |provider: Arc<dyn PasswordProvider>| Connector::new(guest.plan(), provider);
    let connector = guest.connector(guest.plan());
    let mut said = vec![
        show(connector.connect("nothing", &[]).await.unwrap_err()),
        show(connector.connect(&closed, &[]).await.unwrap_err()),
        show(connector.connect("postgres", &[("no_such_setting", "1")]).await.unwrap_err()),
        show(other(Arc::new(Fixed(Some("wrong".to_owned())))).connect("postgres", &[]).await.unwrap_err()),
        show(other(Arc::new(Fixed(None))).connect("postgres", &[]).await.unwrap_err()),
        show(other(Arc::new(Locked)).connect("postgres", &[]).await.unwrap_err()),
    ];
    let held = connector.connect("postgres", &[]).await.unwrap();
    said.push(show(connector.connect("postgres", &[]).await.unwrap_err()));
    said.push(show(connector.connect_alone("postgres", &[]).await.unwrap_err()));
    drop(held);
    insta::assert_snapshot!(said.join("\n"), @r#"
    cannot connect to database `nothing` at 127.0.0.1:<port> as `<user>`: database "nothing" does not exist
    cannot connect to database `closed` at 127.0.0.1:<port> as `<user>`: permission denied for database "closed" (42501)
    cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: unrecognized configuration parameter "no_such_setting" (42704)
    cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: password authentication failed for user "<user>" (28P01): check `user` and `password`
    cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: password authentication failed for user "<user>" (28P01): no password is set: set `password`
    cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: cannot get the password: the vault is locked
    (wait) cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: too many connections for role "<user>": raise the limit on the server, or lower `knexConfig.pool.max`
    (wait) cannot connect to database `postgres` at 127.0.0.1:<port> as `<user>`: the server is starting, or takes no more connections
    "#);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for mode in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
        let tls = TlsPlan { mode, ..TlsPlan::default() };
        let connect_timeout = Some(Duration::from_millis(50));
        let plan = PostgresServer { tls, connect_timeout, ..plan(tcp("127.0.0.1", port), "either") };
        let error = connect(plan).await.map(drop).unwrap_err();
        assert!(matches!(error.failure(), Failure::TimedOut(_)), "{error}");
        assert!(error.is_worth_waiting());
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_worth_waiting_for() {
    let rude = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = rude.local_addr().unwrap().port();
    let hanging_up = tokio::spawn(async move { while rude.accept().await.is_ok() {} });
    for mode in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
        let tls = TlsPlan { mode, ..TlsPlan::default() };
        let error =
            connect(PostgresServer { tls, ..plan(tcp("127.0.0.1", port), "either") }).await.map(drop).unwrap_err();
        assert!(matches!(error.failure(), Failure::Unreachable(_)), "{error}");
        assert!(error.is_worth_waiting());
    }
    hanging_up.abort();
}

/// The timer of the connection to a port, as Linux shows it: its kind, 2 for keep-alives, and when it ends.
#[cfg(target_os = "linux")]
fn timer(port: u16) -> Option<(u8, Duration)> {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().skip(1).find_map(|line| {
        let fields = line.split_whitespace().collect::<Vec<_>>();
        let (remote, state) = (fields[2].rsplit_once(':').unwrap().1, fields[3]);
        if (remote, state) != (&format!("{port:04X}"), "01") {
            return None;
        }
        let (kind, hundredths) = fields[5].split_once(':').unwrap();
        let end = Duration::from_millis(u64::from_str_radix(hundredths, 16).unwrap() * 10);
        Some((u8::from_str_radix(kind, 16).unwrap(), end))
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn keep_alives_are_set_whichever_way_the_line_is_made() {
    let ca = Ca::new("right");
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let idle = Duration::from_secs(1234);
    let times = Keepalive { idle: Some(idle), ..Keepalive::default() };
    for (mode, keepalive, expected) in [
        (SslMode::Disable, Some(times), true),
        (SslMode::Require, Some(times), true),
        (SslMode::Require, Some(Keepalive::default()), true),
        (SslMode::Require, None, false),
    ] {
        let tls = TlsPlan { mode, ..TlsPlan::default() };
        let plan = PostgresServer { tls, keepalive, ..plan(named("db.test", server.port()), "either") };
        let mut connection = connect(plan).await.unwrap();
        assert_eq!(ask(&mut connection, "SELECT 'here'").await, "here");
        // While something was sent and not acknowledged, the timer is of another kind.
        let timer = loop {
            match timer(server.port()) {
                Some(timer @ (0 | 2, _)) => break timer,
                _ => tokio::task::yield_now().await,
            }
        };
        assert_eq!(timer.0 == 2, expected, "{mode:?} {keepalive:?}: {timer:?}");
        if keepalive == Some(times) {
            assert!(timer.1 <= idle && timer.1 > idle / 2, "{timer:?}");
        }
        connection.close().await.unwrap();
        while self::timer(server.port()).is_some() {
            tokio::task::yield_now().await;
        }
    }
}
