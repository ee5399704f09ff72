//! From each layout into each other.

mod changed;
mod refused;
mod resumed;
mod rows;
mod sqlite;
mod values;

use std::sync::{Arc, Mutex};

use database_tools::Site;
use database_tools::transfer::{Event, Progress};

use crate::fixture::{Place, SAMPLE};

/// A plugin's database that is there and migrated.
async fn migrated(place: &Place) -> Site {
    let site = place.site(SAMPLE);
    site.provision().await.unwrap();
    site.migrator().run().await.unwrap();
    site
}

/// Tells nobody.
fn quiet() -> Progress {
    Arc::new(|_| ())
}

/// Keeps what it is told.
fn kept() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    (Arc::new(move |event: Event<'_>| keep.lock().unwrap().push(format!("{event:?}"))), told)
}
