//! What a tool needs works: languages, files, secrets, outputs; and what the machine can give is known.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use plumbline::base::secret::Secret;
use plumbline::engine::sandbox::probe::{Grade, self_test};
use plumbline::engine::sandbox::{Command, Error, How, Keeper, Kind, Limit, Limits, Output, Sandbox, Settings, Tier, Value};

use super::{Hears, LAUNCHER, file, native, need, output, perl, run, run_over, sh, trusted, uncounted};

#[test]
fn a_tool_sees_its_tree_its_environment_and_no_more() {
    let sandbox = need!(native());
    let files = vec![
        file("src/main.txt", "content\n"),
        plumbline::engine::sandbox::File { kind: Kind::Executable, ..file("bin/tool", "#!/bin/sh\necho ran $1 in $PWD\n") },
        plumbline::engine::sandbox::File { kind: Kind::Symlink, ..file("link", "src/main.txt") },
    ];
    let mut command = sh("../bin/tool arg; cat ../link; env | sort; id -u; hostname; cat; touch made && ls");
    command.directory = "src".into();
    command.env.insert("GREETING".into(), "hello".into());
    let outcome = run_over(sandbox, &command, &Limits::default(), files).unwrap();
    let expected = "ran arg in /work/src\ncontent\nGREETING=hello\nHOME=/home/x\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\n\
                    PWD=/work/src\nTMPDIR=/tmp\nTZ=UTC\nUSER=x\n1000\nsandbox\nmade\nmain.txt\n";
    assert_eq!(outcome.stdout.text(), expected, "{}", outcome.stderr.text());
    assert_eq!((outcome.how, outcome.tier, outcome.refused.len()), (How::Exited(0), Tier::Native, 0));
}

#[test]
fn how_a_program_ends_is_told() {
    let sandbox = need!(native());
    for (script, how) in [("exit 0", How::Exited(0)), ("exit 42", How::Exited(42)), ("kill -TERM $$", How::Signaled(15))] {
        assert_eq!(run(sandbox, &sh(script), &Limits::default()).unwrap().how, how, "{script}");
        assert_eq!(run(trusted(), &sh(script), &Limits::default()).unwrap().how, how, "{script}");
    }
    let missing = Command { argv: vec!["no-such-program".into()], ..Command::default() };
    for sandbox in [sandbox, trusted()] {
        let error = run(sandbox, &missing, &Limits::default()).unwrap_err();
        assert!(matches!(&error, Error::Program { program, .. } if program == "no-such-program"), "{error}");
    }
}

#[test]
fn a_run_that_leaves_a_hundred_thousand_files_is_what_it_was_however_long_they_take_to_go() {
    let sandbox = need!(native());
    let script = "mkdir -p d && cd d && seq 1 100000 | xargs touch && echo made";
    let outcome = run(sandbox, &sh(script), &Limits::default()).unwrap();
    assert_eq!((outcome.how, outcome.stdout.text().as_str()), (How::Exited(0), "made\n"), "{}", outcome.stderr.text());
}

#[test]
fn both_streams_and_the_devices_that_stand_for_them_are_heard() {
    let sandbox = need!(native());
    let outcome = run(sandbox, &sh("echo out >/dev/stdout; echo err >/dev/stderr; echo more >&2"), &Limits::default()).unwrap();
    assert_eq!((outcome.stdout.whole(), outcome.stderr.text().as_str()), (Some(&b"out\n"[..]), "err\nmore\n"));
}

#[test]
fn files_that_a_tool_wrote_come_back() {
    let sandbox = need!(native());
    let large = vec![b'x'; 300_000];
    for sandbox in [sandbox, trusted()] {
        let script = "mkdir -p out; echo one >out/a.json; head -c 300000 /dev/zero | tr '\\0' x >large";
        let command = Command { outputs: vec!["out/a.json".into(), "large".into(), "missing".into()], ..sh(script) };
        let outcome = run(sandbox, &command, &Limits::default()).unwrap();
        let files: BTreeMap<_, _> = outcome.files.into_iter().collect();
        assert_eq!(files["out/a.json"].as_deref(), Ok(&b"one\n"[..]));
        assert_eq!(files["large"].as_ref(), Ok(&large));
        assert_eq!(files["missing"].as_deref(), Err(&"it was not written".to_owned()));
    }
}

/// Looks at all processes of the host when the tool says that it is there.
struct Looks<'a>(&'a str, Mutex<Option<Vec<String>>>);

impl Output for &Looks<'_> {
    fn stdout(&mut self, _: &[u8]) {
        let mut seen = self.1.lock().unwrap();
        if seen.is_some() {
            return;
        }
        let seen = seen.insert(Vec::new());
        for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let own = entry.file_name().to_string_lossy().parse::<u32>();
            let read = |name: &str| String::from_utf8_lossy(&std::fs::read(entry.path().join(name)).unwrap_or_default()).replace('\0', " ");
            let line = read("cmdline");
            let is_tool = line.starts_with("/bin/sh") || line.starts_with("sleep");
            if own.is_ok_and(|pid| pid != std::process::id()) && (line.contains(self.0) || !is_tool && read("environ").contains(self.0)) {
                seen.push(line);
            }
        }
    }

    fn stderr(&mut self, _: &[u8]) {}
}

#[test]
fn a_secret_reaches_the_tool_and_no_argument_list_and_no_other_environment() {
    let sandbox = need!(native());
    let canary = format!("canary-{}-of-a-secret", std::process::id());
    let secret = || Secret::new(canary.clone());
    let mut command =
        sh(r#"echo here; sleep 0.3; echo "$TOKEN" | tr a-z A-Z; tr a-z A-Z <~/.config/token; ls -l ~/.config/token | cut -c1-10"#);
    command.env.insert("TOKEN".into(), Value::Secret(secret()));
    command.secret_files.push((".config/token".into(), secret()));
    let looks = Looks(&canary, Mutex::default());
    let outcome = sandbox.run(&command, &Limits::default(), &mut std::iter::empty(), &|| false, &mut &looks).unwrap();
    // As it is, it would be masked.
    let seen = canary.to_uppercase();
    assert_eq!(outcome.stdout.text(), format!("here\n{seen}\n{seen}-r--------\n"), "{}", outcome.stderr.text());
    assert_eq!(*looks.1.lock().unwrap(), Some(Vec::new()));
}

#[test]
fn a_secret_that_a_tool_prints_is_masked_wherever_it_comes_out() {
    let sandbox = need!(native());
    let secret = ["correct", "horse", "battery/staple"].join("+");
    for sandbox in [sandbox, trusted()] {
        let script = r#"set -x; true -u x:"$TOKEN"; { set +x; } 2>/dev/null
            for part in "${TOKEN%%horse*}" "${TOKEN#correct+}"; do printf %s "$part"; sleep 0.05; done; echo
            printf %s "$TOKEN" | base64; printf 'ab%scd' "$TOKEN" | base64 >&2; printf %s "$TOKEN" | od -An -v -tx1 | tr -d ' 
'
            { printf '{"token":"'; cat ~/token; echo '"}'; } >found.json"#;
        let mut command = Command { outputs: vec!["found.json".into()], ..sh(script) };
        command.env.insert("TOKEN".into(), Value::Secret(Secret::new(secret.clone())));
        command.secret_files.push((
            "token".into(),
            Secret::new(
                "a key of
several lines
"
                .into(),
            ),
        ));
        let mut heard = Hears::default();
        let outcome = sandbox.run(&command, &Limits::default(), &mut std::iter::empty(), &|| false, &mut heard).unwrap();
        let stdout = outcome.stdout.text();
        let written = outcome.files[0].1.clone().unwrap();
        let all = format!("{stdout}{}{}{}", outcome.stderr.text(), String::from_utf8_lossy(&heard.0), String::from_utf8_lossy(&written));
        for seen in [secret.as_str(), "horse", "Y29ycmVjdCtob3JzZS", "29ycmVjdCtob3JzZS", "636f7272656374", "several"] {
            assert!(!all.contains(seen), "{seen}: {all}");
        }
        assert_eq!(stdout.lines().next(), Some("***"), "two writes make one secret: {stdout}");
        assert_eq!(String::from_utf8_lossy(&written), "{\"token\":\"***\"}\n");
        assert!(outcome.stderr.text().contains("true -u x:***\n"), "what is around it stays: {}", outcome.stderr.text());
    }
    let short = Command { env: BTreeMap::from([("PIN".into(), Value::Secret(Secret::new("1234".into())))]), ..sh("true") };
    let error = run(sandbox, &short, &Limits::default()).unwrap_err();
    assert!(matches!(&error, Error::BadCommand { why } if why.contains("too short")), "{error}");
}

#[test]
fn a_tool_outside_the_system_is_seen_to_be_read_alone() {
    let sandbox = need!(native());
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let tool = dir.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho a tool\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = sh(r#""$0/tool"; touch "$0/x" 2>/dev/null || echo closed; rm "$0/tool" 2>/dev/null || echo kept"#);
    command.argv.push(dir.path().to_str().unwrap().into());
    let without = run(sandbox, &command, &Limits::default()).unwrap();
    assert!(!without.stdout.text().contains("a tool"));
    command.roots.push(dir.path().to_owned());
    assert_eq!(output(sandbox, &command), "a tool\nclosed\nkept\n");
    command.roots = vec![Path::new("/etc").to_owned()];
    assert!(matches!(run(sandbox, &command, &Limits::default()), Err(Error::BadRoot { .. })));
}

#[test]
fn descriptors_that_are_open_here_are_not_open_there() {
    let sandbox = need!(native());
    let open = std::fs::File::open("/etc/hostname").unwrap();
    // What should never happen: one that a started program inherits.
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let said =
        output(sandbox, &perl(r#"opendir(my $d, "/proc/self/fd"); print join ",", sort grep { /^\d+$/ && $_ != fileno($d) } readdir $d"#));
    assert_eq!(said, "0,1,2");
    assert_eq!(output(sandbox, &perl(r#"print readlink "/proc/self/fd/0""#)), "/dev/null");
}

/// Programs that reserve memory, start threads, or find themselves by odd ways.
const LANGUAGES: &[(&str, &[&str], &str)] = &[
    ("/usr/bin/node", &["/usr/bin/node", "-e", "console.log([1,2].map(x => x * 21)[1])"], "42\n"),
    (
        "/usr/bin/python3",
        &[
            "/usr/bin/python3",
            "-c",
            "import threading, json, ssl, subprocess; t = threading.Thread(target=lambda: print(42)); t.start(); t.join()",
        ],
        "42\n",
    ),
    ("/usr/bin/ruby", &["/usr/bin/ruby", "-e", "puts Thread.new { 42 }.value"], "42\n"),
    ("/usr/bin/java", &["/usr/bin/java", "-Xmx128m", "Main.java"], "42\n"),
    ("/usr/bin/gcc", &["/bin/sh", "-c", "gcc -x c -o a.out main.c && ./a.out"], "42\n"),
    ("/usr/bin/perl", &["/usr/bin/perl", "-e", "print 42, qq(\\n)"], "42\n"),
    (
        "/usr/bin/git",
        &["/bin/sh", "-c", "git init -q . && git -c user.name=x -c user.email=x commit -q --allow-empty -m x && echo 42"],
        "42\n",
    ),
];

#[test]
fn the_languages_that_are_here_run_inside_with_and_without_cgroups() {
    let sandbox = need!(native());
    let files = [
        file("Main.java", "public class Main { public static void main(String[] a) { System.out.println(42); } }"),
        file("main.c", "#include <stdio.h>\nint main(void) { puts(\"42\"); }\n"),
    ];
    for sandbox in [sandbox, need!(uncounted())] {
        for (program, argv, expected) in LANGUAGES {
            if !Path::new(program).exists() {
                println!("skipped: there is no `{program}`");
                continue;
            }
            let command = Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), ..Command::default() };
            let outcome = run_over(sandbox, &command, &Limits::default(), files.to_vec()).unwrap();
            assert_eq!((outcome.how, outcome.stdout.text().as_str()), (How::Exited(0), *expected), "{program}: {}", outcome.stderr.text());
        }
    }
}

#[test]
fn a_tool_stands_back_behind_the_server() {
    assert_eq!(output(need!(native()), &sh("nice")), "10\n");
    assert_eq!(output(trusted(), &sh("nice")), "10\n");
}

#[test]
fn a_sandbox_that_does_not_come_up_is_no_fault_of_the_program_and_may_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let bubblewrap = dir.path().join("bwrap");
    std::fs::write(&bubblewrap, "#!/bin/sh\nexec sleep 100\n").unwrap();
    [dir.path(), &bubblewrap].iter().for_each(|path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap());
    let settings = Settings { bubblewrap, coming_up: Duration::from_millis(200), use_cgroups: false, ..Settings::default() };
    let sandbox = Sandbox::new(Path::new(LAUNCHER), settings).unwrap();
    let error = run(&sandbox, &sh("true"), &Limits::default()).unwrap_err();
    assert!(matches!(&error, Error::Lost { why } if why.contains("come up")) && error.is_transient(), "{error}");
}

#[test]
fn an_error_of_whoever_reads_the_tree_ends_the_run() {
    let sandbox = need!(native());
    let mut files = vec![Ok(file("a", "a")), Err("the mirror is damaged".into())].into_iter();
    let error = sandbox.run(&sh("true"), &Limits::default(), &mut files, &|| false, &mut ()).unwrap_err();
    assert!(matches!(&error, Error::Tree(why) if why.to_string() == "the mirror is damaged"), "{error}");
}

#[test]
fn many_runs_at_once_do_not_meet() {
    let sandbox = need!(native());
    std::thread::scope(|scope| {
        for n in 0..6 {
            scope.spawn(move || {
                let mut command = sh("cat name; sleep 0.2; set -- /proc/[0-9]*; echo $#; ls -A /tmp; echo x >/tmp/mine");
                command.outputs.push("name".into());
                let outcome = run_over(sandbox, &command, &Limits::default(), vec![file("name", &format!("{n}\n"))]).unwrap();
                // The launcher, and the shell, which needs nobody to count: of two in a pipe, one may look before the other is there.
                assert_eq!(outcome.stdout.text(), format!("{n}\n2\n"), "{}", outcome.stderr.text());
                assert_eq!(outcome.files[0].1, Ok(format!("{n}\n").into_bytes()));
            });
        }
    });
}

#[test]
fn the_self_test_says_how_well_this_machine_does_in_under_three_seconds() {
    let sandbox = need!(native());
    for (sandbox, has_cgroups) in [(sandbox, sandbox.cgroups().counts().memory), (need!(uncounted()), false)] {
        let began = Instant::now();
        let findings = self_test(sandbox);
        assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
        let bad: Vec<_> = findings.iter().filter(|finding| finding.grade == Grade::Bad).collect();
        assert!(bad.is_empty() && findings.len() > 10, "{bad:?}");
        assert!(findings.iter().all(|finding| (finding.grade == Grade::Good) == finding.advice.is_none()));
        let weaker = findings.iter().any(|finding| finding.says.contains("ten times a second"));
        assert_eq!(weaker, !has_cgroups, "{findings:?}");
    }
    let findings = self_test(trusted());
    assert!(findings.iter().any(|finding| finding.name == "tier" && finding.grade == Grade::Weaker), "{findings:?}");
}

#[test]
fn what_keeps_each_bound_is_told_with_the_outcome() {
    let sandbox = need!(uncounted());
    let outcome = run(sandbox, &sh("true"), &Limits::default()).unwrap();
    let keeper = |limit| outcome.limits_in_force.iter().find(|(of, _)| *of == limit).unwrap().1;
    assert_eq!((keeper(Limit::Memory), keeper(Limit::Disk), keeper(Limit::Cpu)), (Keeper::Watch, Keeper::FileSystem, Keeper::Watch));
    let outcome = run(trusted(), &sh("true"), &Limits::default()).unwrap();
    assert!(outcome.limits_in_force.contains(&(Limit::Disk, Keeper::Nothing)));
}

#[test]
fn the_launcher_is_not_for_hands() {
    #[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
    let said = std::process::Command::new(super::LAUNCHER).arg("sandbox-launcher").stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    #[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
    let help = std::process::Command::new(super::LAUNCHER).arg("--help").output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("sandbox-launcher"));
}
