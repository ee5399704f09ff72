use std::time::Duration;

use super::resolve::{Family, Resolve, base_key};
use super::{BudgetPlan, PoolPlan};
use crate::database::config::{KnexConfig, PoolConfig};

const SQLITE_MAX: u32 = 5;
/// As Knex. The others as tarn.js.
const SERVER_MAX: u32 = 10;
const ACQUIRE_TIMEOUT: u64 = 30_000;
const CREATE_TIMEOUT: u64 = 30_000;
const DESTROY_TIMEOUT: u64 = 5000;
const IDLE_TIMEOUT: u64 = 30_000;
const REAP_INTERVAL: u64 = 1000;
const CREATE_RETRY_INTERVAL: u64 = 200;

impl Resolve<'_> {
    pub(super) fn pool(&mut self, family: Option<Family>) -> PoolPlan {
        let default_max = if matches!(family, None | Some(Family::Sqlite)) { SQLITE_MAX } else { SERVER_MAX };
        let base = &self.config.knex_config;
        let own = self.own.map(|it| &it.knex_config);
        let pool = merge(base.pool, own.map(|it| it.pool).unwrap_or_default());
        let owns_max = own.is_some_and(|it| it.pool.max.is_some());
        let owns_min = own.is_some_and(|it| it.pool.min.is_some());
        let max = pool.max.unwrap_or(default_max);
        let key = |own: bool, name: &str| match own {
            true => self.own_key(&format!("knexConfig.pool.{name}")),
            false => base_key(&format!("knexConfig.pool.{name}")),
        };
        let (max_key, min_key) = (key(owns_max, "max"), key(owns_min, "min"));
        if max == 0 {
            self.mistake(max_key, "expected at least 1");
        } else if let Some(min) = pool.min.filter(|min| pool.max.is_some() && *min > max) {
            self.mistake(min_key, format!("{min} is more than `max`, which is {max}"));
        }
        let wait = |it: &KnexConfig| it.pool.acquire_timeout_millis.or(it.acquire_connection_timeout);
        let acquire = own.and_then(wait).or_else(|| wait(base));
        let millis = |said: Option<u64>, default| Duration::from_millis(said.unwrap_or(default));
        PoolPlan {
            min: pool.min.unwrap_or_default() as usize,
            max: max as usize,
            acquire_timeout: millis(acquire, ACQUIRE_TIMEOUT),
            create_timeout: millis(pool.create_timeout_millis, CREATE_TIMEOUT),
            destroy_timeout: millis(pool.destroy_timeout_millis, DESTROY_TIMEOUT),
            idle_timeout: millis(pool.idle_timeout_millis, IDLE_TIMEOUT),
            reap_interval: millis(pool.reap_interval_millis, REAP_INTERVAL).max(Duration::from_millis(1)),
            create_retry_interval: millis(pool.create_retry_interval_millis, CREATE_RETRY_INTERVAL),
            propagate_create_error: pool.propagate_create_error.unwrap_or_default(),
        }
    }
}

impl Resolve<'_> {
    pub(super) fn budget(&mut self) -> BudgetPlan {
        let (max_connections, replicas) = (self.config.max_connections, self.config.replicas);
        for (key, said) in [("maxConnections", max_connections), ("replicas", replicas)] {
            if said == Some(0) {
                self.mistake(base_key(key), "expected at least 1");
            }
        }
        BudgetPlan { max_connections: max_connections.map(|it| it as usize), replicas: replicas.unwrap_or(1) as usize }
    }
}

fn merge(base: PoolConfig, own: PoolConfig) -> PoolConfig {
    PoolConfig {
        min: own.min.or(base.min),
        max: own.max.or(base.max),
        acquire_timeout_millis: own.acquire_timeout_millis.or(base.acquire_timeout_millis),
        create_timeout_millis: own.create_timeout_millis.or(base.create_timeout_millis),
        destroy_timeout_millis: own.destroy_timeout_millis.or(base.destroy_timeout_millis),
        idle_timeout_millis: own.idle_timeout_millis.or(base.idle_timeout_millis),
        reap_interval_millis: own.reap_interval_millis.or(base.reap_interval_millis),
        create_retry_interval_millis: own.create_retry_interval_millis.or(base.create_retry_interval_millis),
        propagate_create_error: own.propagate_create_error.or(base.propagate_create_error),
    }
}
