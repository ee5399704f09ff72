//! Whether there is room where files are, and what disk it is.

use std::path::Path;

use rustix::fs::{Access, access, statfs, statvfs};

use super::finding::{About, Finding};

/// Below this there are warnings, in bytes.
const LITTLE: u64 = 1 << 30;
/// Below this writing fails soon, in bytes.
const NONE: u64 = 64 << 20;
const MIB: u64 = 1 << 20;
/// Linux: `statfs(2)`.
const NETWORKS: [(u32, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
];

/// Of a folder with SQLite's files, or a private server's: blocks on the file system.
pub(super) fn check(folder: &Path) -> Vec<Finding> {
    let about = About(folder.display().to_string());
    // What is not there yet is made below what is.
    let Some(there) = folder.ancestors().find(|it| it.as_os_str().is_empty() || it.exists()) else { return Vec::new() };
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let mut findings = vec![writable(&about, there, access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok())];
    if let Ok(space) = statvfs(there) {
        findings.push(room(&about, space.f_bavail.saturating_mul(space.f_frsize), there));
    }
    findings.extend(network(&about, there));
    findings
}

fn writable(about: &About, folder: &Path, may: bool) -> Finding {
    if may {
        return about.ok("rights", "may be written to");
    }
    let (why, mend) =
        ("files cannot be made there, nor the log beside a file", "give it to who runs the backend, by `chown`");
    about.error("rights", format!("`{}` may not be written to", folder.display()), why, mend)
}

fn room(about: &About, free: u64, folder: &Path) -> Finding {
    let what = format!("{} MiB free", free / MIB);
    let why = "nothing can be written when there is no more: the backend answers, and fails at each change";
    let mend = format!("make room on the disk of `{}`", folder.display());
    match free {
        free if free < NONE => about.error("disk", what, why, mend),
        free if free < LITTLE => about.warning("disk", what, why, mend),
        _ => about.ok("disk", what),
    }
}

#[cfg(target_os = "linux")]
fn network(about: &About, folder: &Path) -> Option<Finding> {
    network_of(about, statfs(folder).ok()?.f_type)
}

#[cfg(not(target_os = "linux"))]
fn network(_: &About, _: &Path) -> Option<Finding> {
    None
}

/// Kernels have it with a sign or without.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have names"))]
fn network_of(about: &About, kind: impl TryInto<i128>) -> Option<Finding> {
    let kind = kind.try_into().ok()? & 0xffff_ffff;
    let (_, name) = NETWORKS.iter().find(|(it, _)| i128::from(*it) == kind)?;
    Some(about.warning(
        "disk",
        format!("it is on a network ({name})"),
        "locks and shared memory do not work there as SQLite needs them, so that files break when two processes write",
        "put it on a disk of this machine, or move the data to PostgreSQL",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn room_runs_out() {
        let severity = |free| room(&About("data".to_owned()), free, Path::new("data")).severity;
        assert_eq!([0, NONE, LITTLE].map(severity), [Severity::Error, Severity::Warning, Severity::Ok]);
    }

    #[test]
    fn a_folder_of_others_is_told() {
        let severity = |may| writable(&About("data".to_owned()), Path::new("data"), may).severity;
        assert_eq!([true, false].map(severity), [Severity::Ok, Severity::Error]);
    }

    #[test]
    fn networks_are_known_by_their_numbers() {
        let about = About("data".to_owned());
        let what = |kind: i64| network_of(&about, kind).map(|it| it.what);
        assert_eq!(what(0x6969).as_deref(), Some("it is on a network (NFS)"));
        assert_eq!(what(i64::from(0xff53_4d42_u32.cast_signed())).as_deref(), Some("it is on a network (CIFS)"));
        assert_eq!(what(0xef53), None, "ext4");
    }
}
