//! A backend is killed while it migrates: this test binary, run once more.

use std::process::Stdio;

use backend_plugin_api::PluginId;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::super::fixture::Fixture;
use super::several::plugin;
use super::steps::{Step, history, migrator, numbers, opened};

const ROUNDS: usize = 20;
const STEPS: i32 = 8;
const CHILD: &str = "database::migrations::killed::migrates_if_asked";
const ASKED: &str = "GREENROOM_TEST_MIGRATES";

/// The ledger tells how often each was applied.
fn steps() -> Vec<Step> {
    let make = Step::new("m00_ledger", &["CREATE TABLE IF NOT EXISTS ledger (step INTEGER NOT NULL)"]);
    let note = |number: i32| {
        let insert = format!("INSERT INTO ledger VALUES ({number})");
        let touch = format!("UPDATE ledger SET step = step WHERE step = {number}");
        let table = format!("CREATE TABLE IF NOT EXISTS t{number} (id INTEGER NOT NULL)");
        [
            Step::new(&format!("m{number:02}_a_note"), &[&insert, &touch]).in_transaction(true),
            Step::new(&format!("m{number:02}_b_table"), &[&table]).in_transaction(number % 2 == 0),
        ]
    };
    std::iter::once(make).chain((1..=STEPS).flat_map(note)).map(|it| Step { tells: true, ..it }).collect()
}

/// Not a test but what is killed.
#[tokio::test]
async fn migrates_if_asked() {
    let Ok(asked) = std::env::var(ASKED) else { return };
    let (plugin, config): (String, Value) = serde_json::from_str(&asked).unwrap();
    let plugin = PluginId::new(Box::leak(plugin.into_boxed_str()));
    migrator(plugin, &opened(&config, plugin).await, &steps()).run().await.unwrap();
}

/// Runs one that is killed as soon as it has gone on `moment` times.
async fn kill_at(moment: usize, plugin: PluginId, config: &Value) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(ASKED, serde_json::to_string(&(plugin.as_str(), config)).unwrap())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while seen < moment {
        let line = lines.next_line().await.unwrap().expect("it was to be killed before it is through");
        seen += usize::from(line.ends_with("goes on"));
    }
    child.kill().await.unwrap();
}

pub(super) async fn the_survivor_of_a_killed_backend_comes_up(fixture: &Fixture) {
    let statements: usize = steps().iter().map(|it| it.up.len()).sum();
    let names: Vec<_> = steps().into_iter().map(|it| it.name).collect();
    let mut cut = 0;
    for round in 0..ROUNDS {
        let plugin = plugin("killed", round);
        // Each statement is recorded twice before it runs.
        let moment = 1 + (round * 17) % (3 * statements);
        kill_at(moment, plugin, &fixture.config).await;

        let database = opened(&fixture.config, plugin).await;
        let steps: Vec<_> = steps().into_iter().map(|it| Step { tells: false, ..it }).collect();
        let pending = migrator(plugin, &database, &steps).look().await.unwrap().pending.len();
        cut += usize::from(pending > 0 && pending < steps.len());
        assert_eq!(migrator(plugin, &database, &steps).run().await.unwrap().applied.len(), pending);
        assert_eq!(history(&database).await, names);
        assert_eq!(numbers(&database, "step", "ledger").await, (1..=STEPS).collect::<Vec<_>>());
        // The lock is free, also where nothing was left to be done.
        let last = Step::new("m99_last", &[]);
        assert_eq!(migrator(plugin, &database, &[steps, vec![last]].concat()).run().await.unwrap().applied.len(), 1);
        database.close().await;
    }
    assert!(cut > ROUNDS / 2, "only {cut} were killed amid their steps");
    let Some(folder) = fixture.config["connection"]["directory"].as_str() else { return };
    for file in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
        if file.to_string_lossy().ends_with("-migration") {
            std::fs::File::open(&file).unwrap().try_lock().unwrap();
        }
    }
}
