use serde_json::json;

use super::fixtures::{Add, Catalog, Log, backend, started};

#[tokio::test]
async fn modules_add_in_order_before_the_plugin_starts_and_are_remembered() {
    let log = Log::default();
    let backend = backend(json!({})).module(Add::<'b'>("x")).plugin(Catalog(log.clone())).module(Add::<'a'>("y"));
    started(backend).await;
    assert_eq!(log.take(), ["x by add-b", "y by add-a"]);
}

#[tokio::test]
async fn a_module_that_fails_is_its_plugins_failure() {
    let backend = backend(json!({})).plugin(Catalog(Log::default())).module(Add::<'c'>("x"));
    let error = backend.check().unwrap().start().started().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the backend did not start:\n  - plugin `catalog`: starting module `broken`: no token"
    );
}

#[tokio::test]
async fn a_module_may_fail_if_config_says_so_even_by_a_panic() {
    let own =
        json!({ "plugins": { "catalog": { "modules": { "broken": { "onPluginModuleBootFailure": "continue" } } } } });
    let all = json!({ "default": { "onPluginModuleBootFailure": "continue" } });
    for startup in [own, all] {
        let log = Log::default();
        let backend = backend(json!({ "backend": { "startup": startup } })).plugin(Catalog(log.clone()));
        started(backend.module(Add::<'p'>("x")).module(Add::<'a'>("y"))).await;
        assert_eq!(log.take(), ["x by broken", "y by add-a"]);
    }
}
