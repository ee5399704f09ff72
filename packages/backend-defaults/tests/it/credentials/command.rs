use std::io::Read as _;
use std::time::Duration;

use backend_defaults::database::credentials::{PasswordCommand, PasswordSource};
use chrono::TimeDelta;

use super::fake::Scene;

fn shell(line: &str) -> PasswordSource {
    PasswordSource::Command(PasswordCommand::shell(line))
}

#[tokio::test]
async fn what_a_command_prints_is_the_password() {
    let scene = Scene::new(&[]).await;
    assert_eq!(scene.password(&shell("printf ' s3cret\\n'; echo careful >&2")).await.unwrap(), " s3cret");
    let list = PasswordCommand { program: "echo".to_owned(), arguments: vec!["$HOME; x".to_owned()].into() };
    assert_eq!(scene.password(&PasswordSource::Command(list)).await.unwrap(), "$HOME; x");
}

#[tokio::test]
async fn it_is_run_again_after_a_minute_or_when_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs");
    let scene = Scene::new(&[]).await;
    let line = format!("echo x >> '{0}'; wc -l < '{0}'", file.display());
    let passwords = scene.keyring().passwords(&shell(&line));
    let ask = async |fresh| passwords.password(fresh).await.unwrap().unwrap().expose().trim().to_owned();
    assert_eq!(ask(false).await, "1");
    scene.pass(TimeDelta::seconds(59));
    assert_eq!(ask(false).await, "1");
    assert_eq!(ask(true).await, "2");
    scene.pass(TimeDelta::seconds(60));
    assert_eq!(ask(false).await, "3");
}

#[tokio::test]
async fn failures_are_told_without_the_password() {
    let mut scene = Scene::new(&[]).await;
    let mut told = Vec::new();
    let missing = PasswordCommand { program: "/nonexistent/tool".to_owned(), arguments: Default::default() };
    for source in [
        shell("echo s3cret; echo 'bad s3cret:' >&2; echo no lease >&2; exit 3"),
        shell("true"),
        shell("echo a; echo b"),
        shell("printf '\\377'"),
        shell("head -c 70000 /dev/zero | tr '\\0' a"),
        shell("kill -9 $$"),
        PasswordSource::Command(missing),
    ] {
        let (text, error) = scene.error(&source).await;
        assert!(!error.is_transient() && !format!("{error:?} {source:?}").contains("s3cret"), "{error:?}");
        told.push(text);
    }
    scene.outside.limits.command = Duration::from_millis(50);
    let (text, error) = scene.error(&shell("echo s3cret; exec sleep 60")).await;
    assert!(error.is_transient());
    told.push(text);
    insta::assert_snapshot!(told.join("\n"), @r"
    `passwordCommand` (`sh`) failed with exit status: 3: bad ********:; no lease
    `passwordCommand` (`sh`) printed nothing
    `passwordCommand` (`sh`) printed more than one line: have it print the password alone
    `passwordCommand` (`sh`) printed what is not UTF-8 text
    `passwordCommand` (`sh`) printed more than 64 KiB
    `passwordCommand` (`sh`) failed with signal: 9 (SIGKILL)
    `passwordCommand` (`/nonexistent/tool`) cannot be started: No such file or directory (os error 2)
    `passwordCommand` (`sh`) did not end within 0.05 s
    ");
}

#[tokio::test]
async fn only_the_end_of_a_long_complaint_is_told() {
    let (told, _) = Scene::new(&[]).await.error(&shell("head -c 2000 /dev/zero | tr '\\0' a >&2; exit 1")).await;
    assert!(told.ends_with(&format!(": ...{}", "a".repeat(500))), "{told}");
}

#[tokio::test]
async fn nothing_of_it_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let source = shell(&format!("(echo up; exec sleep 600) > '{}' & wait", fifo.display()));
    let (up, is_up) = tokio::sync::oneshot::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let mut fifo = std::fs::File::open(fifo).unwrap();
        fifo.read_exact(&mut [0; 3]).unwrap();
        up.send(()).unwrap();
        fifo.read(&mut [0]).unwrap()
    });
    let scene = Scene::new(&[]).await;
    tokio::select! {
        up = is_up => up.unwrap(),
        password = scene.password(&source) => panic!("{password:?}"),
    }
    // Nobody writes to it any more.
    assert_eq!(reader.await.unwrap(), 0);
}
