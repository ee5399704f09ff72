//! Several hosts, and which of them will do.

use std::net::TcpListener;
use std::time::Duration;

use backend_defaults::database::postgres::{Failure, Host, PostgresServer, TargetSessionAttrs};

use super::server::Server;
use super::{ask, connect, plan, tcp};

fn among(hosts: Vec<Host>, target: TargetSessionAttrs) -> PostgresServer {
    let connect_timeout = Some(Duration::from_secs(10));
    PostgresServer { hosts, target, connect_timeout, ..plan(tcp("127.0.0.1", 1), "either") }
}

/// The port of the one that was taken, or what was said.
async fn taken(hosts: &[Host], target: TargetSessionAttrs) -> Result<u16, String> {
    match connect(among(hosts.to_vec(), target)).await {
        Ok(mut connection) => Ok(ask(&mut connection, "SHOW port").await.parse().unwrap()),
        Err(error) => {
            assert!(error.is_worth_waiting(), "{error}");
            Err(error.to_string())
        }
    }
}

#[tokio::test]
async fn hosts_are_tried_in_order_until_one_will_do() {
    use TargetSessionAttrs as Target;
    let (primary, mut standby, mut closed) = (Server::start(), Server::start(), Server::start());
    standby.stand_by();
    closed.sql("ALTER SYSTEM SET hot_standby = off");
    closed.stand_by();
    let dead = tcp("127.0.0.1", free_port());
    let unknown = tcp("no-such-host.invalid", 5432);
    let (first, second) = (tcp("localhost", primary.port()), tcp("127.0.0.1", standby.port()));
    let not_up = tcp("127.0.0.1", closed.port());
    let forwards = [dead.clone(), unknown.clone(), not_up.clone(), first.clone(), second.clone()];
    let backwards = [dead.clone(), second.clone(), first.clone()];
    for (target, forward, backward) in [
        (Target::Any, primary.port(), standby.port()),
        (Target::ReadWrite, primary.port(), primary.port()),
        (Target::Primary, primary.port(), primary.port()),
        (Target::ReadOnly, standby.port(), standby.port()),
        (Target::Standby, standby.port(), standby.port()),
        (Target::PreferStandby, standby.port(), standby.port()),
    ] {
        assert_eq!(taken(&forwards, target).await, Ok(forward), "{target}");
        assert_eq!(taken(&backwards, target).await, Ok(backward), "{target}");
    }
    let error = connect(among(vec![not_up], Target::Any)).await.map(drop).unwrap_err();
    assert!(matches!(error.failure(), Failure::NotUpYet(_)), "{error}");

    let alone = [dead.clone(), first.clone()];
    assert_eq!(taken(&alone, Target::PreferStandby).await, Ok(primary.port()));
    let error = taken(&alone, Target::Standby).await.unwrap_err();
    assert!(error.contains("refused"), "{error}");
    assert!(error.ends_with("the server is not a standby, and `target_session_attrs` is `standby`"), "{error}");

    primary.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    primary.reload();
    assert_eq!(taken(&alone, Target::ReadOnly).await, Ok(primary.port()));
    assert_eq!(taken(&alone, Target::Primary).await, Ok(primary.port()));
    taken(&alone, Target::ReadWrite).await.unwrap_err();
}

#[tokio::test]
async fn a_host_that_refuses_the_user_is_the_last_one_asked() {
    let (one, other) = (Server::start(), Server::start());
    one.sql("ALTER ROLE either PASSWORD 'another'");
    let hosts = vec![tcp("127.0.0.1", one.port()), tcp("127.0.0.1", other.port())];
    let error = connect(among(hosts, TargetSessionAttrs::Any)).await.map(drop).unwrap_err();
    assert!(matches!(error.failure(), Failure::Authentication { .. }), "{error}");
    assert_eq!(error.tried.len(), 1);
}

#[tokio::test]
async fn the_error_names_every_host() {
    let (one, two) = (free_port(), free_port());
    let hosts = vec![tcp("127.0.0.1", one), tcp("127.0.0.1", two)];
    let error = connect(among(hosts, TargetSessionAttrs::Any)).await.map(drop).unwrap_err();
    assert!(error.is_worth_waiting());
    let error = error.to_string().replace(&one.to_string(), "<one>").replace(&two.to_string(), "<two>");
    insta::assert_snapshot!(error, @"cannot connect to database `postgres` as `either`: 127.0.0.1:<one>: Connection refused (os error 111); 127.0.0.1:<two>: Connection refused (os error 111)");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
