//! What a tool sees of the host: the system's programs, and what else it was given, all of it to be read alone.
//!
//! The rest is one file system in memory, of a fixed size: the checkout at `/work`, the home directory, `/tmp`, and an `/etc` that holds
//! the few files without which programs do not find libraries, certificates or their own user. `/dev` is made by bubblewrap and then made
//! read-only, since it is a file system in memory too, without a size.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::{Error, Limits, Result};

/// Where the checkout is.
pub(super) const WORK: &str = "/work";
/// The home directory.
pub(super) const HOME: &str = "/home/x";
/// Where temporary files are.
pub(super) const TMP: &str = "/tmp";
/// Where the launcher is: where no rule lets a tool run it.
pub(super) const LAUNCHER: &str = "/run/plumbline";
/// The user and group that a tool is, seen from inside.
pub(super) const USER: u32 = 1000;

/// The smallest file system there can be: what the launcher itself writes has to fit.
const LEAST: u64 = 1 << 20;

/// Directories that are links into `/usr`, or else are shown like it.
const SYSTEM: &[&str] = &["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What is shown of `/etc`, beside the settings of Java. None of it is of this machine alone.
const ETC: &[&str] = &["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates.conf"];
/// Directories that are never shown, nor anything that holds one of them.
const HIDDEN: &[&str] = &["/boot", "/dev", "/etc", "/proc", "/run", "/sys"];
/// Places of the sandbox's own, over which nothing may lie.
const OWN: &[&str] = &[WORK, HOME, TMP];
/// Directories that hold the homes and the state of all, which are never shown whole.
const WHOLE: &[&str] = &["/home", "/opt", "/root", "/srv", "/var", "/var/lib", "/mnt", "/media"];

/// The arguments of bubblewrap: namespaces, mounts, and the launcher.
pub(super) fn arguments(launcher: &Path, roots: &[PathBuf], limits: &Limits) -> Vec<OsString> {
    let mut args = Arguments::default();
    // A user namespace, and inside of it no other: what most holes of the kernel need first.
    args.add(["--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--clearenv"]);
    args.add(["--uid", &USER.to_string(), "--gid", &USER.to_string(), "--hostname", "sandbox"]);
    // No terminal; and the launcher is the first process, with whom all others end.
    args.add(["--new-session", "--die-with-parent", "--as-pid-1"]);
    args.add(["--perms", "0755", "--size", &limits.tmpfs_bytes.max(LEAST).to_string(), "--tmpfs", "/"]);
    args.add(["--ro-bind", "/usr", "/usr"]);
    for name in SYSTEM {
        let path = Path::new("/").join(name);
        match std::fs::read_link(&path) {
            Ok(target) => args.put("--symlink", &[target.as_os_str(), path.as_os_str()]),
            Err(_) if path.is_dir() => args.put("--ro-bind", &[path.as_os_str(), path.as_os_str()]),
            Err(_) => {}
        }
    }
    args.add(["--perms", "0755", "--dir", "/etc"]);
    for path in ETC.iter().map(|name| Path::new("/etc").join(name)).chain(settings_of_java()) {
        args.put("--ro-bind-try", &[path.as_os_str(), path.as_os_str()]);
    }
    args.add(["--proc", "/proc", "--dev", "/dev"]);
    args.add(["--perms", "1777", "--size", &limits.shared_bytes().to_string(), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    for (dir, mode) in [(WORK, "0755"), ("/home", "0755"), (HOME, "0700"), (TMP, "1777"), ("/run", "0755")] {
        args.add(["--perms", mode, "--dir", dir]);
    }
    for root in roots {
        args.put("--ro-bind", &[root.as_os_str(), root.as_os_str()]);
    }
    args.put("--ro-bind", &[launcher.as_os_str(), LAUNCHER.as_ref()]);
    args.add(["--chdir", "/", "--", LAUNCHER, super::launcher::VERB]);
    args.0
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.0.extend(arguments.map(OsString::from));
    }

    fn put(&mut self, option: &str, values: &[&std::ffi::OsStr]) {
        self.0.push(option.into());
        self.0.extend(values.iter().map(OsString::from));
    }
}

/// Java keeps a part of itself in `/etc`.
fn settings_of_java() -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir("/etc").into_iter().flatten().filter_map(std::result::Result::ok);
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("java-")).map(|entry| entry.path())
}

/// Whether directories of ours lie where every tool sees them.
pub(super) fn check_hidden(hidden: &[PathBuf]) -> Result<()> {
    let is_shown = |path: &Path| path.starts_with("/usr") || SYSTEM.iter().any(|name| path.starts_with(Path::new("/").join(name)));
    match both(hidden).into_iter().find(|path| is_shown(path)) {
        Some(path) => Err(Error::BadRoot { path, why: "it is ours, and lies where every tool may read: keep it elsewhere".to_owned() }),
        None => Ok(()),
    }
}

/// Directories as they are named, and where they really are.
fn both(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().cloned().chain(paths.iter().filter_map(|path| path.canonicalize().ok())).collect()
}

/// Whether one of two paths holds the other, or they are the same.
pub fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The roots without those that are shown anyway, or why one cannot be shown to a user of the host. What is `hidden` is ours.
pub(super) fn judged(roots: &[PathBuf], user: Option<u32>, hidden: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut judged: Vec<PathBuf> = Vec::new();
    let ours = both(hidden);
    for root in roots {
        if root.starts_with("/usr") && !root.components().any(|part| part == Component::ParentDir) {
            continue;
        }
        let refuse = |why: &str| Err(Error::BadRoot { path: root.clone(), why: why.to_owned() });
        let is_plain = root.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !root.is_absolute() || !is_plain || root.parent().is_none() {
            return refuse("it is not the path of a directory beneath `/`");
        }
        let Ok(real) = root.canonicalize() else { return refuse("it does not exist") };
        for path in [root, &real] {
            let is_hidden = HIDDEN.iter().any(|hidden| path.starts_with(hidden) || Path::new(hidden).starts_with(path));
            let is_own = OWN.iter().any(|own| path == Path::new(own));
            let is_whole = WHOLE.iter().any(|whole| path == Path::new(whole)) || path.parent() == Some(Path::new("/home"));
            if is_hidden || is_own || is_whole {
                return refuse("it holds more than a tool may see: name the tool's own directory");
            }
            if ours.iter().any(|ours| overlap(ours, path)) {
                return refuse("our own data is in it, or it in our data, which no tool may see: install the tool elsewhere");
            }
        }
        if let Some(user) = user
            && let Some(closed) = closed_to_others(&real)
        {
            return refuse(&format!(
                "the user {user}, who runs it, may not enter `{}`; install it where others may enter",
                closed.display()
            ));
        }
        if !judged.contains(root) {
            judged.push(root.clone());
        }
    }
    // What holds another comes first, since it would lie over it.
    judged.sort();
    Ok(judged)
}

/// The first directory on the way to a path, or the path itself, that is closed to those it does not belong to.
pub(super) fn closed_to_others(path: &Path) -> Option<PathBuf> {
    const ENTER: u32 = 0o001;
    const READ: u32 = 0o004;

    let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
    way.reverse();
    let is_closed = |path: &Path, bits: u32| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bits != bits);
    if let Some(closed) = way.into_iter().find(|dir| is_closed(dir, ENTER)) {
        return Some(closed.to_owned());
    }
    let needed = if std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o170_000 == 0o040_000) { READ | ENTER } else { READ };
    is_closed(path, needed).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(root: &str) -> String {
        match judged(&[root.into()], None, &[]) {
            Err(Error::BadRoot { why, .. }) => why,
            other => panic!("{root}: {other:?}"),
        }
    }

    #[test]
    fn what_holds_more_than_a_tool_is_never_shown() {
        for root in ["/etc", "/etc/ssl", "/proc", "/proc/1", "/home", "/root", "/var", "/tmp", "/run", "/dev/shm"] {
            let why = why(root);
            assert!(why.contains("more than a tool may see") || why.contains("does not exist"), "{root}: {why}");
        }
        for root in ["/", "usr/lib", "/usr/../etc", "", "/opt/../root"] {
            assert!(why(root).contains("beneath `/`"), "{root}");
        }
        assert!(why("/nowhere/at/all").contains("does not exist"));
    }

    #[test]
    fn a_link_to_what_is_never_shown_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("tool")).unwrap();
        assert!(why(dir.path().join("tool").to_str().unwrap()).contains("more than a tool may see"));
    }

    #[test]
    fn our_own_data_is_never_shown_nor_what_holds_it_nor_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (data, within, beside) = (dir.path().join("a/data"), dir.path().join("a/data/tool"), dir.path().join("a/database"));
        [&within, &beside].iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        for hidden in [&data, &link] {
            let judged = |root: &Path| judged(&[root.to_owned()], None, std::slice::from_ref(hidden));
            for root in [&data, &within, data.parent().unwrap(), &link] {
                let told = judged(root).unwrap_err().to_string();
                assert!(told.contains("our own data"), "{}: {told}", root.display());
            }
            assert_eq!(judged(&beside).unwrap(), std::slice::from_ref(&beside));
        }
        assert!(check_hidden(&["/usr/local/share/data".into()]).is_err() && check_hidden(&[data]).is_ok());
    }

    #[test]
    fn what_the_user_cannot_enter_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (closed, tool) = (dir.path().join("closed"), dir.path().join("closed/tool"));
        std::fs::create_dir_all(&tool).unwrap();
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        [dir.path(), &closed, &tool].iter().for_each(|path| mode(path, 0o755));
        assert_eq!(judged(std::slice::from_ref(&tool), Some(60_600), &[]).unwrap(), std::slice::from_ref(&tool));
        mode(&closed, 0o700);
        let told = judged(&[tool], Some(60_600), &[]).unwrap_err().to_string();
        assert!(told.contains("may not enter") && told.contains("closed`"), "{told}");
    }

    #[test]
    fn what_is_shown_anyway_is_not_mounted_twice() {
        assert_eq!(judged(&["/usr/lib/node_modules".into(), "/usr".into()], None, &[]).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn nothing_of_the_host_is_mounted_to_be_written() {
        let args = arguments(Path::new("/launcher"), &["/opt/tool".into()], &Limits::default());
        let writable = args.iter().filter(|arg| ["--bind", "--dev-bind", "--bind-try", "--dev-bind-try"].iter().any(|bind| *arg == bind));
        assert_eq!(writable.count(), 0, "{args:?}");
        assert!(!args.iter().any(|arg| arg == "--share-net"));
    }
}
