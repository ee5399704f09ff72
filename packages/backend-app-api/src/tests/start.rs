use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use backend_plugin_api::{Plugin, PluginId, Result};
use serde_json::json;
use tokio::sync::oneshot;
use tracing_subscriber::layer::SubscriberExt;

use super::fixtures::{Does, Hangs, Log, backend, started};
use crate::{Phase, PluginState, Step};

#[tokio::test]
async fn every_plugin_that_fails_is_reported_and_a_panic_is_such_a_failure() {
    let backend = backend(json!({}))
        .plugin(Does::<'b'>(|| panic!("oh no")))
        .plugin(Does::<'a'>(|| anyhow::bail!("no disk")))
        .plugin(Does::<'c'>(|| Ok(())));
    let mut running = backend.check().unwrap().start();
    insta::assert_snapshot!(running.started().await.unwrap_err(), @"
    the backend did not start:
      - plugin `alpha`: no disk
      - plugin `beta`: it panicked: oh no
    ");
    assert_eq!(running.status().snapshot().phase, Phase::Starting);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_hangs_does_not_keep_a_failure_from_being_told() {
    let backend = backend(json!({})).plugin(Hangs).plugin(Does::<'a'>(|| anyhow::bail!("no disk")));
    let error = backend.check().unwrap().start().started().await.unwrap_err();
    assert_eq!(error.to_string(), "the backend did not start:\n  - plugin `alpha`: no disk");
}

#[tokio::test]
async fn a_plugin_may_fail_if_config_says_so() {
    let own = json!({ "plugins": { "alpha": { "onPluginBootFailure": "continue" } } });
    let all = json!({ "default": { "onPluginBootFailure": "continue" } });
    for startup in [own, all] {
        let backend = backend(json!({ "backend": { "startup": startup } }));
        let backend = backend.plugin(Does::<'a'>(|| anyhow::bail!("no disk"))).plugin(Does::<'b'>(|| Ok(())));
        let snapshot = started(backend).await.status().snapshot();
        let failed = PluginState::Failed("no disk".to_owned());
        let expected = [(PluginId::new("alpha"), failed), (PluginId::new("beta"), PluginState::Ready)];
        assert_eq!((snapshot.phase, snapshot.plugins), (Phase::Started, BTreeMap::from(expected)));
    }
}

#[tokio::test]
async fn the_default_is_overridden_for_a_plugin() {
    let startup = json!({
        "default": { "onPluginBootFailure": "continue" },
        "plugins": { "alpha": { "onPluginBootFailure": "abort" } },
    });
    let backend = backend(json!({ "backend": { "startup": startup } }));
    let backend = backend.plugin(Does::<'a'>(|| anyhow::bail!("no disk")));
    assert!(backend.check().unwrap().start().started().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_still_starting_is_told_at_growing_intervals() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(Messages(log.clone())));
    let mut running = backend(json!({})).plugin(Hangs).plugin(Does::<'a'>(|| Ok(()))).check().unwrap().start();
    let waited = tokio::time::timeout(Duration::from_secs(20), running.started()).await;
    assert!(waited.is_err());
    let told = |seconds: u64| format!("still starting after {seconds} s: hangs (initializing)");
    assert_eq!(log.take(), [1, 2, 4, 7, 12].map(told));
    let snapshot = running.status().snapshot();
    assert_eq!(snapshot.plugins[&PluginId::new("hangs")], PluginState::Starting(Step::Init));
}

/// Notes what is logged.
struct Messages(Log);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Messages {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                self.0.push(format!("{value:?}"));
            }
        });
    }
}

/// Each waits for the other: only plugins that start at the same time get through.
#[tokio::test]
async fn plugins_start_at_the_same_time() {
    struct Meets<const LEFT: bool>(oneshot::Sender<()>, oneshot::Receiver<()>);
    impl<const LEFT: bool> Plugin for Meets<LEFT> {
        const ID: PluginId = PluginId::new(if LEFT { "left" } else { "right" });
        type Deps = ();
        async fn init(self, (): ()) -> Result<()> {
            let _sent = self.0.send(());
            Ok(self.1.await?)
        }
    }
    let ((to_left, from_right), (to_right, from_left)) = (oneshot::channel(), oneshot::channel());
    let backend = backend(json!({}));
    started(backend.plugin(Meets::<true>(to_right, from_right)).plugin(Meets::<false>(to_left, from_left))).await;
}

#[tokio::test]
async fn a_backend_can_be_stopped_while_it_starts() {
    let running = backend(json!({})).plugin(Hangs).check().unwrap().start();
    let status = running.status().clone();
    tokio::select! {
        () = running.shutdown() => {}
        () = pending() => {}
    }
    assert_eq!(status.snapshot().phase, Phase::Stopping);
}
