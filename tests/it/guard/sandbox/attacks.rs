//! Attacks that end in a word: files and processes of the host, doors of the kernel, other networks.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use plumbline::engine::sandbox::{Command, Limits, Sandbox, Tier};

use super::{native, need, perl, run, sh, trusted};

/// How we know that an attack would have noticed its success.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    /// It succeeds on the host.
    Host,
    /// It would do harm there, or the host forbids it too. That its tools work inside is shown by those that are let through.
    Harmful,
}
use Control::{Harmful, Host};

enum Attack {
    Shell(&'static str, Control, &'static str),
    Perl(&'static str, Control, &'static str),
}

impl Attack {
    fn name(&self) -> &'static str {
        match self {
            Attack::Shell(name, ..) | Attack::Perl(name, ..) => name,
        }
    }

    fn control(&self) -> Control {
        match self {
            Attack::Shell(_, control, _) | Attack::Perl(_, control, _) => *control,
        }
    }

    fn command(&self, bait: &Bait, first: u32) -> Command {
        match self {
            Attack::Shell(_, _, script) => sh(&bait.fill(&format!("{SHELL}\n{script}"), first)),
            Attack::Perl(_, _, script) => perl(&bait.fill(&format!("{PERL}\n{script}"), first)),
        }
    }
}

/// `try <command>`: an escape if it ends well and says something.
const SHELL: &str = r#"try() { got=$("$@" 2>&1) && [ -n "$got" ] && echo "ESCAPED: $got" || echo "held: $got"; }"#;

/// `call(name, …)`: an escape if the kernel does not object. `got(what)`: an escape if it is anything.
const PERL: &str = r#"
use strict; use warnings; use Socket; $| = 1;
my %n = (NUMBERS);
sub got { my ($what) = @_; print defined $what && length $what ? "ESCAPED: $what\n" : "held: $!\n"; exit }
sub call { my ($name, @with) = @_; my $is = syscall($n{$name}, @with); got($is == -1 ? undef : "$name $is") }
sub reach { my ($family, $kind, $at) = @_; socket(my $s, $family, $kind, 0) or got(undef);
            local $SIG{ALRM} = sub { $! = 110; got(undef) }; alarm 5; got(connect($s, $at) ? "connected" : undef) }
"#;

/// Calls that perl makes by their number, which differs between machines.
#[rustfmt::skip]
const NUMBERS: &[(&str, libc::c_long)] = &[
    ("getpid", libc::SYS_getpid), ("ptrace", libc::SYS_ptrace), ("process_vm_readv", libc::SYS_process_vm_readv),
    ("pidfd_open", libc::SYS_pidfd_open), ("pidfd_getfd", libc::SYS_pidfd_getfd), ("prlimit64", libc::SYS_prlimit64),
    ("unshare", libc::SYS_unshare), ("setns", libc::SYS_setns), ("clone", libc::SYS_clone), ("clone3", libc::SYS_clone3),
    ("mount", libc::SYS_mount), ("umount2", libc::SYS_umount2), ("pivot_root", libc::SYS_pivot_root), ("fsopen", libc::SYS_fsopen),
    ("open_tree", libc::SYS_open_tree), ("move_mount", libc::SYS_move_mount), ("mount_setattr", libc::SYS_mount_setattr),
    ("keyctl", libc::SYS_keyctl), ("add_key", libc::SYS_add_key), ("request_key", libc::SYS_request_key),
    ("io_uring_setup", libc::SYS_io_uring_setup), ("io_setup", libc::SYS_io_setup), ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open), ("userfaultfd", libc::SYS_userfaultfd), ("kexec_load", libc::SYS_kexec_load),
    ("init_module", libc::SYS_init_module), ("finit_module", libc::SYS_finit_module), ("delete_module", libc::SYS_delete_module),
    ("syslog", libc::SYS_syslog), ("acct", libc::SYS_acct), ("swapon", libc::SYS_swapon), ("reboot", libc::SYS_reboot),
    ("fanotify_init", libc::SYS_fanotify_init), ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at), ("clock_settime", libc::SYS_clock_settime),
    ("settimeofday", libc::SYS_settimeofday), ("adjtimex", libc::SYS_adjtimex), ("sethostname", libc::SYS_sethostname),
    ("setdomainname", libc::SYS_setdomainname), ("kcmp", libc::SYS_kcmp), ("memfd_secret", libc::SYS_memfd_secret),
    ("sync", libc::SYS_sync), ("quotactl", libc::SYS_quotactl), ("setgroups", libc::SYS_setgroups), ("chroot", libc::SYS_chroot),
    ("sched_setscheduler", libc::SYS_sched_setscheduler), ("personality", libc::SYS_personality),
];

/// What there is on the host to be found, reached or killed.
struct Bait {
    dir: tempfile::TempDir,
    tcp: TcpListener,
    tcp6: Option<TcpListener>,
    _unix: UnixListener,
    _named: UnixListener,
    abstract_name: String,
}

impl Bait {
    fn new() -> Bait {
        let dir = tempfile::tempdir().unwrap();
        let open = |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        open(dir.path(), 0o755);
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "the canary of the host\n").unwrap();
        open(&secret, 0o644);
        let socket = dir.path().join("socket");
        let named = UnixListener::bind(&socket).unwrap();
        open(&socket, 0o666);
        let abstract_name = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        let unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap();
        Bait {
            dir,
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            tcp6: TcpListener::bind("[::1]:0").ok(),
            _unix: unix,
            _named: named,
            abstract_name,
        }
    }

    /// Puts in what it is about. The first process of the host is not always ours to look at, so there we stand for it.
    fn fill(&self, script: &str, first: u32) -> String {
        let numbers: String = NUMBERS.iter().map(|(name, number)| format!("{name} => {number}, ")).collect();
        let port = |listener: Option<&TcpListener>| listener.map_or(1, |listener| listener.local_addr().unwrap().port()).to_string();
        script
            .replace("NUMBERS", &numbers)
            .replace("BAIT", self.dir.path().to_str().unwrap())
            .replace("PORT6", &port(self.tcp6.as_ref()))
            .replace("PORT", &port(Some(&self.tcp)))
            .replace("ABSTRACT", &self.abstract_name)
            .replace("FIRST", &first.to_string())
            .replace("TESTER", &std::process::id().to_string())
    }
}

/// What a try says: `Some` of what it got.
fn said(sandbox: &Sandbox, attack: &Attack, bait: &Bait) -> Option<String> {
    let first = if sandbox.tier() == Tier::Native { 1 } else { std::process::id() };
    let outcome = run(sandbox, &attack.command(bait, first), &Limits::default()).unwrap();
    let text = outcome.stdout.text();
    let got = text.lines().find_map(|line| line.strip_prefix("ESCAPED"));
    let is_word = got.is_some() || text.lines().any(|line| line.starts_with("held"));
    assert!(is_word, "`{}` says neither: {:?} {text} {}", attack.name(), outcome.how, outcome.stderr.text());
    got.map(str::to_owned)
}

fn try_all(attacks: &[Attack]) {
    let sandbox = need!(native());
    let bait = Bait::new();
    let escaped: Vec<String> =
        attacks.iter().filter_map(|attack| Some(format!("{}{}", attack.name(), said(sandbox, attack, &bait)?))).collect();
    assert!(escaped.is_empty(), "got out:\n{}", escaped.join("\n"));
    if !rustix::process::geteuid().is_root() {
        // Root alone can do all of it.
        return;
    }
    let blind: Vec<&str> =
        attacks.iter().filter(|attack| attack.control() == Host && said(trusted(), attack, &bait).is_none()).map(Attack::name).collect();
    assert!(blind.is_empty(), "these do not even succeed on the host, so their failing inside says nothing: {}", blind.join(", "));
}

const FILES: &[Attack] = &[
    Attack::Shell("a file that all may read", Host, "try cat BAIT/secret"),
    Attack::Shell("the passwords of the host", Host, "try cat /etc/shadow"),
    Attack::Shell("the machine's name", Host, "try cat /etc/hostname"),
    Attack::Shell("the home of root", Host, "try ls -A /root"),
    Attack::Shell("the state of programs", Host, "try ls -A /var/lib"),
    Attack::Shell("the system's view of devices", Host, "try ls /sys"),
    Attack::Shell("sockets of services", Host, "try ls /run/lock /var/run"),
    Attack::Shell("the environment of the first process", Host, "try cat /proc/FIRST/environ"),
    Attack::Shell("what the first process has open", Host, "try ls /proc/FIRST/fd/"),
    Attack::Shell("the files of the first process", Host, "try ls /proc/FIRST/root/usr"),
    Attack::Shell("the directory of the first process", Host, "try ls -d /proc/FIRST/cwd/."),
    Attack::Shell("the memory map of the first process", Host, "try cat /proc/FIRST/maps"),
    Attack::Perl("the memory of the first process", Harmful, r#"got(open(my $f, "+<", "/proc/FIRST/mem") ? "opened" : undef)"#),
    Attack::Shell("a link to the files of the first process", Host, "ln -s /proc/FIRST/root/etc l; try cat l/passwd"),
    Attack::Perl(
        "the memory of the kernel",
        Harmful,
        r#"open(my $f, "<", "/proc/kcore") or got(undef); got(sysread($f, my $b, 4) ? $b : undef)"#,
    ),
    Attack::Perl("the memory of the machine", Harmful, r#"for (qw(mem kmem port)) { got($_) if open(my $f, "<", "/dev/$_") } got(undef)"#),
    Attack::Shell("a disk made as a device", Harmful, "mknod d b 254 0 && try head -c 1 d || echo held"),
    Attack::Shell("the log of the kernel", Harmful, "try timeout 1 head -c 1 /proc/kmsg"),
    Attack::Shell("a switch of the kernel", Harmful, "echo x 2>&1 >/proc/sys/kernel/core_pattern && echo ESCAPED || echo held"),
    Attack::Shell("the keys of the kernel", Harmful, "echo h 2>&1 >/proc/sysrq-trigger && echo ESCAPED || echo held"),
    Attack::Shell(
        "the system's programs, to be changed",
        Host,
        "touch /usr/plumbline-probe && rm /usr/plumbline-probe && echo ESCAPED || echo held",
    ),
    Attack::Shell("the loader's list of libraries", Harmful, "echo x 2>/dev/null >/etc/ld.so.preload && echo ESCAPED || echo held"),
    Attack::Shell("the top of the file system", Harmful, "touch /probe 2>/dev/null && echo ESCAPED || echo held"),
    Attack::Shell("the directory of devices", Harmful, "touch /dev/probe 2>/dev/null && echo ESCAPED || echo held"),
    Attack::Shell("a second name for a program of the system", Harmful, "ln /usr/bin/perl p 2>/dev/null && echo ESCAPED || echo held"),
    Attack::Shell("the launcher, to be run", Harmful, "/run/plumbline --version && echo ESCAPED || echo held"),
    Attack::Perl(
        "a handle to a file, past all directories",
        Host,
        r#"my $h = pack("Ii", 128, 0) . "\0" x 128; my $m = pack("i", 0); call("name_to_handle_at", -100, "/usr\0", $h, $m, 0)"#,
    ),
    Attack::Perl("a file by its handle", Harmful, r#"my $h = pack("Iii", 8, 1, 2) . "\0" x 8; call("open_by_handle_at", 3, $h, 0)"#),
];

const PROCESSES: &[Attack] = &[
    Attack::Perl("a process of the host, to be signaled", Host, r#"got(kill(0, TESTER) ? "reached" : undef)"#),
    Attack::Shell(
        "the list of processes",
        Host,
        r#"n=0; for d in /proc/[0-9]*; do n=$((n+1)); done; [ $n -gt 3 ] && echo ESCAPED $n || echo held"#,
    ),
    Attack::Perl(
        "the first process, to be killed",
        Harmful,
        r#"kill(9, 1); select(undef, undef, undef, 0.2); got(-d "/proc/1" ? undef : "gone")"#,
    ),
    Attack::Perl(
        "the first process, to be stopped",
        Harmful,
        r#"kill(19, 1); select(undef, undef, undef, 0.2);
        open(my $f, "<", "/proc/FIRST/status"); got((grep { /^State:\s+T/ } <$f>)[0])"#,
    ),
    Attack::Perl("the first process, to be traced", Harmful, r#"call("ptrace", 16, 1, 0, 0)"#),
    Attack::Perl("a child, to be traced", Host, r#"call("ptrace", 0, 0, 0, 0)"#),
    Attack::Perl(
        "the memory of another process",
        Host,
        r#"my $p = fork; if (!$p) { sleep 20; exit } my $b = "\0" x 8; my $l = pack("PQ", $b, 8);
        syscall($n{process_vm_readv}, $p, $l, 1, pack("QQ", unpack("Q", pack("P", $b)), 8), 1, 0) == 8 ? do { kill 9, $p; got("read") } : do { my $e = $!; kill 9, $p; $! = $e; got(undef) }"#,
    ),
    Attack::Perl(
        "a descriptor of another process",
        Host,
        r#"my $p = fork; if (!$p) { sleep 20; exit } my $fd = syscall($n{pidfd_open}, $p, 0);
        my $is = syscall($n{pidfd_getfd}, $fd, 0, 0); my $e = $!; kill 9, $p; $! = $e; got($is >= 0 ? "fd $is" : undef)"#,
    ),
    Attack::Perl("the limits of the first process", Host, r#"my $old = "\0" x 16; call("prlimit64", 1, 7, 0, $old)"#),
    Attack::Perl("whether two processes share", Host, r#"call("kcmp", $$, $$, 0, 0, 0)"#),
    Attack::Shell("whom the kernel kills first", Harmful, "echo -1000 2>/dev/null >/proc/self/oom_score_adj && echo ESCAPED || echo held"),
    Attack::Perl("time before all others", Host, r#"call("sched_setscheduler", 0, 1, pack("i", 50))"#),
    Attack::Perl("precedence over others", Host, r#"eval { setpriority(0, 0, -20) }; got(getpriority(0, 0) < 0 ? "nice" : undef)"#),
    Attack::Perl("to be root", Host, r#"$> = 0; $< = 0; got($> == 0 ? "root" : undef)"#),
    Attack::Perl("to be in another group", Host, r#"call("setgroups", 1, pack("I", 0))"#),
    Attack::Shell(
        "rights",
        Host,
        r#"while read -r k v; do [ "$k" = CapEff: ] && c=$v; done </proc/self/status; [ "$c" = 0000000000000000 ] && echo held || echo "ESCAPED $c""#,
    ),
    Attack::Perl(
        "a program that runs as its owner",
        Harmful,
        r#"my ($su) = grep { -u } glob("/usr/bin/*"); if (!$su) { print "held: none\n"; exit }
        my $p = fork; if (!$p) { open STDIN, "</dev/null"; exec $su, "-S", "-h" or exit }
        open(my $f, "<", "/proc/self/status"); my ($no) = grep { /^NoNewPrivs:\s+1/ } <$f>; waitpid($p, 0); got($no ? undef : "it can gain rights")"#,
    ),
    Attack::Perl("a user namespace", Host, r#"call("unshare", 0x10000000)"#),
    Attack::Perl("a mount namespace", Host, r#"call("unshare", 0x00020000)"#),
    Attack::Perl("a network namespace", Host, r#"call("unshare", 0x40000000)"#),
    Attack::Perl(
        "a user namespace for a child",
        Host,
        r#"my $p = syscall($n{clone}, 0x10000000 | 17, 0, 0, 0, 0); exit if $p == 0; got($p > 0 ? $p : undef)"#,
    ),
    Attack::Perl(
        "a child whose flags lie in memory",
        Harmful,
        r#"my $a = pack("Q11", 0x10000000, (0) x 3, 17, (0) x 6); my $p = syscall($n{clone3}, $a, 88); exit if $p == 0; got($p > 0 ? $p : undef)"#,
    ),
    Attack::Perl(
        "the namespace of the first process",
        Harmful,
        r#"open(my $f, "<", "/proc/FIRST/ns/mnt") or got(undef); call("setns", fileno($f), 0)"#,
    ),
    Attack::Shell(
        "the environment of whoever started it",
        Host,
        r#"for f in /proc/[0-9]*/environ; do tr '\0' '\n' <$f 2>/dev/null; done | grep -q ^CARGO && echo ESCAPED || echo held"#,
    ),
];

const KERNEL: &[Attack] = &[
    Attack::Perl("keys", Host, r#"call("keyctl", 0, -3, 1)"#),
    Attack::Perl("a key of its own", Host, r#"call("add_key", "user\0", "plumbline\0", "x", 1, -2)"#),
    Attack::Perl("a key of another", Harmful, r#"call("request_key", "user\0", "plumbline\0", 0, -2)"#),
    Attack::Perl("rings of calls", Host, r#"call("io_uring_setup", 8, "\0" x 120)"#),
    Attack::Perl("calls that are answered later", Host, r#"my $c = pack("Q", 0); call("io_setup", 8, $c)"#),
    Attack::Perl("programs in the kernel", Host, r#"call("bpf", 0, pack("IIII", 2, 4, 4, 1) . "\0" x 104, 120)"#),
    Attack::Perl("counters of the processor", Host, r#"call("perf_event_open", pack("IIQ", 1, 112, 0) . "\0" x 96, 0, -1, -1, 0)"#),
    Attack::Perl("faults of its own", Host, r#"call("userfaultfd", 0)"#),
    Attack::Perl("memory that the kernel cannot read", Harmful, r#"call("memfd_secret", 0)"#),
    Attack::Perl("a mount", Harmful, r#"call("mount", "none\0", "/tmp\0", "tmpfs\0", 0, 0)"#),
    Attack::Perl("a mount, to be written", Harmful, r#"call("mount", "none\0", "/usr\0", 0, 0x1020, 0)"#),
    Attack::Perl("a mount taken away", Harmful, r#"call("umount2", "/usr\0", 2)"#),
    Attack::Perl("another top", Harmful, r#"call("pivot_root", "/tmp\0", "/tmp\0")"#),
    Attack::Perl("another top for itself", Host, r#"call("chroot", "/tmp\0")"#),
    Attack::Perl("a file system", Host, r#"call("fsopen", "tmpfs\0", 0)"#),
    Attack::Perl("a copy of a mount", Host, r#"call("open_tree", -100, "/usr\0", 1)"#),
    Attack::Perl("a mount moved", Harmful, r#"call("move_mount", -100, "/usr\0", -100, "/tmp\0", 0)"#),
    Attack::Perl("a mount's settings", Harmful, r#"call("mount_setattr", -100, "/usr\0", 0, "\0" x 32, 32)"#),
    Attack::Perl("a new kernel", Harmful, r#"call("kexec_load", 0, 0, 0, 0)"#),
    Attack::Perl("a module", Harmful, r#"call("init_module", "x", 1, "\0")"#),
    Attack::Perl("a module from a file", Harmful, r#"open(my $f, "<", "/usr/bin/perl"); call("finit_module", fileno($f), "\0", 0)"#),
    Attack::Perl("a module taken away", Harmful, r#"call("delete_module", "nothing\0", 0x800)"#),
    Attack::Perl("the log of the kernel, by a call", Harmful, r#"my $b = "\0" x 64; call("syslog", 3, $b, 64)"#),
    Attack::Perl("accounting", Harmful, r#"call("acct", 0)"#),
    Attack::Perl("a swap file", Harmful, r#"call("swapon", "/work/x\0", 0)"#),
    Attack::Perl("the machine's end", Harmful, r#"call("reboot", 0xfee1dead, 672274793, 0, 0)"#),
    Attack::Perl("all that is opened", Host, r#"call("fanotify_init", 0, 0)"#),
    Attack::Perl("quotas", Harmful, r#"call("quotactl", 0x800001 << 8, 0, 0, 0)"#),
    Attack::Perl("the clock", Harmful, r#"call("clock_settime", 0, pack("qq", time, 0))"#),
    Attack::Perl("the clock, the old way", Harmful, r#"call("settimeofday", pack("qq", time, 0), 0)"#),
    Attack::Perl("the clock's pace", Host, r#"call("adjtimex", "\0" x 208)"#),
    Attack::Perl("the machine's name, to be changed", Harmful, r#"call("sethostname", "x", 1)"#),
    Attack::Perl("the domain's name", Harmful, r#"call("setdomainname", "x", 1)"#),
    Attack::Perl("the writing out of all disks", Host, r#"call("sync")"#),
    Attack::Perl("an odd personality", Host, r#"call("personality", 0x0400000)"#),
    Attack::Perl(
        "typing into a terminal",
        Host,
        r#"open(my $t, "+<", "/dev/ptmx") or got(undef); got(ioctl($t, 0x5412, my $c = "x") ? "typed" : undef)"#,
    ),
    Attack::Perl(
        "another discipline for a line",
        Harmful,
        r#"open(my $t, "+<", "/dev/ptmx") or got(undef); got(ioctl($t, 0x5423, my $d = pack("i", 2)) ? "set" : undef)"#,
    ),
];

const NETWORK: &[Attack] = &[
    Attack::Perl("the host's loopback", Host, r#"reach(PF_INET, SOCK_STREAM, pack_sockaddr_in(PORT, inet_aton("127.0.0.1")))"#),
    Attack::Perl(
        "the host's loopback of version 6",
        Harmful,
        r#"reach(PF_INET6, SOCK_STREAM, Socket::pack_sockaddr_in6(PORT6, Socket::inet_pton(PF_INET6, "::1")))"#,
    ),
    Attack::Perl("a private network", Harmful, r#"reach(PF_INET, SOCK_STREAM, pack_sockaddr_in(80, inet_aton("10.0.0.1")))"#),
    Attack::Perl("another private network", Harmful, r#"reach(PF_INET, SOCK_STREAM, pack_sockaddr_in(80, inet_aton("192.168.0.1")))"#),
    Attack::Perl("a cloud's metadata", Harmful, r#"reach(PF_INET, SOCK_STREAM, pack_sockaddr_in(80, inet_aton("169.254.169.254")))"#),
    Attack::Perl("the internet", Harmful, r#"reach(PF_INET, SOCK_STREAM, pack_sockaddr_in(443, inet_aton("192.0.2.1")))"#),
    Attack::Perl(
        "the internet of version 6",
        Harmful,
        r#"reach(PF_INET6, SOCK_STREAM, Socket::pack_sockaddr_in6(443, Socket::inet_pton(PF_INET6, "2001:db8::1")))"#,
    ),
    Attack::Perl(
        "a name service, by datagrams",
        Harmful,
        r#"socket(my $s, PF_INET, SOCK_DGRAM, 0); got(send($s, "x", 0, pack_sockaddr_in(53, inet_aton("192.0.2.1"))))"#,
    ),
    Attack::Perl(
        "a multicast group",
        Harmful,
        r#"socket(my $s, PF_INET, SOCK_DGRAM, 0); got(send($s, "x", 0, pack_sockaddr_in(5353, inet_aton("224.0.0.251"))))"#,
    ),
    Attack::Shell("a name", Harmful, "try getent hosts example.org"),
    Attack::Perl("an abstract socket", Host, r#"reach(PF_UNIX, SOCK_STREAM, pack_sockaddr_un("\0ABSTRACT"))"#),
    Attack::Perl("a socket with a path", Host, r#"reach(PF_UNIX, SOCK_STREAM, pack_sockaddr_un("BAIT/socket"))"#),
    Attack::Perl("packets as they are", Host, r#"got(socket(my $s, 17, SOCK_RAW, 0) ? "socket" : undef)"#),
    Attack::Perl("pings as they are", Host, r#"got(socket(my $s, PF_INET, SOCK_RAW, 1) ? "socket" : undef)"#),
    Attack::Perl("the hypervisor", Harmful, r#"got(socket(my $s, 40, SOCK_STREAM, 0) ? "socket" : undef)"#),
    Attack::Perl("the kernel's ciphers", Harmful, r#"got(socket(my $s, 38, SOCK_SEQPACKET, 0) ? "socket" : undef)"#),
    Attack::Perl("the kernel's events", Host, r#"got(socket(my $s, 16, SOCK_RAW, 15) ? "socket" : undef)"#),
    Attack::Shell(
        "interfaces",
        Harmful,
        r#"n=0; while read -r l; do n=$((n+1)); done </proc/net/dev; [ $n -gt 3 ] && echo ESCAPED $n || echo held"#,
    ),
];

#[test]
fn no_file_of_the_host_is_had() {
    try_all(FILES);
}

#[test]
fn no_other_process_is_reached_and_no_right_is_gained() {
    try_all(PROCESSES);
}

#[test]
fn no_rare_door_of_the_kernel_is_open() {
    try_all(KERNEL);
}

#[test]
fn no_other_network_is_reached() {
    try_all(NETWORK);
}

#[test]
fn there_are_enough_attacks_each_with_a_name_of_its_own() {
    let all: Vec<&str> = [FILES, PROCESSES, KERNEL, NETWORK].into_iter().flatten().map(Attack::name).collect();
    let names: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(names.len(), all.len());
    assert!(all.len() >= 60, "{}", all.len());
}

#[test]
fn what_the_attacks_are_made_of_works_inside() {
    let sandbox = need!(native());
    let bait = Bait::new();
    for works in [
        Attack::Perl("a call by its number", Host, r#"call("getpid")"#),
        Attack::Perl("a terminal", Host, r#"got(open(my $t, "+<", "/dev/ptmx") ? "opened" : undef)"#),
        Attack::Perl("a socket", Host, r#"got(socket(my $s, PF_INET, SOCK_STREAM, 0) ? "socket" : undef)"#),
        Attack::Perl("a child", Host, r#"my $p = syscall($n{clone}, 17, 0, 0, 0, 0); exit if $p == 0; got($p)"#),
        Attack::Perl(
            "its own loopback",
            Host,
            r#"socket(my $s, PF_INET, SOCK_STREAM, 0); bind($s, pack_sockaddr_in(0, inet_aton("127.0.0.1"))); listen($s, 1); reach(PF_INET, SOCK_STREAM, getsockname($s))"#,
        ),
        Attack::Shell("a command", Host, "try cat /etc/passwd"),
    ] {
        assert!(said(sandbox, &works, &bait).is_some(), "{}", works.name());
    }
}
