//! Which doors of the kernel are open to a tool: two filters, one over the other.
//!
//! The first lists what programs need and answers "no such call" to all else, so that what a newer kernel adds is shut until somebody
//! has looked at it. `clone3` is not in it: its flags lie in memory, where a filter cannot see them, and every C library falls back to
//! `clone`. The second answers "not permitted" to what has no business in a tool, and to some arguments of what has: where both object,
//! the kernel gives the answer of the filter that came last.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};

macro_rules! calls {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// What programs need, on every architecture.
#[rustfmt::skip]
const OPEN: &[libc::c_long] = calls![
    SYS_accept SYS_accept4 SYS_bind SYS_brk SYS_capget SYS_capset SYS_chdir SYS_clock_getres SYS_clock_gettime SYS_clock_nanosleep
    SYS_clone SYS_close SYS_close_range SYS_connect SYS_copy_file_range SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait
    SYS_epoll_pwait2 SYS_eventfd2 SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_faccessat SYS_faccessat2 SYS_fadvise64
    SYS_fallocate SYS_fchdir SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl SYS_fdatasync SYS_fgetxattr SYS_flistxattr
    SYS_flock SYS_fremovexattr SYS_fsetxattr SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate SYS_futex SYS_futex_waitv SYS_get_mempolicy
    SYS_get_robust_list SYS_getcpu SYS_getcwd SYS_getdents64 SYS_getegid SYS_geteuid SYS_getgid SYS_getgroups SYS_getitimer
    SYS_getpeername SYS_getpgid SYS_getpid SYS_getppid SYS_getpriority SYS_getrandom SYS_getresgid SYS_getresuid SYS_getrusage SYS_getsid
    SYS_getsockname SYS_getsockopt SYS_gettid SYS_gettimeofday SYS_getuid SYS_getxattr SYS_inotify_add_watch SYS_inotify_init1
    SYS_inotify_rm_watch SYS_ioctl SYS_ioprio_get SYS_ioprio_set SYS_kill SYS_landlock_add_rule SYS_landlock_create_ruleset
    SYS_landlock_restrict_self SYS_lgetxattr SYS_linkat SYS_listen SYS_listxattr SYS_llistxattr SYS_lremovexattr SYS_lseek
    SYS_lsetxattr SYS_madvise SYS_mbind SYS_membarrier SYS_mincore SYS_mkdirat SYS_mknodat SYS_mlock SYS_mlock2 SYS_mlockall SYS_mmap
    SYS_mprotect SYS_mq_getsetattr SYS_mq_notify SYS_mq_open SYS_mq_timedreceive SYS_mq_timedsend SYS_mq_unlink SYS_mremap SYS_mseal
    SYS_msgctl SYS_msgget SYS_msgrcv SYS_msgsnd SYS_msync SYS_munlock SYS_munlockall SYS_munmap SYS_nanosleep SYS_newfstatat SYS_openat
    SYS_openat2 SYS_personality SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2 SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect SYS_ppoll
    SYS_prctl SYS_pread64 SYS_preadv SYS_preadv2 SYS_prlimit64 SYS_process_mrelease SYS_pselect6 SYS_pwrite64 SYS_pwritev SYS_pwritev2
    SYS_read SYS_readahead SYS_readlinkat SYS_readv SYS_recvfrom SYS_recvmmsg SYS_recvmsg SYS_removexattr SYS_renameat2
    SYS_restart_syscall SYS_rseq SYS_rt_sigaction SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigqueueinfo SYS_rt_sigreturn
    SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_getaffinity SYS_sched_getattr SYS_sched_getparam SYS_sched_getscheduler SYS_sched_rr_get_interval SYS_sched_setaffinity
    SYS_sched_setattr SYS_sched_setparam SYS_sched_setscheduler SYS_sched_yield SYS_seccomp SYS_semctl SYS_semget SYS_semop
    SYS_semtimedop SYS_sendfile SYS_sendmmsg SYS_sendmsg SYS_sendto SYS_set_mempolicy SYS_set_robust_list SYS_set_tid_address
    SYS_setfsgid SYS_setfsuid SYS_setgid SYS_setgroups SYS_setitimer SYS_setpgid SYS_setpriority SYS_setregid SYS_setresgid
    SYS_setresuid SYS_setreuid SYS_setsid SYS_setsockopt SYS_setuid SYS_setxattr SYS_shutdown SYS_sigaltstack SYS_signalfd4 SYS_socket
    SYS_socketpair SYS_splice SYS_statfs SYS_statx SYS_symlinkat SYS_sysinfo SYS_tee SYS_tgkill SYS_timer_create SYS_timer_delete
    SYS_timer_getoverrun SYS_timer_gettime SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime SYS_times
    SYS_tkill SYS_truncate SYS_umask SYS_uname SYS_unlinkat SYS_utimensat SYS_wait4 SYS_waitid SYS_write SYS_writev
];

/// Their older forms.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OPEN_OLD: &[libc::c_long] = calls![
    SYS_access SYS_alarm SYS_arch_prctl SYS_chmod SYS_chown SYS_creat SYS_dup2 SYS_epoll_create SYS_epoll_wait SYS_eventfd SYS_fchmodat2
    SYS_fork SYS_futimesat SYS_getdents SYS_getpgrp SYS_getrlimit SYS_inotify_init SYS_lchown SYS_link SYS_lstat SYS_mkdir SYS_mknod
    SYS_open SYS_pause SYS_pipe SYS_poll SYS_readlink SYS_rename SYS_renameat SYS_rmdir SYS_select SYS_setrlimit SYS_signalfd SYS_stat
    SYS_symlink SYS_sync_file_range SYS_time SYS_unlink SYS_utime SYS_utimes SYS_vfork
];
#[cfg(not(target_arch = "x86_64"))]
const OPEN_OLD: &[libc::c_long] = &[];

/// Memory that is shared without a file: not charged to anybody where there is no cgroup.
const SHARING: &[libc::c_long] = calls![SYS_memfd_create SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget];

/// What has no business in a tool. Most of it wants rights that a tool does not have; but a hole lies behind a check as often as before.
#[rustfmt::skip]
const FORBIDDEN: &[libc::c_long] = calls![
    SYS_acct SYS_add_key SYS_adjtimex SYS_bpf SYS_chroot SYS_clock_adjtime SYS_clock_settime SYS_delete_module SYS_fanotify_init
    SYS_fanotify_mark SYS_finit_module SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fspick SYS_init_module SYS_io_cancel SYS_io_destroy
    SYS_io_getevents SYS_io_setup SYS_io_submit SYS_io_uring_enter SYS_io_uring_register SYS_io_uring_setup SYS_kcmp SYS_kexec_file_load
    SYS_kexec_load SYS_keyctl SYS_lookup_dcookie SYS_memfd_secret SYS_migrate_pages SYS_mount SYS_mount_setattr SYS_move_mount
    SYS_move_pages SYS_name_to_handle_at SYS_nfsservctl SYS_open_by_handle_at SYS_open_tree SYS_perf_event_open SYS_pidfd_getfd
    SYS_pivot_root SYS_process_madvise SYS_process_vm_readv SYS_process_vm_writev SYS_ptrace SYS_quotactl SYS_quotactl_fd SYS_reboot
    SYS_remap_file_pages SYS_request_key SYS_set_mempolicy_home_node SYS_setdomainname SYS_sethostname SYS_setns SYS_settimeofday
    SYS_swapoff SYS_swapon SYS_sync SYS_syncfs SYS_syslog SYS_umount2 SYS_unshare SYS_userfaultfd SYS_vhangup SYS_vmsplice
];

/// The same, of older forms.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_OLD: &[libc::c_long] = calls![SYS_ioperm SYS_iopl SYS_modify_ldt SYS_sysfs SYS_uselib SYS_ustat];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_OLD: &[libc::c_long] = &[];

/// Flags of `clone` that make a namespace.
#[rustfmt::skip]
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWCGROUP, libc::CLONE_NEWIPC, libc::CLONE_NEWNET, libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];
/// Requests to a terminal that type into it, that reach the console, or that load a driver for lines.
const TERMINAL: &[u64] = &[libc::TIOCSTI as _, 0x541c, libc::TIOCSETD as _];
/// Families of sockets that a namespace holds in. Others reach the hypervisor, the kernel's ciphers, or drivers that few have read.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// What `personality` may be asked for: nothing, Linux as it is, and addresses that are not shuffled.
const PERSONALITIES: &[u64] = &[0, 0x0004_0000, 0xffff_ffff];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The filters, in the order in which they are put on.
pub(super) fn filters(may_share: bool) -> Result<[BpfProgram; 2], String> {
    let told = |error: seccompiler::BackendError| error.to_string();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(told)?;
    let build = |rules, otherwise, matched| SeccompFilter::new(rules, otherwise, matched, arch).and_then(TryInto::try_into).map_err(told);
    let errno = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let open = build(open(may_share), errno(libc::ENOSYS), SeccompAction::Allow)?;
    let forbidden = build(forbidden().map_err(told)?, SeccompAction::Allow, errno(libc::EPERM))?;
    Ok([open, forbidden])
}

/// A rule without conditions is kept always.
fn open(may_share: bool) -> Rules {
    let forbidden = FORBIDDEN.iter().chain(FORBIDDEN_OLD);
    let sharing = SHARING.iter().filter(|_| may_share);
    OPEN.iter().chain(OPEN_OLD).chain(sharing).chain(forbidden).map(|call| (number(*call), Vec::new())).collect()
}

fn forbidden() -> Result<Rules, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq, Ne};

    let one = SeccompCondition::new;
    let mut rules: Rules = FORBIDDEN.iter().chain(FORBIDDEN_OLD).map(|call| (number(*call), Vec::new())).collect();
    let mut forbid = |call: libc::c_long, conditions: Vec<SeccompCondition>| {
        rules.entry(number(call)).or_default().push(SeccompRule::new(conditions)?);
        Ok::<(), seccompiler::BackendError>(())
    };
    for flag in NAMESPACES {
        let flag = u64::from(flag.unsigned_abs());
        forbid(libc::SYS_clone, vec![one(0, Qword, MaskedEq(flag), flag)?])?;
    }
    // The kernel looks at 32 bits of a request, a family and a process: so does the filter.
    for request in TERMINAL {
        forbid(libc::SYS_ioctl, vec![one(1, Dword, Eq, *request)?])?;
    }
    let others = FAMILIES.iter().map(|family| one(0, Dword, Ne, u64::from(family.unsigned_abs())));
    forbid(libc::SYS_socket, others.collect::<Result<_, _>>()?)?;
    // Of netlink the addresses and routes of one's own network alone, which programs list.
    let netlink = u64::from(libc::AF_NETLINK.unsigned_abs());
    forbid(libc::SYS_socket, vec![one(0, Dword, Eq, netlink)?, one(2, Dword, Ne, u64::from(libc::NETLINK_ROUTE.unsigned_abs()))?])?;
    // Its own limits alone, not those of the launcher.
    forbid(libc::SYS_prlimit64, vec![one(0, Dword, Ne, 0)?])?;
    let others = PERSONALITIES.iter().map(|persona| one(0, Dword, Ne, *persona));
    forbid(libc::SYS_personality, others.collect::<Result<_, _>>()?)?;
    Ok(rules)
}

#[expect(clippy::useless_conversion, reason = "a long has not everywhere 64 bits")]
fn number(call: libc::c_long) -> i64 {
    i64::from(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_needed_and_forbidden() {
        let open: Vec<_> = OPEN.iter().chain(OPEN_OLD).chain(SHARING).collect();
        let both: Vec<_> = FORBIDDEN.iter().chain(FORBIDDEN_OLD).filter(|call| open.contains(call)).collect();
        assert_eq!(both, Vec::<&libc::c_long>::new());
    }

    #[test]
    fn the_call_whose_flags_cannot_be_seen_is_no_call() {
        assert!(!open(true).contains_key(&number(libc::SYS_clone3)));
        assert!(!forbidden().unwrap().contains_key(&number(libc::SYS_clone3)));
    }

    #[test]
    fn memory_is_shared_only_where_it_is_counted() {
        assert!(open(true).contains_key(&number(libc::SYS_memfd_create)));
        assert!(!open(false).contains_key(&number(libc::SYS_memfd_create)));
    }

    #[test]
    fn the_filters_fit_the_kernel() {
        for may_share in [false, true] {
            let filters = filters(may_share).unwrap();
            assert!(filters.iter().all(|filter| filter.len() < 4096));
        }
    }
}
