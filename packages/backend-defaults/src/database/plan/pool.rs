use std::time::Duration;

use super::PoolPlan;
use super::resolve::{Family, Resolve, base_key};
use crate::database::config::{KnexConfig, PoolConfig};

const SQLITE_MAX: u32 = 5;
/// As Knex.
const SERVER_MAX: u32 = 10;
const DEFAULT_ACQUIRE_TIMEOUT: u64 = 10_000;
/// As tarn.js.
const DEFAULT_CREATE_TIMEOUT: u64 = 30_000;

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
        let acquire = own.and_then(wait).or_else(|| wait(base)).unwrap_or(DEFAULT_ACQUIRE_TIMEOUT);
        PoolPlan {
            max: max as usize,
            acquire_timeout: Duration::from_millis(acquire),
            create_timeout: Duration::from_millis(pool.create_timeout_millis.unwrap_or(DEFAULT_CREATE_TIMEOUT)),
        }
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
