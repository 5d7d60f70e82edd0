//! Images, run for real: what is tried inside a container fails, and whatever it does, nothing of it stays.
//!
//! Skipped, and said so, where no daemon runs images; `PLUMBLINE_REQUIRE=oci` makes that a failure. `.ci/oci` brings one up. The image
//! that is run does what the variable `SCRIPT` says.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plumbline::base::name::TreePath;
use plumbline::base::secret::Secret;
use plumbline::engine::sandbox::oci::{Credentials, Image, Oci, Plugin, Reference, Settings};
use plumbline::engine::sandbox::{Error, File, How, Keeper, Kind, Limit, Limits, Outcome, Output, Tier, Value};

use super::sandbox::Hears;
use crate::support::registry::{USER, registry};
use crate::support::{daemon, skipped};

/// A daemon for a test that has containers of its own there.
macro_rules! need {
    ($instance:expr) => {
        match daemon::socket() {
            Ok(socket) => Oci::connect(&socket, $instance, settings()).unwrap(),
            Err(missing) => return skipped("oci", &missing),
        }
    };
}

/// The registry of these tests may be asked, wherever it is.
fn settings() -> Settings {
    Settings { allow_hosts: std::env::var("OCI_REGISTRY").into_iter().collect(), ..Settings::default() }
}

fn image(oci: &Oci, name: &str) -> Image {
    oci.image(&name.parse().unwrap(), None, None, &|| false).unwrap().unwrap()
}

fn one(oci: &Oci) -> Image {
    image(oci, "localhost/plumbline-test/one:v1")
}

fn plugin(script: &str) -> Plugin {
    let env = BTreeMap::from([("SCRIPT".to_owned(), Value::from(script)), ("COCOV_WORKDIR".to_owned(), Value::from("/work/tree"))]);
    Plugin { env, tree: "/work/tree".to_owned(), output: "/tmp/output".to_owned(), secret_files: Vec::new() }
}

fn file(path: &[u8], kind: Kind, bytes: &[u8]) -> File {
    File { path: TreePath::new(path), kind, bytes: bytes.to_vec() }
}

fn run_over(oci: &Oci, plugin: &Plugin, limits: &Limits, files: Vec<File>) -> Result<Outcome, Error> {
    oci.run(&one(oci), plugin, limits, &mut files.into_iter().map(Ok), &|| false, &mut ())
}

fn run(oci: &Oci, script: &str, limits: &Limits) -> Outcome {
    run_over(oci, &plugin(script), limits, Vec::new()).unwrap()
}

/// What a script wrote that ended well.
fn says(oci: &Oci, script: &str) -> String {
    let outcome = run(oci, script, &Limits::default());
    assert_eq!(outcome.how, How::Exited(0), "{}{}", outcome.stdout.text(), outcome.stderr.text());
    outcome.stdout.text()
}

#[test]
fn where_there_must_be_a_daemon_there_is_one() {
    if let Err(missing) = daemon::socket() {
        skipped("oci", &missing);
    }
}

#[test]
fn a_plugin_sees_the_tree_and_its_file_comes_back_with_its_exit_code_and_its_words() {
    let oci = need!("sees");
    let long = [b"deep/".repeat(30), b"x.rb".to_vec()].concat();
    let files = vec![
        file(b"a.rb", Kind::Regular, b"puts 1\n"),
        file(b"bin/run", Kind::Executable, b"#!/bin/sh\necho ran\n"),
        file(b"link", Kind::Symlink, b"a.rb"),
        file(&long, Kind::Regular, b"deep"),
        file(b"big", Kind::Regular, &vec![b'x'; 3 << 20]),
        file(b"../out", Kind::Regular, b""),
    ];
    let script = "cd $COCOV_WORKDIR; cat a.rb; ./bin/run; readlink link; cat link; wc -c < big; find . -name x.rb -exec cat {} +; \
                  stat -c '%u %g %a %n' . a.rb bin bin/run; echo more >> a.rb; echo words >&2; printf 'one\\0two\\0' > /tmp/output; exit 3";
    let outcome = run_over(&oci, &plugin(script), &Limits::default(), files).unwrap();
    assert_eq!((outcome.how, outcome.tier), (How::Exited(3), Tier::Oci), "{}", outcome.stderr.text());
    let expected =
        "puts 1\nran\na.rb\nputs 1\n3145728\ndeep1000 1000 755 .\n1000 1000 644 a.rb\n1000 1000 755 bin\n1000 1000 755 bin/run\n";
    assert_eq!(outcome.stdout.text(), expected);
    assert_eq!(outcome.stderr.text(), "words\n");
    assert_eq!(outcome.files, [("/tmp/output".to_owned(), Ok(b"one\0two\0".to_vec()))]);
    assert_eq!(outcome.refused.len(), 1);
    assert!(!daemon::has_container_of("sees"));
}

#[test]
fn there_is_no_network_inside() {
    let oci = need!("network");
    assert_eq!(says(&oci, "ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev; wc -l < /proc/net/route"), "lo\n1\n1\n");
    let tried = run(&oci, "nc -w 2 192.0.2.1 80 </dev/null; nc -w 2 127.0.0.1 22 </dev/null; echo tried", &Limits::default());
    assert!(tried.stdout.text().ends_with("tried\n") && tried.stderr.text().contains("unreachable"), "{}", tried.stderr.text());
}

#[test]
fn nothing_but_its_own_folders_can_be_written() {
    let oci = need!("root");
    let script = "for at in /open / /bin /etc /home /usr /var /root /dev /sys /proc/sys/kernel; do (touch $at/x && rm $at/x) 2>/dev/null && echo $at; done; \
                  for at in /work /work/tree /tmp /home/cocov; do touch $at/x && echo $at; done; \
                  df -k /run /var/tmp | awk '/tmpfs/ {print $2}'";
    assert_eq!(says(&oci, script), "/work\n/work/tree\n/tmp\n/home/cocov\n16384\n16384\n", "and a little memory for scratch");
}

#[test]
fn it_is_user_1000_without_a_capability_or_a_way_to_one() {
    let oci = need!("capabilities");
    let said = says(&oci, "id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    let none = "0000000000000000";
    let expected = format!(
        "1000\n1000\nCapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn its_environment_is_what_is_declared_and_nothing_of_the_host() {
    let oci = need!("environment");
    let said = says(&oci, "env | cut -d= -f1 | sort");
    // What every container has: the image's own, the shell's, and what the runtime says of itself.
    let of_any = ["COCOV_WORKDIR", "HOME", "HOSTNAME", "IMAGE", "PATH", "PWD", "SCRIPT", "SHLVL", "TERM", "container"];
    assert!(said.lines().all(|name| of_any.contains(&name)), "{said}");
    assert!(said.contains("COCOV_WORKDIR") && said.contains("IMAGE"));
}

#[test]
fn what_hangs_is_ended_and_its_container_and_volumes_are_gone_within_two_seconds() {
    let oci = need!("hangs");
    let began = Instant::now();
    let limits = Limits { wall: Duration::from_secs(1), ..Limits::default() };
    let outcome = run(&oci, "trap '' TERM INT; while true; do sleep 1000; done", &limits);
    assert_eq!(outcome.how, How::TimedOut);
    assert!(outcome.wall_ms < 1_500, "{}", outcome.wall_ms);
    assert!(!daemon::has_container_of("hangs"));
    // Making and starting it takes its time too.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Cancels once something was written.
struct Heard<'a>(&'a Cell<Option<Instant>>);

impl Output for Heard<'_> {
    fn stdout(&mut self, _: &[u8]) {
        self.0.set(Some(Instant::now()));
    }

    fn stderr(&mut self, _: &[u8]) {}
}

#[test]
fn what_is_canceled_is_gone_within_two_seconds_of_being_heard() {
    let oci = need!("canceled");
    let heard = Cell::new(None);
    let canceled = || heard.get().is_some();
    let plugin = plugin("echo here; sleep 1000");
    let outcome = oci.run(&one(&oci), &plugin, &Limits::default(), &mut std::iter::empty(), &canceled, &mut Heard(&heard)).unwrap();
    assert_eq!(outcome.how, How::Canceled);
    assert!(!daemon::has_container_of("canceled"));
    let took = heard.get().unwrap().elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn what_writes_without_end_is_stopped() {
    let oci = need!("writes");
    let limits = Limits { output_bytes: 1 << 20, stdout_bytes: 1 << 10, file_size: 1 << 20, ..Limits::default() };
    assert_eq!(run(&oci, "yes", &limits).how, How::Limit(Limit::Output));
    let outcome = run(&oci, "exec dd if=/dev/zero of=/tmp/output bs=64k", &limits);
    assert!(matches!(outcome.how, How::Limit(Limit::FileSize) | How::Exited(1)), "{:?}", outcome.how);
    let outcome = run(&oci, "head -c 300000 /dev/zero > /tmp/output", &Limits { output_file_bytes: 1 << 10, ..Limits::default() });
    assert_eq!(outcome.files[0].1.clone().unwrap_err(), "it is larger than 1.0 KiB");
    let tree = vec![file(b"a", Kind::Regular, &[0; 2000]), file(b"b", Kind::Regular, &[0; 2000])];
    let outcome = run_over(&oci, &plugin("true"), &Limits { tmpfs_bytes: 3000, ..Limits::default() }, tree).unwrap();
    assert_eq!(outcome.how, How::Limit(Limit::Disk));
}

#[test]
fn memory_processes_and_processor_time_are_bounded() {
    let oci = need!("bounded");
    let limits =
        Limits { processes: 50, memory: 64 << 20, cpu: Duration::from_secs(1), wall: Duration::from_secs(20), ..Limits::default() };
    let keepers: BTreeMap<Limit, Keeper> = oci.limits_in_force().into_iter().collect();
    let unkept = keepers.iter().filter(|(_, keeper)| **keeper == Keeper::Nothing).map(|(limit, _)| *limit);
    assert!(unkept.collect::<Vec<_>>().iter().all(|limit| matches!(limit, Limit::Disk | Limit::Names)), "{keepers:?}");
    let bomb = "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; echo $i";
    let outcome = run(&oci, bomb, &limits);
    assert!(!outcome.stdout.text().contains("100"), "a shell that cannot start another process gives up");
    let outcome = run(&oci, "x=xxxxxxxxxxxxxxxx; while true; do x=\"$x$x\"; done", &limits);
    assert!(!matches!(outcome.how, How::Exited(0) | How::TimedOut), "{:?}", outcome.how);
    assert_eq!(run(&oci, "while true; do :; done", &limits).how, How::Limit(Limit::Cpu));
}

#[test]
fn only_a_plain_file_comes_back() {
    let oci = need!("comes-back");
    let of = |script: &str| run(&oci, script, &Limits::default()).files.remove(0).1;
    assert_eq!(of("true"), Err("there is no such file".to_owned()));
    assert_eq!(of("mkdir /tmp/output"), Err("it is a folder".to_owned()));
    assert!(of("mkfifo /tmp/output").is_err());
    // Where a daemon follows a link it does so within the container: there is nothing of the host behind it.
    let linked = of("ln -s /etc/passwd /tmp/output");
    assert!(linked.clone().map_or(true, |bytes| bytes == b"root:x:0:0::/:/bin/sh\n"), "{linked:?}");
    assert!(of("ln -s ../../../../../../../../../../../proc/1/environ /tmp/output").is_err());
    assert_eq!(of(": > /tmp/output"), Ok(Vec::new()));
}

#[test]
fn a_secret_is_a_file_that_it_alone_can_read() {
    let oci = need!("secret");
    let secret = |path: &str| (path.to_owned(), Secret::new("hunter2".to_owned()));
    let with = |paths: &[&str], script: &str| Plugin { secret_files: paths.iter().map(|path| secret(path)).collect(), ..plugin(script) };
    // As it is, it would be masked.
    let script = "cat /home/cocov/.key /etc/lint.key | tr a-z A-Z; stat -c '%u %a' /home/cocov/.key /etc/lint.key; env | grep -v ^SCRIPT= | grep -c hunter2; true";
    let outcome = run_over(&oci, &with(&["~/.key", "/etc/lint.key"], script), &Limits::default(), Vec::new()).unwrap();
    assert_eq!(outcome.stdout.text(), "HUNTER2HUNTER21000 400\n1000 400\n0\n", "{}", outcome.stderr.text());
    assert!(!daemon::has_container_of("secret"));
}

#[test]
fn a_secret_that_an_image_prints_is_masked_wherever_it_comes_out() {
    let oci = need!("masked");
    let secret = || Secret::new("correct+horse+battery".to_owned());
    let script = "for part in correct+ horse+battery; do printf %s $part; sleep 0.1; done; echo; echo $TOKEN >&2; cat ~/key; \
                  printf %s $TOKEN | base64; printf '{\"is\":\"%s\"}' $TOKEN > /tmp/output; printf 'at the end %s' correct+horse";
    let mut plugin = Plugin { secret_files: vec![("~/key".to_owned(), secret())], ..plugin(script) };
    plugin.env.insert("TOKEN".to_owned(), Value::Secret(secret()));
    plugin.env.insert("HOME".to_owned(), Value::from("/home/cocov"));
    let mut heard = Hears::default();
    let outcome = oci.run(&one(&oci), &plugin, &Limits::default(), &mut std::iter::empty(), &|| false, &mut heard).unwrap();
    let written = String::from_utf8(outcome.files[0].1.clone().unwrap()).unwrap();
    let (stdout, stderr) = (outcome.stdout.text(), outcome.stderr.text());
    let all = format!("{stdout}{stderr}{written}{}", String::from_utf8_lossy(&heard.0));
    assert!(!all.contains("battery") && !all.contains("Y29ycmVjdCtob3JzZ"), "{all}");
    assert_eq!((stderr.as_str(), written.as_str()), ("***\n", "{\"is\":\"***\"}"));
    assert!(stdout.starts_with("***\n***"), "two writes make one secret: {stdout}");
    assert!(stdout.ends_with("at the end correct+horse") && String::from_utf8_lossy(&heard.0).contains("at the end correct+horse"));
    plugin.env.insert("PIN".to_owned(), Value::Secret(Secret::new("1234".to_owned())));
    let error = run_over(&oci, &plugin, &Limits::default(), Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::BadCommand { why } if why.contains("too short")), "{error}");
}

#[test]
fn a_registry_in_our_own_network_is_not_asked() {
    let oci = need!("inside");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    for host in [format!("127.0.0.1:{}", listener.local_addr().unwrap().port()), "169.254.169.254".to_owned()] {
        let error = oci.image(&format!("{host}/acme/lint:v1").parse().unwrap(), None, None, &|| false).unwrap_err();
        assert!(matches!(error, Error::Image { .. }) && error.to_string().contains("`outbound.allow_hosts`"), "{error}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[test]
fn an_image_that_is_not_there_is_said_to_be_unavailable() {
    let oci = need!("unavailable");
    for name in ["localhost/plumbline-test/nonesuch:v1", "registry.invalid/acme/lint:v1"] {
        let Err(error @ Error::Image { .. }) = oci.image(&name.parse().unwrap(), None, None, &|| false) else { panic!("{name}") };
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_name_means_the_image_that_it_meant_when_it_was_pinned() {
    let oci = need!("pinned");
    let name = "localhost/plumbline-test/moving:v1";
    daemon::tag("localhost/plumbline-test/one:v1", "localhost/plumbline-test/moving", "v1");
    let first = image(&oci, name);
    assert!(first.digest().starts_with("sha256:") && first.pinned.starts_with("localhost/plumbline-test/moving@"), "{first:?}");
    daemon::tag("localhost/plumbline-test/two:v1", "localhost/plumbline-test/moving", "v1");
    let kept = oci.image(&name.parse().unwrap(), Some(&first.pinned), None, &|| false).unwrap().unwrap();
    assert_eq!((kept.id.as_str(), kept.pinned.as_str()), (first.id.as_str(), first.pinned.as_str()));
    assert_ne!(image(&oci, name).id, first.id, "who has not pinned it gets what it means now");
    let run = oci.run(&kept, &plugin("echo $IMAGE"), &Limits::default(), &mut std::iter::empty(), &|| false, &mut ()).unwrap();
    assert_eq!(run.stdout.text(), "one\n");
    let gone = format!("localhost/plumbline-test/moving@sha256:{}", "0".repeat(64));
    let gone = oci.image(&name.parse().unwrap(), Some(&gone), None, &|| false);
    assert!(matches!(gone, Err(Error::Image { .. })), "another image is never taken for it: {gone:?}");
}

#[test]
fn what_an_earlier_process_left_behind_is_swept_away_by_the_next() {
    let oci = need!("left");
    let image = one(&oci);
    let body = format!(r#"{{"Image":"{}","Labels":{{"io.plumbline.instance":"left"}}}}"#, image.id);
    daemon::create(&body);
    assert!(daemon::has_container_of("left"));
    let connect = |instance| Oci::connect(&daemon::socket().unwrap(), instance, settings()).unwrap();
    connect("another").sweep().unwrap();
    assert!(daemon::has_container_of("left"), "it is not the other's");
    let next = connect("left");
    assert!(daemon::has_container_of("left"), "who only looks takes nothing away");
    next.sweep().unwrap();
    assert!(!daemon::has_container_of("left"));
}

/// Sweeps while a container of its own runs.
struct Sweeps<'a>(&'a Oci);

impl Output for Sweeps<'_> {
    fn stdout(&mut self, _: &[u8]) {
        self.0.sweep().unwrap();
    }

    fn stderr(&mut self, _: &[u8]) {}
}

#[test]
fn what_this_very_process_runs_is_not_taken_for_left_behind() {
    let oci = need!("alive");
    let plugin = plugin("echo here; sleep 0.3; exit 7");
    let outcome = oci.run(&one(&oci), &plugin, &Limits::default(), &mut std::iter::empty(), &|| false, &mut Sweeps(&oci)).unwrap();
    assert_eq!(outcome.how, How::Exited(7));
}

#[test]
fn where_nothing_listens_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let Err(error @ Error::Daemon { .. }) = Oci::connect(&dir.path().join("socket"), "nobody", settings()) else { panic!() };
    assert!(error.to_string().contains("socket"), "{error}");
}

/// A registry that the daemon speaks to.
macro_rules! need_registry {
    () => {
        match registry() {
            Some(registry) => registry,
            None => return skipped("oci", "there is no address for a registry: OCI_REGISTRY is not set; see .ci/oci"),
        }
    };
}

#[test]
fn an_image_is_fetched_once_and_ever_after_by_the_digest_it_had() {
    let (oci, registry) = (need!("fetched"), need_registry!());
    let first = registry.push("acme/lint", "v1", "first");
    let reference: Reference = format!("{}/acme/lint:v1", registry.address).parse().unwrap();
    let get = |pinned: Option<&str>| oci.image(&reference, pinned, None, &|| false).map(Option::unwrap);
    let fetched = get(None).unwrap();
    assert_eq!((fetched.digest(), fetched.was_pulled), (first.as_str(), true));
    let again = get(Some(&fetched.pinned)).unwrap();
    assert_eq!((again.digest(), again.was_pulled), (first.as_str(), false));

    let second = registry.push("acme/lint", "v1", "second");
    assert_ne!(first, second);
    daemon::delete(&fetched.id);
    let back = get(Some(&fetched.pinned)).unwrap();
    assert_eq!((back.id.as_str(), back.was_pulled), (fetched.id.as_str(), true), "the tag means another, and that is not asked for");

    registry.forget("acme/lint");
    daemon::delete(&fetched.id);
    let gone = get(Some(&fetched.pinned)).unwrap_err();
    assert!(matches!(&gone, Error::Image { reference, .. } if *reference == fetched.pinned), "{gone}");
    assert!(oci.image(&reference, None, None, &|| true).unwrap().is_none(), "nobody wants it any more");
}

#[test]
fn an_image_that_cannot_be_started_is_named_with_the_reason() {
    let (oci, registry) = (need!("unstarted"), need_registry!());
    registry.push("acme/empty", "v1", "empty");
    let empty = image(&oci, &format!("{}/acme/empty:v1", registry.address));
    let error = oci.run(&empty, &plugin("true"), &Limits::default(), &mut std::iter::empty(), &|| false, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Program { .. }) && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("acme/empty@sha256:") && error.to_string().contains("/no/such/program"), "{error}");
    assert!(!daemon::has_container_of("unstarted"));
}

#[test]
fn an_image_that_is_not_for_everybody_is_fetched_with_credentials_alone() {
    let (oci, registry) = (need!("private"), need_registry!());
    registry.push("private/lint", "v1", "private");
    let reference: Reference = format!("{}/private/lint:v1", registry.address).parse().unwrap();
    let as_whom = |password: &str| Credentials { username: USER.0.to_owned(), password: Secret::new(password.to_owned()) };
    let refused = [None, Some(as_whom("guessed"))];
    for credentials in &refused {
        let error = oci.image(&reference, None, credentials.as_ref(), &|| false).unwrap_err();
        assert!(matches!(error, Error::Image { .. }) && !error.to_string().contains("guessed"), "{error}");
    }
    let fetched = oci.image(&reference, None, Some(&as_whom(USER.1)), &|| false).unwrap().unwrap();
    assert!(fetched.was_pulled);
    // It is here now, and for nobody else all the same: neither by its name, nor by its digest, nor by the name that we gave it.
    let digest = fetched.digest();
    let names = [reference.to_string(), format!("{}/private/lint@{digest}", registry.address), format!("localhost/private/lint@{digest}")];
    for name in names.iter().chain([&format!("localhost/plumbline-test/one@{digest}")]) {
        let taken = oci.image(&name.parse().unwrap(), None, None, &|| false);
        assert!(matches!(taken, Err(Error::Image { .. })), "{name}: {taken:?}");
    }
    assert!(format!("localhost/plumbline/pinned/private:{}", digest.replace(':', "-")).parse::<Reference>().is_err());
    daemon::delete(&fetched.id);
}

#[test]
fn of_many_images_those_that_were_run_last_are_kept_and_the_others_fetched_again() {
    let (_, registry) = (need!("many"), need_registry!());
    let oci = Oci::connect(&daemon::socket().unwrap(), "many", Settings { kept_images: 2, ..settings() }).unwrap();
    let fetch = |name: &str, pinned: Option<&str>| {
        oci.image(&format!("{}/many/{name}:v1", registry.address).parse().unwrap(), pinned, None, &|| false).unwrap().unwrap()
    };
    let [one, two] = ["one", "two"].map(|name| {
        registry.push(&format!("many/{name}"), "v1", name);
        fetch(name, None)
    });
    assert!(!fetch("one", Some(&one.pinned)).was_pulled);
    registry.push("many/three", "v1", "three");
    let three = fetch("three", None);
    let is_here = |image: &Image| daemon::ask("GET", &format!("/images/{}/json", image.id)).starts_with("HTTP/1.0 200");
    assert_eq!([&one, &two, &three].map(is_here), [true, false, true]);
    let again = fetch("two", Some(&two.pinned));
    assert_eq!((again.was_pulled, &again.id), (true, &two.id));
    assert_eq!([&one, &two, &three].map(is_here), [false, true, true]);
    [&two, &three].iter().for_each(|image| daemon::delete(&image.id));
}

#[test]
fn an_image_that_is_too_large_is_refused_and_nothing_of_it_stays() {
    let (_, registry) = (need!("large"), need_registry!());
    let oci = Oci::connect(&daemon::socket().unwrap(), "large", Settings { image_bytes: 100 << 10, ..settings() }).unwrap();
    registry.push_of("large/lint", "v1", "large", vec![0; 1 << 20]);
    let name = format!("{}/large/lint:v1", registry.address);
    let error = oci.image(&name.parse().unwrap(), None, None, &|| false).unwrap_err();
    assert!(matches!(error, Error::Image { .. }) && error.to_string().contains("larger than 100"), "{error}");
    assert!(daemon::ask("GET", &format!("/images/{name}/json")).starts_with("HTTP/1.0 404"));
}
