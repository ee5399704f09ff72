use std::path::{Path, PathBuf};

use backend_defaults::database::{EnginePlan, SqlitePlace};
use tokio::task::spawn_blocking;

use super::{Candidate, Kind, Search, like};
use crate::Site;
use crate::inspect::sqlite::{look_into, stamps};

/// Of the `*.sqlite` of a folder. What is no database, or not to be read, is none of ours.
pub(super) async fn candidates(search: &Search<'_>, site: &Site, folder: &Path) -> anyhow::Result<Vec<Candidate>> {
    let folder = folder.to_owned();
    let files = spawn_blocking(move || stamped(&folder)).await??;
    let candidates = files.into_iter().filter_map(|(file, plugins)| {
        let name = file.file_name()?.to_str()?;
        // One that is installed has it.
        let standings: Vec<_> =
            plugins.iter().map(|plugin| search.standing(Kind::File, name, plugin)).collect::<Option<_>>()?;
        let (standing, plugin) = standings.into_iter().zip(plugins).next()?;
        let name = file.display().to_string();
        let site = like(site, |plan| {
            if let EnginePlan::Sqlite(plan) = &mut plan.engine {
                plan.place = SqlitePlace::File(file);
            }
        });
        Some(Candidate { kind: Kind::File, name, plugin, standing, site })
    });
    Ok(candidates.collect())
}

/// The files that are stamped, and for which plugins.
fn stamped(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Vec<String>)>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !folder.try_exists()? {
        return Ok(Vec::new());
    }
    let mut files: Vec<_> = folder.read_dir()?.map(|it| it.map(|it| it.path())).collect::<Result<_, _>>()?;
    files.retain(|it| it.extension().is_some_and(|it| it == "sqlite") && it.is_file());
    files.sort();
    let plugins_of = |file: PathBuf| {
        let plugins = look_into(&file).and_then(|it| stamps(&it)).ok().filter(|it| !it.is_empty())?;
        Some((file, plugins))
    };
    Ok(files.into_iter().filter_map(plugins_of).collect())
}
