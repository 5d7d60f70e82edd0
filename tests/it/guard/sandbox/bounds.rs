//! Attacks that take more than their share: each ends at its bound, soon, and nothing of it is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plumbline::engine::sandbox::{Command, How, Kind, Limit, Limits, Outcome, Output, Sandbox};

use super::{file, native, need, perl, run, run_over, sh, trusted, trusted_uncounted, uncounted};

/// How much later than its bound a run may be over: what is promised.
const SOON: Duration = Duration::from_secs(2);

/// Small bounds, far from each other.
fn small() -> Limits {
    Limits {
        wall: Duration::from_secs(8),
        cpu: Duration::from_secs(20),
        memory: 256 << 20,
        processes: 64,
        file_size: 64 << 20,
        tmpfs_bytes: 64 << 20,
        names: 10_000,
        stdout_bytes: 1 << 20,
        stderr_bytes: 1 << 20,
        output_bytes: 16 << 20,
        output_file_bytes: 1 << 20,
    }
}

/// A word that stands in the arguments of a run's processes, and nowhere else.
fn marked(name: &str, script: &str) -> (String, Command) {
    let mark = format!("plumbline-mark-{name}-{}", std::process::id());
    let mut command = perl(script);
    command.argv.push(mark.clone());
    (mark, command)
}

/// The processes of the host that have this among their arguments.
fn left(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(mark)).collect()
}

/// Runs an attack, which has to end like this, at most so late, and leave nothing.
fn ends(sandbox: &Sandbox, name: &str, limits: &Limits, how: How, within: Duration, script: &str) -> Outcome {
    let (mark, command) = marked(name, script);
    let began = Instant::now();
    let outcome = run(sandbox, &command, limits).unwrap();
    let took = began.elapsed();
    assert_eq!(outcome.how, how, "{name}: {} {}", outcome.stdout.text(), outcome.stderr.text());
    assert!(took < within + SOON, "{name} took {took:?}");
    assert_eq!(left(&mark), Vec::<String>::new(), "{name} left something");
    outcome
}

const FORKS: &str = "while (1) { fork }";
const HOGS: &str = r#"my @all; while (1) { push @all, "x" x (8 << 20) }"#;
/// The like of it, which would come to an end.
const HUNDRED: &str = r#"my @all; for (1..100) { push @all, "x" x (8 << 20) }"#;
const BURNS: &str = "for (1..3) { fork } while (1) {}";

#[test]
fn a_fork_bomb_ends_at_the_number_of_processes() {
    let sandbox = need!(native());
    ends(sandbox, "forks", &small(), How::Limit(Limit::Processes), small().wall, FORKS);
    ends(need!(uncounted()), "forks-uncounted", &small(), How::Limit(Limit::Processes), small().wall, FORKS);
}

#[test]
fn a_bomb_of_threads_ends_like_one_of_processes() {
    let sandbox = need!(native());
    // The memory, files, signal handlers and group of processes shared: a thread.
    let script = format!("while (1) {{ syscall({}, 0x10f00, 0, 0, 0, 0) == 0 and do {{ sleep 100 }} }}", libc::SYS_clone);
    let limits = Limits { wall: Duration::from_secs(3), ..small() };
    let (mark, command) = marked("threads", &script);
    let outcome = run(sandbox, &command, &limits).unwrap();
    // Threads of a program that knows nothing of them crash it, if the bound does not come first.
    assert!(matches!(outcome.how, How::Limit(Limit::Processes) | How::Signaled(_) | How::TimedOut), "{:?}", outcome.how);
    assert_eq!(left(&mark), Vec::<String>::new());
}

#[test]
fn who_takes_too_much_memory_ends() {
    let sandbox = need!(native());
    if sandbox.cgroups().counts().memory {
        // There is room for many times as much in files, which the kernel counts as memory too.
        let limits = Limits { memory: 128 << 20, tmpfs_bytes: 1 << 30, file_size: 1 << 30, ..small() };
        let shares = format!(
            r#"my $n = "x\0"; my $d = syscall({}, $n, 0); open(my $f, ">&=", $d) or die; syswrite($f, "x" x (8 << 20)) for 1..100"#,
            libc::SYS_memfd_create
        );
        for (name, script) in [("hogs", HUNDRED), ("hogs-shared", &shares)] {
            let outcome = ends(sandbox, name, &limits, How::Limit(Limit::Memory), limits.wall, script);
            let most = limits.memory * 4;
            assert!(outcome.peak_memory.is_some_and(|peak| peak > limits.memory && peak <= most), "{name}: {:?}", outcome.peak_memory);
        }
    } else {
        println!("skipped: no cgroup bounds memory here");
    }
}

#[test]
fn files_that_are_larger_together_than_memory_may_be_are_no_memory() {
    let sandbox = need!(native());
    let limits = Limits { memory: 128 << 20, tmpfs_bytes: 1 << 30, file_size: 1 << 30, ..small() };
    let script = r#"for my $n (1..3) { open(my $f, ">", "x$n"); syswrite($f, "x" x (4 << 20)) for 1..60; unlink "x1" if $n == 2 } select(undef, undef, undef, 0.2)"#;
    ends(sandbox, "files", &limits, How::Exited(0), limits.wall, script);
}

#[test]
fn who_takes_too_much_memory_in_many_processes_ends_without_a_cgroup_too() {
    let sandbox = need!(uncounted());
    // Each takes less than it may.
    let script = r#"for (1..8) { fork or do { my $x = "x" x (64 << 20); sleep 100 } } sleep 100"#;
    ends(sandbox, "hogs-many", &small(), How::Limit(Limit::Memory), small().wall, script);
    let (_, command) = marked("hogs-one", HOGS);
    let outcome = run(sandbox, &command, &small()).unwrap();
    assert!(!matches!(outcome.how, How::Exited(0) | How::TimedOut), "{:?}", outcome.how);
}

#[test]
fn memory_that_is_shared_by_name_is_had_only_where_it_is_counted() {
    let counted = need!(native());
    let script = format!(r#"my $name = "x\0"; my $is = syscall({}, $name, 0); print $is < 0 ? "none" : "some""#, libc::SYS_memfd_create);
    let outcome = run(need!(uncounted()), &perl(&script), &small()).unwrap();
    assert_eq!(outcome.stdout.text(), "none");
    if counted.cgroups().counts().memory {
        assert_eq!(run(counted, &perl(&script), &small()).unwrap().stdout.text(), "some");
    }
}

#[test]
fn who_fills_the_disk_ends() {
    let sandbox = need!(native());
    for (name, place) in [("disk-work", "/work/x"), ("disk-tmp", "/tmp/x"), ("disk-home", "/home/x/x")] {
        let script = format!(r#"for my $n (1..100) {{ open(my $f, ">", "{place}$n"); print $f "x" x (8 << 20); close $f }} sleep 100"#);
        ends(sandbox, name, &small(), How::Limit(Limit::Disk), small().wall, &script);
    }
    // Who is done at once is not overlooked, and no more are files without bytes.
    let script = r#"open(my $f, ">", "x"); syswrite($f, "x" x (1 << 20)) while -s "x" < 60 << 20; open($f, ">", "y"); syswrite($f, "x" x (8 << 20))"#;
    ends(sandbox, "disk-at-the-end", &small(), How::Limit(Limit::Disk), small().wall, script);
}

#[test]
fn who_makes_files_without_a_byte_and_without_end_ends() {
    let sandbox = need!(native());
    for (name, place) in [("names-work", "/work"), ("names-tmp", "/tmp"), ("names-shared", "/dev/shm")] {
        let script = format!(r#"for (my $n = 0; ; $n++) {{ open(my $f, ">", "{place}/$n") }}"#);
        ends(sandbox, name, &small(), How::Limit(Limit::Names), small().wall, &script);
    }
    for (name, makes) in [("names-folders", r#"mkdir "$n""#), ("names-links", r#"symlink("x", "$n")"#)] {
        ends(sandbox, name, &small(), How::Limit(Limit::Names), small().wall, &format!("for (my $n = 0; ; $n++) {{ {makes} }}"));
    }
    // Who is done at once is not overlooked.
    let script = r#"for my $n (0..11000) { open(my $f, ">", $n) }"#;
    ends(sandbox, "names-at-the-end", &small(), How::Limit(Limit::Names), small().wall, script);
    let outcome = run(sandbox, &perl(r#"for my $n (0..9000) { open(my $f, ">", $n) or die }"#), &small()).unwrap();
    assert_eq!(outcome.how, How::Exited(0), "as many as are allowed are let be");
}

#[test]
fn what_is_shared_in_memory_has_a_bound_of_its_own() {
    let sandbox = need!(native());
    let script = r#"for my $n (1..100) { open(my $f, ">", "/dev/shm/$n") or die; print $f "x" x (1 << 20) or last; close $f or last } print -s "/dev/shm/1"; sleep 0"#;
    let outcome = run(sandbox, &perl(script), &small()).unwrap();
    assert_eq!(outcome.how, How::Exited(0));
    let script = r#"my $n = 0; for my $f (glob "/dev/shm/*") { $n += -s $f } print $n"#;
    assert_eq!(run(sandbox, &perl(script), &small()).unwrap().stdout.text(), "0", "nothing is left from one run to the next");
}

#[test]
fn a_file_has_a_largest_size() {
    let sandbox = need!(native());
    let script = r#"open(my $f, ">", "large"); while (1) { syswrite($f, "x" x (1 << 20)) }"#;
    let limits = Limits { file_size: 4 << 20, ..small() };
    ends(sandbox, "large", &limits, How::Limit(Limit::FileSize), small().wall, script);
    for sandbox in [sandbox, trusted()] {
        let outcome = run(sandbox, &sh("head -c 4194304 /dev/zero >x && cp x y"), &limits).unwrap();
        assert_eq!(outcome.how, How::Exited(0), "as large as is allowed is let be");
    }
}

#[test]
fn whoever_lets_a_file_grow_too_large_ends_at_that_bound_whatever_its_program_makes_of_it() {
    let sandbox = need!(native());
    let limits = Limits { file_size: 4 << 20, ..small() };
    let fills = |place: &str| format!("head -c 5000000 /dev/zero >{place}");
    let ignores = r#"perl -e '$SIG{XFSZ} = "IGNORE"; open(my $f, ">", "x"); print $f "x" x 100 for 1..50000; close $f or die'"#;
    let all = [
        fills("x"),
        fills("x; exit 3"),
        fills("x || true"),
        fills("/tmp/x || true"),
        fills("~/.x || true"),
        fills("/dev/shm/x || true"),
        format!("mkdir -p a/b/c; ln -s /tmp a/t; {}", fills("a/b/c/x || true")),
        ignores.to_owned(),
    ];
    for script in &all {
        let outcome = run(sandbox, &sh(script), &limits).unwrap();
        assert_eq!(outcome.how, How::Limit(Limit::FileSize), "{script}");
    }
    let outcome = run(trusted(), &sh(&fills("x || true")), &limits).unwrap();
    assert_eq!(outcome.how, How::Limit(Limit::FileSize));
}

#[test]
fn a_tree_that_does_not_fit_ends_the_run_before_it_begins() {
    let sandbox = need!(native());
    let files = (0..100).map(|n| file(&format!("f{n}"), &"x".repeat(1 << 20))).collect();
    let outcome = run_over(sandbox, &sh("echo began"), &small(), files).unwrap();
    assert_eq!((outcome.how, outcome.stdout.total()), (How::Limit(Limit::Disk), 0));
}

#[test]
fn ten_gigabytes_of_output_end_soon_and_only_some_of_it_is_kept() {
    let sandbox = need!(native());
    for stream in ["STDOUT", "STDERR"] {
        let script = format!(r#"my $x = ("y" x 1023 . "\n") x 64; print {stream} "begin\n"; print {stream} $x for 1..163840"#);
        let limits = small();
        let outcome = ends(sandbox, stream, &limits, How::Limit(Limit::Output), limits.wall, &script);
        let kept = if stream == "STDOUT" { &outcome.stdout } else { &outcome.stderr };
        assert!(kept.is_cut() && kept.total() > limits.output_bytes, "{}", kept.total());
        let text = kept.text();
        assert!(text.starts_with("begin\n") && text.contains("bytes left out") && text.len() < (1 << 20) + 100);
    }
}

#[test]
fn more_output_than_is_kept_is_cut_and_the_run_goes_on() {
    let sandbox = need!(native());
    let script = r#"print "a" x (2 << 20), "end"; exit 3"#;
    let outcome = run(sandbox, &perl(script), &small()).unwrap();
    assert_eq!((outcome.how, outcome.stdout.whole()), (How::Exited(3), None));
    assert!(outcome.stdout.text().ends_with("aend"));
}

#[test]
fn processor_time_is_counted_over_all_processes() {
    let limits = Limits { cpu: Duration::from_secs(2), wall: Duration::from_secs(30), ..small() };
    let sandbox = need!(native());
    for sandbox in [sandbox, need!(uncounted())] {
        let outcome = ends(sandbox, "burns", &limits, How::Limit(Limit::Cpu), Duration::from_secs(20), BURNS);
        assert!(outcome.wall_ms < 20_000);
    }
}

#[test]
fn who_does_nothing_ends_when_its_time_is_over() {
    let sandbox = need!(native());
    let limits = Limits { wall: Duration::from_millis(400), ..small() };
    for (name, script) in [
        ("sleeps", "sleep 100"),
        ("ignores", r#"$SIG{$_} = "IGNORE" for qw(TERM INT HUP XCPU ALRM); sleep 100 while 1"#),
        // It stops itself, and with it its clock; ours goes on.
        ("stops", "kill 19, $$; sleep 100"),
        ("stops-all", "fork; kill 19, -1; kill 19, $$; sleep 100 while 1"),
        ("waits-for-a-pipe", r#"use POSIX; POSIX::mkfifo("p", 0600); open(my $f, "<", "p")"#),
        ("new-session", "use POSIX; fork and exit; POSIX::setsid(); sleep 100"),
    ] {
        let how = if name == "new-session" { How::Exited(0) } else { How::TimedOut };
        ends(sandbox, name, &limits, how, limits.wall, script);
    }
}

#[test]
fn a_daemon_does_not_outlive_the_program_that_made_it() {
    let sandbox = need!(native());
    let script = r#"use POSIX; if (!fork) { POSIX::setsid(); exit if fork; POSIX::close($_) for 0..2; $SIG{HUP} = "IGNORE"; sleep 100; exit } sleep 0.1; print "done""#;
    for (name, sandbox) in [("daemon", sandbox), ("daemon-uncounted", need!(uncounted())), ("daemon-trusted", trusted())] {
        let outcome = ends(sandbox, name, &small(), How::Exited(0), small().wall, script);
        assert_eq!(outcome.stdout.text(), "done");
    }
}

#[test]
fn a_child_that_holds_the_output_open_does_not_hold_up_the_end() {
    let sandbox = need!(native());
    ends(sandbox, "holds", &small(), How::Exited(7), Duration::from_secs(1), "if (!fork) { sleep 100 } exit 7");
}

/// Cancels when the program has said something.
struct Cancels(AtomicBool);

impl Output for &Cancels {
    fn stdout(&mut self, _: &[u8]) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn stderr(&mut self, _: &[u8]) {}
}

#[test]
fn a_run_that_nobody_wants_any_more_ends_at_once() {
    let sandbox = need!(native());
    for (name, sandbox) in [("canceled", sandbox), ("canceled-uncounted", need!(uncounted())), ("canceled-trusted", trusted())] {
        let (mark, command) = marked(name, r#"$| = 1; fork; fork; print "here"; sleep 100"#);
        let canceled = Cancels(AtomicBool::new(false));
        let began = Instant::now();
        let asks = || canceled.0.load(Ordering::Relaxed);
        let outcome = sandbox.run(&command, &small(), &mut std::iter::empty(), &asks, &mut &canceled).unwrap();
        assert_eq!(outcome.how, How::Canceled);
        assert!(began.elapsed() < SOON + SOON, "{:?}", began.elapsed());
        assert_eq!(left(&mark), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn processes_that_start_others_all_the_time_are_all_found_where_nothing_holds_them_together() {
    let script = "$| = 1; for (1 .. 200) { next if fork; setpgrp; while (1) { fork or (select(undef, undef, undef, 0.05), exit); select undef, undef, undef, 0.02 } } print 'here'; sleep 100";
    let (mark, command) = marked("breeds", script);
    let canceled = Cancels(AtomicBool::new(false));
    let asks = || canceled.0.load(Ordering::Relaxed);
    let limits = Limits { processes: 10_000, wall: Duration::from_secs(60), ..small() };
    let outcome = trusted_uncounted().run(&command, &limits, &mut std::iter::empty(), &asks, &mut &canceled).unwrap();
    assert_eq!(outcome.how, How::Canceled);
    assert_eq!(left(&mark), Vec::<String>::new());
}

#[test]
fn a_run_can_be_canceled_while_its_tree_is_being_written() {
    let sandbox = need!(native());
    let canceled = AtomicBool::new(false);
    let mut sent = 0;
    let mut files = std::iter::from_fn(|| {
        sent += 1;
        canceled.store(sent > 5, Ordering::Relaxed);
        Some(Ok(file(&format!("f{sent}"), &"x".repeat(100))))
    });
    let asks = || canceled.load(Ordering::Relaxed);
    let limits = Limits { tmpfs_bytes: 1 << 30, ..small() };
    let outcome = sandbox.run(&sh("echo began"), &limits, &mut files, &asks, &mut ()).unwrap();
    assert_eq!((outcome.how, outcome.stdout.total()), (How::Canceled, 0));
}

/// What names the mark of a run for a second process of these tests.
const WAITS: &str = "PLUMBLINE_TEST_WAITS";

#[test]
fn a_run_ends_with_whoever_started_it() {
    let sandbox = need!(native());
    if let Ok(mark) = std::env::var(WAITS) {
        // We are the second process, and are about to be killed.
        let mut command = perl("fork; sleep 100");
        command.argv.push(mark);
        run(sandbox, &command, &Limits::default()).unwrap();
        return;
    }
    let mark = format!("plumbline-mark-orphan-{}", std::process::id());
    #[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
    let mut second = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "guard::sandbox::bounds::a_run_ends_with_whoever_started_it"])
        .env(WAITS, &mark)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let waits = |is_over: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_secs(20);
        while !is_over() && Instant::now() < until {
            std::thread::yield_now();
        }
    };
    waits(&|| left(&mark).len() >= 2);
    assert!(left(&mark).len() >= 2, "the run came up");
    second.kill().unwrap();
    second.wait().unwrap();
    let began = Instant::now();
    waits(&|| left(&mark).is_empty());
    assert!(began.elapsed() < SOON, "{:?}", left(&mark));
}

#[test]
fn no_core_is_written() {
    let sandbox = need!(native());
    let outcome = run(sandbox, &sh("ulimit -c; perl -e 'kill 11, $$'; ls -A; ls -A /tmp"), &small()).unwrap();
    let text = outcome.stdout.text();
    assert!(!text.contains("core"), "{text}");
    assert_eq!(run(sandbox, &perl("kill 11, $$; sleep 1"), &small()).unwrap().how, How::Signaled(11));
}

#[test]
fn nothing_but_plain_files_of_the_run_comes_back() {
    let sandbox = need!(native());
    let script = r#"
        echo fine >report; mkdir dir; ln -s /etc/passwd link; ln -s dir through; echo x >dir/x; mkfifo pipe; ln report twice
        head -c 2000000 /dev/zero >large; ln -s /proc/self/environ env; mknod dev c 1 3 2>/dev/null; echo ok >good"#;
    let outputs = ["good", "report", "link", "through/x", "pipe", "dir", "large", "env", "dev", "gone"].map(String::from).to_vec();
    let outcome = run(sandbox, &Command { outputs, ..sh(script) }, &small()).unwrap();
    assert_eq!(outcome.how, How::Exited(0), "{}", outcome.stderr.text());
    let (good, others) = outcome.files.split_first().unwrap();
    assert_eq!(good.1.as_deref(), Ok(&b"ok\n"[..]));
    for (path, result) in others {
        assert!(result.is_err(), "{path}: {result:?}");
    }
}

#[test]
fn an_output_that_is_swapped_while_it_is_read_is_still_a_file_of_the_run() {
    let sandbox = need!(native());
    // What swaps is killed before anything is read: the file is one of the two, whole.
    let script = r#"open(my $f, ">", "a"); print $f "plain"; close $f; symlink("/etc/passwd", "b");
        if (!fork) { while (1) { rename("a", "c"); rename("b", "a"); rename("a", "b"); rename("c", "a") } } sleep 1"#;
    let outcome = run(sandbox, &Command { outputs: vec!["a".into()], ..perl(script) }, &small()).unwrap();
    assert!(outcome.files[0].1.is_err() || outcome.files[0].1.as_deref() == Ok(&b"plain"[..]), "{:?}", outcome.files);
}

#[test]
fn a_tree_that_leads_elsewhere_stays_where_it_is() {
    let sandbox = need!(native());
    let link = |path: &str, target: &str| plumbline::engine::sandbox::File { kind: Kind::Symlink, ..file(path, target) };
    let files = vec![
        file("../outside", "x"),
        file("/etc/passwd", "x"),
        link("etc", "/etc"),
        file("etc/passwd", "root::0:0::/:/bin/sh\n"),
        link("up", ".."),
        file("up/tmp/x", "x"),
        file(".git/../../x", "x"),
        file("fine", "fine\n"),
    ];
    let outcome = run_over(sandbox, &sh("cat fine; cat /etc/passwd; ls -A /tmp"), &small(), files).unwrap();
    assert_eq!(outcome.stdout.text(), "fine\nx:x:1000:1000::/home/x:/bin/sh\n");
    let refused: Vec<String> = outcome.refused.iter().map(|(path, _)| path.shown()).collect();
    assert_eq!(refused, ["../outside", "/etc/passwd", "etc/passwd", "up/tmp/x", ".git/../../x"]);
}
