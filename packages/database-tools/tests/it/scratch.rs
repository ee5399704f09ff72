use database_tools::Scratch;
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::fixture::{LAYOUTS, Place, SAMPLE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_database_is_migrated_and_dropped() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        site.provision().await.unwrap();
        site.migrator().run().await.unwrap();
        let scratch = Scratch::make(&site).await.unwrap();
        scratch.site().migrator().run().await.unwrap();
        let seeds = scratch.site().database.execute_unprepared("UPDATE settings SET value = 'x'").await.unwrap();
        assert_eq!(seeds.rows_affected(), 1, "{layout:?}");
        let gone = scratch.site().clone();
        scratch.drop().await.unwrap();
        let again = database_tools::Site::new(gone.plan.clone(), gone.migrations, &place.manager());
        if layout != crate::fixture::Layout::Files {
            again.database.execute_unprepared("UPDATE settings SET value = 'x'").await.unwrap_err();
        }
        let row = site.database.execute_unprepared("UPDATE settings SET value = 'by a migration'").await.unwrap();
        assert_eq!(row.rows_affected(), 1, "{layout:?}");
        again.close().await;
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_made_by_looking() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        assert!(!site.exists().await.unwrap(), "{layout:?}");
        assert!(!site.exists().await.unwrap(), "{layout:?}");
        site.provision().await.unwrap();
        assert!(site.exists().await.unwrap(), "{layout:?}");
        site.close().await;
    }
}
