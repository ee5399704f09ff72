//! What verifying leaves behind: nothing.

use std::path::Path;
use std::sync::Arc;

use database_tools::backup::{RestoreProgress, verify};
use database_tools::{Scratch, Site};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, Statement};
use tokio::sync::watch;

use super::back_up;
use crate::fixture::{LAYOUTS, Layout, Place};
use crate::rows::{fill, migrated};

/// Scratch databases beside that of a site: schemas, or folders. Databases on a server may be other tests'.
async fn scratches(place: &Place, site: &Site, layout: Layout) -> usize {
    if matches!(layout, Layout::Postgres | Layout::MySql) {
        return 0;
    }
    if layout == Layout::Files {
        let folders = std::fs::read_dir(place.folder.path().join("data")).unwrap();
        let is_scratch = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("greenroom_scratch_");
        return folders.filter(|it| is_scratch(&it.as_ref().unwrap().path())).count();
    }
    let select = "SELECT 1 FROM pg_namespace WHERE starts_with(nspname, 'greenroom_scratch_')";
    let select = Statement::from_string(site.database.get_database_backend(), select);
    site.database.query_all_raw(select).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_left_also_when_it_is_stopped() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = migrated(&place).await;
        fill(&site.database).await;
        let backup = back_up(std::slice::from_ref(&site), &place.folder.path().join("backup")).await.unwrap();
        let seen = Scratch::for_rows(&site).await.unwrap();
        let can_be_seen = usize::from(matches!(layout, Layout::Files | Layout::PostgresSchema));
        assert_eq!(scratches(&place, &site, layout).await, can_be_seen, "{layout:?}");
        seen.drop().await.unwrap();

        let (stop, stopped) = watch::channel(false);
        let whole: RestoreProgress = Arc::new(|_, _| ());
        let done = verify(&backup, std::slice::from_ref(&site), &whole, &stopped).await.unwrap();
        assert_eq!(done[0].1.as_ref().unwrap().tables.iter().map(|it| it.rows).sum::<u64>(), 20);
        assert_eq!(scratches(&place, &site, layout).await, 0, "{layout:?}");
        let stops: RestoreProgress = Arc::new(move |_, _| _ = stop.send_replace(true));
        let done = verify(&backup, std::slice::from_ref(&site), &stops, &stopped).await.unwrap();
        // Else it would say what is left.
        assert_eq!(done[0].1.as_ref().unwrap_err().to_string(), "stopped", "{layout:?}");
        assert_eq!(scratches(&place, &site, layout).await, 0, "{layout:?}");
        site.close().await;
    }
}
