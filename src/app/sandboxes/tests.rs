use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::*;

/// A place where bubblewrap is a script, which is open to all.
struct Host(tempfile::TempDir);

impl Host {
    fn with_bubblewrap(script: &str) -> Host {
        let host = Host(tempfile::tempdir().unwrap());
        host.bubblewrap(script);
        host
    }

    fn bubblewrap(&self, script: &str) {
        let (new, path) = (self.0.path().join("new"), self.0.path().join("bwrap"));
        std::fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        [self.0.path(), &new].iter().for_each(|path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap());
        std::fs::rename(new, path).unwrap();
    }

    fn sandboxes(&self, min_tier: Tier) -> Sandboxes {
        let config = Config { min_tier, launcher: "/bin/true".into(), ..Config::in_directory(self.0.path()) };
        let mut sandboxes = Sandboxes::new(&config);
        sandboxes.settings.bubblewrap = self.0.path().join("bwrap");
        sandboxes.settings.coming_up = Duration::from_millis(200);
        sandboxes.settings.use_cgroups = false;
        sandboxes
    }
}

const FORBIDDEN: &str = "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1";
const HANGS: &str = "exec sleep 100";

#[test]
fn a_bubblewrap_that_the_host_forbids_is_found_out_and_what_mends_it_is_said() {
    let error = Host::with_bubblewrap(FORBIDDEN).sandboxes(Tier::Native).get().unwrap_err();
    assert_eq!(error.code, ErrorCode::SandboxUnavailable);
    assert!(error.message.contains("setting up uid map") && error.message.contains("namespaces"), "{}", error.message);
    let missing = Host(tempfile::tempdir().unwrap()).sandboxes(Tier::Native).get().unwrap_err();
    assert!(missing.message.ends_with("On Debian: `apt-get install bubblewrap`."), "{}", missing.message);
}

#[test]
fn isolation_is_done_without_where_it_is_forbidden_for_good_and_never_for_what_may_pass() {
    let host = Host::with_bubblewrap(FORBIDDEN);
    assert_eq!(host.sandboxes(Tier::Trusted).get().unwrap().tier(), Tier::Trusted);
    host.bubblewrap(HANGS);
    let sandboxes = host.sandboxes(Tier::Trusted);
    let error = sandboxes.get().unwrap_err();
    assert!(error.message.contains("did not come up in time"), "{}", error.message);
    assert_eq!(sandboxes.get().unwrap_err(), error, "for a moment it is not tried again");
    assert!(matches!(&*lock(&sandboxes.made), Known::Failed(..)));
}

#[test]
fn isolation_that_was_done_without_is_looked_for_again_after_a_while_and_not_before() {
    let host = Host::with_bubblewrap(&format!("echo >>\"$0.asked\"; {FORBIDDEN}"));
    let told = host.0.path().join("bwrap.asked");
    std::fs::write(&told, "").unwrap();
    // Whoever asks may be another user.
    std::fs::set_permissions(&told, std::fs::Permissions::from_mode(0o666)).unwrap();
    let asked = || std::fs::read(&told).unwrap().len();
    let sandboxes = host.sandboxes(Tier::Trusted);
    let first = sandboxes.get().unwrap();
    let a_while_later = || {
        let mut made = lock(&sandboxes.made);
        let Known::Makeshift(at, _) = &mut *made else { panic!("{made:?}") };
        *at = at.checked_sub(MAKESHIFT_FOR).unwrap();
    };
    assert!(Arc::ptr_eq(&sandboxes.get().unwrap(), &first) && asked() == 1);
    a_while_later();
    assert!(Arc::ptr_eq(&sandboxes.get().unwrap(), &first), "it is still forbidden");
    assert_eq!(asked(), 2);
    assert!(sandboxes.get().is_ok() && asked() == 2, "for a while it is not tried again");
    host.bubblewrap(HANGS);
    a_while_later();
    assert!(Arc::ptr_eq(&sandboxes.get().unwrap(), &first), "what was decided holds where it cannot be found out");
}

#[test]
fn what_a_tool_says_of_its_version_is_final_unless_it_was_ended_before() {
    let said = |how, stdout| answer(how, stdout, "").is_final;
    assert!(said(How::Exited(0), "tool 1.2.3") && said(How::Exited(2), "what?"));
    assert!(said(How::TimedOut, "tool 1.2.3"), "it said it before");
    for how in [How::TimedOut, How::Signaled(9), How::Canceled, How::Limit(sandbox::Limit::Memory)] {
        assert!(!said(how, ""), "{how:?}");
    }
}

fn with_socket(dir: &Path, socket: &Path) -> Sandboxes {
    Sandboxes::new(&Config { oci_socket: Some(socket.to_owned()), ..Config::in_directory(dir) })
}

#[test]
fn who_we_are_is_kept_in_the_data_directory_and_goes_where_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    std::fs::create_dir(&here).unwrap();
    let onlooker = Sandboxes { is_owner: false, ..with_socket(&here, Path::new("/nowhere")) };
    assert_eq!(onlooker.instance().unwrap(), ONLOOKER);
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0, "who looks leaves nothing");
    let name = with_socket(&here, Path::new("/nowhere")).instance().unwrap();
    assert_eq!(name.len(), 32);
    std::fs::rename(&here, &there).unwrap();
    assert_eq!(with_socket(&there, Path::new("/nowhere")).instance().unwrap(), name);
    std::fs::write(there.join(INSTANCE), "../x").unwrap();
    let other = with_socket(&there, Path::new("/nowhere")).instance().unwrap();
    assert!(other != name && other.len() == 32, "what is no name of ours is replaced");
}

#[test]
fn while_one_waits_for_the_daemon_nothing_is_held_and_why_it_failed_holds_for_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let sandboxes = with_socket(dir.path(), &socket);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| sandboxes.oci().unwrap_err());
        let (asked, _) = listener.accept().unwrap();
        assert!(sandboxes.connected.try_lock().is_ok(), "it is asked, and does not answer");
        // It hangs up on whoever asks.
        drop((asked, listener));
        let error = waits.join().unwrap();
        assert!(error.message.contains("`sandbox.oci_socket`"), "{}", error.message);
        assert_eq!(sandboxes.oci().unwrap_err(), error);
    });
}

#[test]
fn a_tool_that_hangs_when_it_is_asked_for_its_version_is_not_asked_again_at_once() {
    let began = Instant::now();
    let said = |how| Said { at: began, answer: answer(how, "", "") };
    for after in [Duration::ZERO, UNSAID_FOR / 2] {
        assert_eq!(said(How::TimedOut).now(began + after), Some(None));
    }
    assert_eq!(said(How::TimedOut).now(began + UNSAID_FOR), None, "it may say it another time");
    assert_eq!(said(How::Exited(0)).now(began + UNSAID_FOR), Some(None), "it has nothing to say");
}

#[test]
fn what_a_killed_server_left_goes_at_the_start_of_the_next_though_no_check_runs() {
    let left = std::env::temp_dir().join(format!("plumbline-run-of-a-test-{}", std::process::id()));
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("file"), "").unwrap();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::open(&left).unwrap().set_modified(long_ago).unwrap();
    Sandboxes::new(&Config::in_directory(&left.join("data"))).sweep();
    assert!(!left.exists());
}
