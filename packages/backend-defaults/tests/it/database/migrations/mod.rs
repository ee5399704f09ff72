//! Migrations over the modes of the fixture. Each test takes databases that are empty.

mod killed;
mod rules;
mod several;
mod steps;

/// Some tests have many rounds, each with a database of its own that is made on a disk.
const BOUND: std::time::Duration = std::time::Duration::from_secs(600);

/// All tests in a mode of the fixture; `private`: where no other backend has the same databases.
macro_rules! over_mode {
    ($mode:ident $variant:ident) => {
        over_mode!(@rules $mode $variant:
            several::two_backends_race
            several::each_mode_does_what_it_says
            several::who_waits_says_for_whom
            killed::the_survivor_of_a_killed_backend_comes_up
        );
    };
    ($mode:ident $variant:ident private) => {
        over_mode!(@rules $mode $variant:);
    };
    (@rules $mode:ident $variant:ident: $($module:ident::$test:ident)*) => {
        over_mode!(@tests $mode $variant:
            rules::each_step_is_applied_once
            rules::a_step_that_fails_leaves_nothing_behind
            rules::a_step_that_panics_frees_the_lock
            rules::what_differs_is_told
            rules::an_older_backend_rolls_back
            rules::no_further_than_asked_for
            rules::what_has_no_way_back_is_named
            rules::what_somebody_else_made_is_not_stamped
            rules::what_backstage_made_is_left_as_it_is
            rules::nothing_pending_waits_for_nobody
            $($module::$test)*
        );
    };
    (@tests $mode:ident $variant:ident: $($module:ident::$test:ident)*) => {
        mod $mode {
            use super::super::fixture::{Fixture, Mode};
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let test = async { $module::$test(&Fixture::new(Mode::$variant).await).await };
                tokio::time::timeout(BOUND, test).await.expect("the test hangs");
            })*
        }
    };
}

over_mode!(memory Memory private);
over_mode!(directory Directory);
over_mode!(postgres Postgres);
over_mode!(postgres_schema PostgresSchema);
over_mode!(pgbouncer_schema PgBouncerSchema);
over_mode!(embedded_postgres EmbeddedPostgres);
over_mode!(mysql_databases MySql);
