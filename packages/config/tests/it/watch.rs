//! Changes of real files, told while the program runs.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use config::{Config, Reload, Sources, Watch};
use serde_json::json;

use crate::{short, write};

/// Far longer than any change takes to be told.
const DEADLINE: Duration = Duration::from_secs(20);

struct Watched {
    reloads: Receiver<Reload>,
    _watch: Watch,
}

impl Watched {
    fn new(sources: &Sources) -> Self {
        let env = |name: &str| (name == "A").then(|| "1".to_owned());
        let config = Config::load(sources, &env).unwrap();
        let (sender, reloads) = channel();
        let watch = Watch::start(config, sources.clone(), env, move |reload| drop(sender.send(reload))).unwrap();
        Self { reloads, _watch: watch }
    }

    fn directory(directory: &Path) -> Self {
        Self::new(&Sources::in_directory(directory))
    }

    fn changed(&self) -> (serde_json::Value, Vec<String>) {
        match self.reloads.recv_timeout(DEADLINE).unwrap() {
            Reload::Changed { config, keys } => (config.to_json(), keys),
            Reload::Failed(errors) => panic!("{errors}"),
        }
    }

    fn failed(&self) -> String {
        match self.reloads.recv_timeout(DEADLINE).unwrap() {
            Reload::Changed { keys, .. } => panic!("{keys:?}"),
            Reload::Failed(errors) => short(errors),
        }
    }
}

#[test]
fn an_edit_is_told_with_its_keys_and_a_broken_one_keeps_the_old() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\nb: {c: 1, d: 1}\n");
    let watched = Watched::directory(directory.path());
    write(directory.path(), "app-config.yaml", "a: 1\nb: {c: 2, e: '${A}'}\n");
    let (config, keys) = watched.changed();
    assert_eq!(
        (config, keys),
        (json!({"a": 1, "b": {"c": 2, "e": "1"}}), vec!["b.c".into(), "b.d".into(), "b.e".into()])
    );

    write(directory.path(), "app-config.yaml", "a: [\n");
    assert_eq!(
        watched.failed(),
        "app-config.yaml:2:1: is not valid YAML: while parsing a node, did not find expected node content"
    );
    // Compared with the config that was kept.
    write(directory.path(), "app-config.yaml", "a: 2\nb: {c: 2, e: '${A}'}\n");
    assert_eq!(watched.changed().1, ["a"]);
    std::fs::remove_file(directory.path().join("app-config.yaml")).unwrap();
    assert!(watched.failed().starts_with("app-config.yaml: no such file"));
    write(directory.path(), "app-config.yaml", "a: 3\nb: {c: 2, e: '${A}'}\n");
    assert_eq!(watched.changed().1, ["a"]);
}

#[test]
fn files_that_come_later_and_includes_are_watched() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    write(directory.path(), "sub/one.yaml", "x: {$file: one.txt}\n");
    write(directory.path(), "sub/one.txt", "1\n");
    write(directory.path(), "app-config.yaml", "a: {$include: sub/one.yaml}\nv: ${V}\n");
    write(directory.path(), "my.env", "V=1\n");
    let watched =
        Watched::new(&Sources::in_directory(directory.path()).with_env_files([directory.path().join("my.env")]));
    write(directory.path(), "sub/one.txt", "2\n");
    assert_eq!(watched.changed(), (json!({"a": {"x": "2"}, "v": "1"}), vec!["a.x".into()]));
    write(directory.path(), "my.env", "V=2\n");
    assert_eq!(watched.changed().1, ["v"]);
    write(directory.path(), "app-config.local.yaml", "b: {$file: other/b.txt}\n");
    assert!(watched.failed().contains("`other/b.txt`: no such file"));
    // The directory is not there either.
    std::fs::create_dir(directory.path().join("other")).unwrap();
    write(directory.path(), "other/b.txt", "b\n");
    assert_eq!(watched.changed().1, ["b"]);
    std::fs::remove_file(directory.path().join("app-config.local.yaml")).unwrap();
    assert_eq!(watched.changed().1, ["b"]);
}

#[test]
fn what_does_not_change_the_config_is_not_told() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\n");
    let sources = Sources::in_directory(directory.path());
    let (asks, asked) = channel();
    let (sender, reloads) = channel();
    // Whoever asks for the variable reads.
    let env = move |name: &str| (name == "BACKSTAGE_ENV").then(|| asks.send(()).ok()).and(None);
    let config = Config::load(&sources, &env).unwrap();
    let _watch = Watch::start(config, sources, env, move |reload| drop(sender.send(reload))).unwrap();
    for text in ["# the same\na: 1\n", "# still the same\na: 1\n"] {
        while asked.try_recv().is_ok() {}
        write(directory.path(), "app-config.yaml", text);
        asked.recv_timeout(DEADLINE).unwrap();
    }
    write(directory.path(), "app-config.yaml", "a: 2\n");
    let Reload::Changed { keys, .. } = reloads.recv_timeout(DEADLINE).unwrap() else { panic!("it is right") };
    assert_eq!(keys, ["a"]);
}

/// An editor that saves by renaming.
#[test]
fn a_file_that_is_replaced_stays_watched() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 0\n");
    let watched = Watched::directory(directory.path());
    for value in 1..4 {
        let new = write(directory.path(), ".app-config.yaml.swp", &format!("a: {value}\n"));
        std::fs::rename(new, directory.path().join("app-config.yaml")).unwrap();
        assert_eq!(watched.changed().0, json!({"a": value}));
    }
}

/// Kubernetes keeps the files of a `ConfigMap` behind two links, and swaps the second.
#[cfg(unix)]
#[test]
fn a_config_map_that_is_swapped_is_told() {
    use std::os::unix::fs::symlink;

    let directory = tempfile::tempdir().unwrap();
    let mount = directory.path().join("mount");
    let version = |number: u32| {
        let name = format!("..2026_{number}");
        std::fs::create_dir_all(mount.join(&name)).unwrap();
        write(&mount.join(&name), "app-config.yaml", &format!("a: {number}\nb: {{$file: b.txt}}\n"));
        write(&mount.join(&name), "b.txt", "b\n");
        symlink(&name, mount.join("..data_tmp")).unwrap();
        std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version(1);
    for name in ["app-config.yaml", "b.txt"] {
        symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
    }
    // The program reaches the mount by a link of its own.
    symlink("mount", directory.path().join("config")).unwrap();
    let watched = Watched::directory(&directory.path().join("config"));
    for number in 2..5 {
        version(number);
        assert_eq!(watched.changed(), (json!({"a": number, "b": "b"}), vec!["a".into()]));
        std::fs::remove_dir_all(mount.join(format!("..2026_{}", number - 1))).unwrap();
    }
}

#[test]
fn urls_are_asked_again() {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    let asked = Arc::new(AtomicU32::new(0));
    let sources = Sources::targets(["https://config.example/x"]).with_reload_interval(Duration::from_millis(10));
    let sources = sources.with_fetch(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0..4 => Ok("a: 1\n".into()),
        4..8 => Err("answered 500".into()),
        _ => Ok("a: 2\n".into()),
    });
    let watched = Watched::new(&sources);
    // Said once.
    assert_eq!(watched.failed(), "https://config.example/x: answered 500");
    assert_eq!(watched.changed().1, ["a"]);
}

#[test]
fn a_watch_that_is_dropped_is_silent() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\n");
    let Watched { reloads, _watch: watch } = Watched::directory(directory.path());
    drop(watch);
    // Its thread ends, and with it the sender.
    assert_eq!(reloads.recv_timeout(DEADLINE).unwrap_err(), RecvTimeoutError::Disconnected);
}

#[test]
fn an_option_of_the_command_line_holds_when_files_change() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\nb: 1\n");
    let watched = Watched::new(&Sources::in_directory(directory.path()).with_override("--a", "a", json!(7)));
    write(directory.path(), "app-config.yaml", "a: 2\nb: 2\n");
    assert_eq!(watched.changed(), (json!({"a": 7, "b": 2}), vec!["b".into()]));
}
