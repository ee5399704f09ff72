//! `sslmode` by `sslmode`: what is accepted and what is refused is what `psql` accepts and refuses.

use backend_defaults::database::postgres::{Failure, Host, Pem, PostgresServer, Roots, SslMode, TlsFailure, TlsPlan};
use backend_plugin_api::Secret;

use super::pki::{self, Ca, Pair};
use super::psql::{Case, ENCRYPTED, Files, MODES};
use super::server::Server;
use super::{ask, connect, named, plan, tcp, unix};

#[tokio::test]
async fn each_sslmode_accepts_and_refuses_what_psql_does() {
    let (ca, other_ca, files) = (Ca::new("right"), Ca::new("wrong"), Files::new());
    let secure = Server::with_tls(&ca.with_names(&["db.test", "127.0.0.1"]), &ca.certificate);
    let plain = Server::start();
    let right = files.write("right.crt", &ca.certificate);
    let wrong = files.write("wrong.crt", &other_ca.certificate);
    let broken = files.write("broken.crt", "not PEM");
    let empty_home = files.path().join("nobody");
    let home = files.path().join("somebody");
    files.write("somebody/.postgresql/root.crt", &other_ca.certificate);

    let roots = [
        ("none", None, &empty_home),
        ("right", Some(right.as_path()), &empty_home),
        ("wrong", Some(wrong.as_path()), &empty_home),
        ("broken", Some(broken.as_path()), &empty_home),
        ("in ~/.postgresql, wrong", None, &home),
    ];
    let servers = [
        ("no TLS", named("db.test", plain.port()), "either"),
        ("right name", named("db.test", secure.port()), "either"),
        ("wrong name", named("other.test", secure.port()), "either"),
        ("right address", tcp("127.0.0.1", secure.port()), "either"),
        ("wrong address", tcp("127.0.0.2", secure.port()), "either"),
        ("hostssl", named("db.test", secure.port()), "tls_only"),
        ("hostnossl", named("db.test", secure.port()), "plain_only"),
        ("nobody", named("db.test", secure.port()), "stranger"),
    ];
    let (mut table, mut differences) = (String::new(), Vec::new());
    for (server, host, user) in &servers {
        let kinds = match *server {
            "right name" => &roots[..],
            "right address" | "wrong address" => &roots[1..2],
            "nobody" => &roots[..1],
            _ => &roots[..3],
        };
        for &(root, path, home) in kinds {
            table += &format!("{server}, root {root}:");
            for mode in MODES {
                let case = Case { host: host.clone(), user, mode, root: path, home, identity: None };
                match case.compare(&format!("{server}, root {root},")).await {
                    Ok(done) => table += &format!(" {done}"),
                    Err(difference) => differences.push(difference),
                }
            }
            table.push('\n');
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    insta::assert_snapshot!(table, @r"
    no TLS, root none: plain plain plain refused refused refused
    no TLS, root right: plain plain plain refused refused refused
    no TLS, root wrong: plain plain plain refused refused refused
    right name, root none: plain plain encrypted encrypted refused refused
    right name, root right: plain plain encrypted encrypted encrypted encrypted
    right name, root wrong: plain plain plain refused refused refused
    right name, root broken: plain plain plain refused refused refused
    right name, root in ~/.postgresql, wrong: plain plain plain refused refused refused
    wrong name, root none: plain plain encrypted encrypted refused refused
    wrong name, root right: plain plain encrypted encrypted encrypted refused
    wrong name, root wrong: plain plain plain refused refused refused
    right address, root right: plain plain encrypted encrypted encrypted encrypted
    wrong address, root right: plain plain encrypted encrypted encrypted refused
    hostssl, root none: refused encrypted encrypted encrypted refused refused
    hostssl, root right: refused encrypted encrypted encrypted encrypted encrypted
    hostssl, root wrong: refused refused refused refused refused refused
    hostnossl, root none: plain plain plain refused refused refused
    hostnossl, root right: plain plain plain refused refused refused
    hostnossl, root wrong: plain plain plain refused refused refused
    nobody, root none: refused refused refused refused refused refused
    ");
}

#[tokio::test]
async fn each_kind_of_certificate_is_accepted_and_refused_as_by_psql() {
    let (ca, files) = (Ca::new("right"), Files::new());
    let (middle, old_times) = (ca.below("middle"), Ca::of_the_past("past"));
    let chained = middle.with_names(&["db.test"]);
    let with_middle = Pair { certificate: chained.certificate.clone() + &middle.certificate, key: chained.key.clone() };
    let (old_ca, old) = pki::version_1(files.path(), "db.test");
    let alone = pki::self_signed(files.path(), "db.test");
    let alone_ca = alone.certificate.clone();
    let home = files.path().join("nobody");

    let certificates = [
        ("common name", ca.with_common_name("db.test"), &ca.certificate),
        ("other common name", ca.with_common_name("other.test"), &ca.certificate),
        ("common name beside another name", ca.with_names_and_common_name(&["x.test"], "db.test"), &ca.certificate),
        ("common name beside an address", ca.with_names_and_common_name(&["10.0.0.1"], "db.test"), &ca.certificate),
        ("wildcard", ca.with_names(&["*.test"]), &ca.certificate),
        ("wildcard too deep", ca.with_names(&["*.db.test"]), &ca.certificate),
        ("expired", ca.expired("db.test"), &ca.certificate),
        ("of a CA that has expired", old_times.with_names(&["db.test"]), &old_times.certificate),
        ("for clients", ca.for_clients_only("db.test"), &ca.certificate),
        ("through another CA", with_middle, &ca.certificate),
        ("through another CA that is not shown", chained, &ca.certificate),
        ("version 1", old.clone(), &old_ca),
        ("version 1 of another CA", old, &ca.certificate),
        ("self-signed", alone.clone(), &alone_ca),
        ("self-signed by another", alone, &ca.certificate),
    ];
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let (mut table, mut differences) = (String::new(), Vec::new());
    for (title, pair, root) in &certificates {
        server.present(pair);
        let root = files.write("root.crt", root);
        table += &format!("{title}:");
        for mode in MODES.into_iter().filter(|it| it.0 >= SslMode::Require) {
            let host = named("db.test", server.port());
            let case = Case { host, user: "tls_only", mode, root: Some(&root), home: &home, identity: None };
            match case.compare(title).await {
                Ok(done) => table += &format!(" {done}"),
                Err(difference) => differences.push(difference),
            }
        }
        table.push('\n');
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    insta::assert_snapshot!(table, @r"
    common name: encrypted encrypted encrypted
    other common name: encrypted encrypted refused
    common name beside another name: encrypted encrypted refused
    common name beside an address: encrypted encrypted encrypted
    wildcard: encrypted encrypted encrypted
    wildcard too deep: encrypted encrypted refused
    expired: refused refused refused
    of a CA that has expired: refused refused refused
    for clients: refused refused refused
    through another CA: encrypted encrypted encrypted
    through another CA that is not shown: refused refused refused
    version 1: encrypted encrypted encrypted
    version 1 of another CA: refused refused refused
    self-signed: encrypted encrypted encrypted
    self-signed by another: refused refused refused
    ");
}

#[tokio::test]
async fn certificates_of_this_side_are_shown_as_by_psql() {
    let (ca, other_ca, files) = (Ca::new("right"), Ca::new("wrong"), Files::new());
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let write = |name: &str, pair: &Pair| {
        let certificate = files.write(&format!("{name}.crt"), &pair.certificate);
        (certificate, files.write(&format!("{name}.key"), &pair.key))
    };
    let own = write("own", &ca.with_common_name("certified"));
    let others = write("others", &ca.with_common_name("somebody"));
    let strange = write("strange", &other_ca.with_common_name("certified"));
    let home = files.path().join("nobody");
    let (mut table, mut differences) = (String::new(), Vec::new());
    for user in ["certified", "either"] {
        for (title, identity) in
            [("none", None), ("own", Some(&own)), ("of another", Some(&others)), ("of another CA", Some(&strange))]
        {
            table += &format!("{user}, {title}:");
            for mode in MODES.into_iter().filter(|it| it.0 <= SslMode::Require) {
                let identity = identity.map(|(certificate, key)| (certificate.as_path(), key.as_path()));
                let host = named("db.test", server.port());
                let case = Case { host, user, mode, root: None, home: &home, identity };
                match case.compare(&format!("{user}, {title},")).await {
                    Ok(done) => table += &format!(" {done}"),
                    Err(difference) => differences.push(difference),
                }
            }
            table.push('\n');
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    let identity = Some((strange.0.as_path(), strange.1.as_path()));
    let (host, mode) = (named("db.test", server.port()), (SslMode::Require, "require"));
    let case = Case { host, user: "either", mode, root: None, home: &home, identity };
    let error = connect(case.plan()).await.map(drop).unwrap_err();
    assert!(matches!(error.failure(), Failure::Tls(TlsFailure::Client(_))), "{error}");
    insta::assert_snapshot!(table, @r"
    certified, none: refused refused refused refused
    certified, own: refused encrypted encrypted encrypted
    certified, of another: refused refused refused refused
    certified, of another CA: refused refused refused refused
    either, none: plain plain encrypted encrypted
    either, own: plain plain encrypted encrypted
    either, of another: plain plain encrypted encrypted
    either, of another CA: plain plain refused refused
    ");
}

/// The message, without what differs from run to run.
async fn said(tls: TlsPlan, host: Host, user: &str) -> String {
    let port = match &host {
        Host::Tcp { port, .. } | Host::Unix { port, .. } => port.to_string(),
    };
    let error = connect(PostgresServer { tls, ..plan(host, user) }).await.map(drop).unwrap_err();
    assert!(!error.is_worth_waiting(), "{error}");
    error.to_string().replace(&port, "<port>")
}

#[tokio::test]
async fn messages_say_what_to_do() {
    let (ca, other_ca) = (Ca::new("right"), Ca::new("wrong"));
    let server = Server::with_tls(&ca.with_names(&["db.test", "127.0.0.1"]), &ca.certificate);
    let port = server.port();
    let pem = |ca: &Ca| Roots::Pem(Pem::Text(Secret::new(ca.certificate.clone())));
    let tls = |mode, roots| TlsPlan { mode, roots, ..TlsPlan::default() };
    let messages = [
        said(tls(SslMode::VerifyFull, pem(&ca)), named("other.test", port), "either").await,
        said(tls(SslMode::VerifyFull, pem(&ca)), named("", port), "either").await,
        said(tls(SslMode::VerifyCa, pem(&other_ca)), named("db.test", port), "either").await,
        said(tls(SslMode::Prefer, Roots::System), named("db.test", port), "either").await,
        said(tls(SslMode::VerifyCa, Roots::None), named("db.test", port), "either").await,
        said(tls(SslMode::VerifyCa, Roots::LibpqFile("/nowhere/root.crt".into())), named("db.test", port), "either")
            .await,
        said(tls(SslMode::Require, Roots::Pem(Pem::File("/nowhere/ca.pem".into()))), named("db.test", port), "either")
            .await,
        said(
            tls(SslMode::Require, Roots::Pem(Pem::Text(Secret::new("secret".to_owned())))),
            named("db.test", port),
            "either",
        )
        .await,
        said(tls(SslMode::Disable, Roots::None), named("db.test", port), "tls_only").await,
        said(tls(SslMode::Prefer, pem(&other_ca)), named("db.test", port), "tls_only").await,
        said(tls(SslMode::Require, Roots::None), named("db.test", port), "plain_only").await,
        said(tls(SslMode::Require, Roots::None), named("db.test", port), "certified").await,
        said(tls(SslMode::Disable, Roots::None), unix(server.socket_directory(), port), "stranger").await,
    ];
    let folder = server.socket_directory().display().to_string();
    insta::assert_snapshot!(messages.join("\n").replace(&folder, "<folder>"), @r#"
    cannot connect to database `postgres` at other.test:<port> (127.0.0.1) as `either`: the server's certificate is for `db.test`, `127.0.0.1`, not for `other.test`: connect to a name that it has, or set `ssl.servername` to one
    cannot connect to database `postgres` at 127.0.0.1:<port> as `either`: `sslmode` is `verify-full`, and the host has no name to verify: set `host`, or `ssl.servername`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: the server's certificate is not signed by a CA that is trusted here: set `ssl.ca` to the CA that signed it
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: the system's CAs sign for everybody, so that `sslmode` has to be `verify-full` with them
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: `sslmode` verifies the server's certificate, and no CA is given: set `ssl.ca`, or `sslrootcert`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: `sslmode` verifies the server's certificate, and the CA's file `/nowhere/root.crt` is not there: put it there, or set `ssl.ca` or `sslrootcert`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: cannot read the CA (`/nowhere/ca.pem`): No such file or directory (os error 2)
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: the CA is not well-formed PEM (`-----BEGIN ...`) of that kind
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `tls_only`: no pg_hba.conf entry for host "127.0.0.1", user "tls_only", database "postgres", no encryption (28000): set `ssl` if the server wants encryption, or let this user in from here in its `pg_hba.conf`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `tls_only`: with TLS: the server's certificate is not signed by a CA that is trusted here: set `ssl.ca` to the CA that signed it; without: no pg_hba.conf entry for host "127.0.0.1", user "tls_only", database "postgres", no encryption (28000): set `ssl` if the server wants encryption, or let this user in from here in its `pg_hba.conf`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `plain_only`: no pg_hba.conf entry for host "127.0.0.1", user "plain_only", database "postgres", SSL encryption (28000): let this user in from here in the server's `pg_hba.conf`
    cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `certified`: connection requires a valid client certificate (28000): give the certificate that the server asks for, `ssl.cert` and `ssl.key`
    cannot connect to database `postgres` at <folder>/.s.PGSQL.<port> as `stranger`: role "stranger" does not exist (28000): create the role with `LOGIN`, or set `user`
    "#);

    let plain = Server::start();
    let message = said(tls(SslMode::Require, Roots::None), named("db.test", plain.port()), "either").await;
    insta::assert_snapshot!(message, @"cannot connect to database `postgres` at db.test:<port> (127.0.0.1) as `either`: the server does not offer TLS, and `sslmode` wants it: turn `ssl` on in its `postgresql.conf`, or leave `ssl` out of the connection");
}

#[tokio::test]
async fn the_name_to_verify_may_be_another_than_the_hosts() {
    let ca = Ca::new("right");
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let plan = |server_name: Option<&str>| {
        let roots = Roots::Pem(Pem::Text(Secret::new(ca.certificate.clone())));
        let server_name = server_name.map(str::to_owned);
        let tls = TlsPlan { mode: SslMode::VerifyFull, roots, identity: None, server_name };
        PostgresServer { tls, ..plan(tcp("127.0.0.1", server.port()), "either") }
    };
    let mut connection = connect(plan(Some("db.test"))).await.unwrap();
    assert_eq!(ask(&mut connection, ENCRYPTED).await, "encrypted");
    let error = connect(plan(None)).await.map(drop).unwrap_err();
    assert!(matches!(error.failure(), Failure::Tls(TlsFailure::Name { .. })), "{error}");

    let mut plan = plan(Some("db.test"));
    plan.tls.roots = Roots::System;
    let error = connect(plan).await.map(drop).unwrap_err();
    let Failure::Tls(failure) = error.failure() else { panic!("{error}") };
    assert!(matches!(failure, TlsFailure::Untrusted | TlsFailure::NoSystemRoots), "{error}");
}

#[tokio::test]
async fn long_answers_and_statements_come_through_whole() {
    let ca = Ca::new("right");
    let server = Server::with_tls(&ca.with_names(&["db.test"]), &ca.certificate);
    let tls = TlsPlan { mode: SslMode::Require, ..TlsPlan::default() };
    let mut connection =
        connect(PostgresServer { tls, ..plan(named("db.test", server.port()), "either") }).await.unwrap();
    let long = "x".repeat(5_000_000);
    let back: String =
        sqlx::query_scalar("SELECT $1::text || $1").bind(&long).fetch_one(&mut connection).await.unwrap();
    assert_eq!(back.len(), 2 * long.len());
}
