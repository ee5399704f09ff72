//! What a database promises (`suite`), over every engine and mode that there is; and what one alone
//! promises (`sqlite`).

mod fixture;
mod sqlite;
mod suite;

macro_rules! over_every_mode {
    ($($test:ident)*) => {
        over_every_mode!(@mode memory, Memory: $($test)*);
        over_every_mode!(@mode directory, Directory: $($test)*);
        over_every_mode!(@mode plugin_file, PluginFile: $($test)*);
    };
    (@mode $name:ident, $mode:ident: $($test:ident)*) => {
        mod $name {
            use super::{fixture::{Fixture, Mode, bounded}, suite};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                bounded(async { suite::$test(&Fixture::new(Mode::$mode).await).await }).await;
            })*
        }
    };
}

over_every_mode! {
    rows_are_written_and_read
    violated_constraints_are_typed
    a_transaction_is_all_or_nothing
    nested_transactions_are_undone_alone
    closures_commit_and_roll_back
    rows_are_streamed
    a_stream_may_be_given_up
    a_plugin_may_query_beside_its_transaction
    a_write_beside_a_transaction_fails_within_a_bound
    plugins_do_not_see_each_other
    fifty_write_at_once
    cancelled_work_leaves_nothing_behind
    migrations_are_applied_once
    a_closed_database_says_so
}
