use insta::{assert_debug_snapshot, assert_snapshot};

use super::*;

/// The plan of the plugin `todo`.
fn plan(database: Value) -> DatabasePlan {
    let config = Config::from_json(json!({ "backend": { "database": database } }));
    let config: DatabaseConfig = config.read(DatabaseConfig::KEY).unwrap();
    config.plan(PluginId::new("todo"), &LibpqEnvironment::default()).unwrap()
}

#[test]
fn defaults_are_those_of_tarn() {
    assert_debug_snapshot!(plan(json!({ "client": "pg", "connection": { "user": "u" } })).pool, @"
    PoolPlan {
        min: 0,
        max: 10,
        acquire_timeout: 30s,
        create_timeout: 30s,
        destroy_timeout: 5s,
        idle_timeout: 30s,
        reap_interval: 1s,
        create_retry_interval: 200ms,
        propagate_create_error: false,
    }
    ");
}

#[test]
fn a_plugins_options_go_before_those_of_all() {
    let base = json!({
        "min": 1, "max": 2, "acquireTimeoutMillis": 3, "createTimeoutMillis": 4, "destroyTimeoutMillis": 5,
        "idleTimeoutMillis": 6, "reapIntervalMillis": 7, "createRetryIntervalMillis": 8, "propagateCreateError": true,
    });
    let of_all = json!({ "client": "pg", "connection": { "user": "u" }, "knexConfig": { "pool": base } });
    assert_debug_snapshot!(plan(of_all.clone()).pool, @"
    PoolPlan {
        min: 1,
        max: 2,
        acquire_timeout: 3ms,
        create_timeout: 4ms,
        destroy_timeout: 5ms,
        idle_timeout: 6ms,
        reap_interval: 7ms,
        create_retry_interval: 8ms,
        propagate_create_error: true,
    }
    ");
    let mut of_one = of_all;
    of_one["plugin"] = json!({ "todo": { "knexConfig": { "pool": {
        "min": 11, "max": 12, "acquireTimeoutMillis": 13, "createTimeoutMillis": 14, "destroyTimeoutMillis": 15,
        "idleTimeoutMillis": 16, "reapIntervalMillis": 17, "createRetryIntervalMillis": 18, "propagateCreateError": false,
    } } } });
    assert_debug_snapshot!(plan(of_one).pool, @"
    PoolPlan {
        min: 11,
        max: 12,
        acquire_timeout: 13ms,
        create_timeout: 14ms,
        destroy_timeout: 15ms,
        idle_timeout: 16ms,
        reap_interval: 17ms,
        create_retry_interval: 18ms,
        propagate_create_error: false,
    }
    ");
}

#[test]
fn the_budget_is_as_configured() {
    let plan = plan(json!({ "client": "pg", "connection": { "user": "u" }, "maxConnections": 40, "replicas": 3 }));
    assert_eq!(plan.budget, BudgetPlan { max_connections: Some(40), replicas: 3 });
    assert_snapshot!(plans(json!({ "maxConnections": 0, "replicas": 0 })), @"
    `backend.database.maxConnections`: expected at least 1
    `backend.database.replicas`: expected at least 1
    ");
}
