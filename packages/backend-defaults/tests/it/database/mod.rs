//! What a database promises (`suite`), over every engine and mode that there is; and what one alone
//! promises (`sqlite`). How tables come to be there: `migrations`. When it fails: `failures`.

mod failures;
mod fixture;
mod isolation;
mod migrations;
mod mysql;
mod place;
mod pooler;
mod provisioning;
mod shared_pool;
mod sqlite;
mod sqlite_pool;
mod sqlite_room;
mod suite;

macro_rules! over_every_mode {
    ($($test:ident)*; one writer: $($one:ident)*; many writers: $($many:ident)*) => {
        over_every_mode!(@mode memory, Memory: $($test)* $($one)*);
        over_every_mode!(@mode directory, Directory: $($test)* $($one)*);
        over_every_mode!(@mode plugin_file, PluginFile: $($test)* $($one)*);
        over_every_mode!(@mode postgres, Postgres: $($test)* $($many)*);
        over_every_mode!(@mode postgres_schema, PostgresSchema: $($test)* $($many)*);
        over_every_mode!(@mode postgres_isolated, PostgresIsolated: $($test)* $($many)*);
        over_every_mode!(@mode postgres_schema_isolated, PostgresSchemaIsolated: $($test)* $($many)*);
        over_every_mode!(@mode pgbouncer, PgBouncer: $($test)* $($many)*);
        over_every_mode!(@mode pgbouncer_schema, PgBouncerSchema: $($test)* $($many)*);
        over_every_mode!(@mode embedded_postgres, EmbeddedPostgres: $($test)* $($many)*);
        over_every_mode!(@mode mysql_databases, MySql: $($test)* $($many)*);
    };
    (@mode $name:ident, $mode:ident: $($test:ident)*) => {
        mod $name {
            use super::{fixture::{Fixture, Mode}, suite};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Fixture::test(Mode::$mode, suite::$test).await;
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
    plugins_do_not_see_each_other
    fifty_write_at_once
    cancelled_work_leaves_nothing_behind
    migrations_are_applied_once
    a_closed_database_says_so;
    one writer:
    a_write_beside_a_transaction_fails_within_a_bound;
    many writers:
    a_write_beside_a_transaction_goes_through
}
