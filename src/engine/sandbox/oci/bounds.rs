//! What a container is told of its bounds, and who keeps them.
//!
//! A daemon may lack cgroups altogether, as podman does where they are turned off, or those of some kinds. What it does not have it may refuse or
//! pass over in silence; so it is told only what it says it has, and for all else each process gets a limit of its own.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions, ResourcesUlimits, SystemInfo,
};

use super::UID;
use crate::engine::sandbox::{Keeper, Limit, Limits};

/// How many files a process may have open at once.
const OPEN_FILES: i64 = 1024;
/// How many bytes of memory there are in `/dev/shm`.
const SHARED: i64 = 64 << 20;
/// Where podman, unasked, lets everybody write into memory when the root cannot be written. So that it has a bound, we ask.
const SCRATCH: [&str; 2] = ["/run", "/var/tmp"];
/// That bound.
const SCRATCH_OPTIONS: &str = "rw,nosuid,nodev,noexec,mode=1777,size=16777216";

/// What a daemon counts by cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Has {
    /// Memory.
    pub(super) memory: bool,
    /// Swap, without which a bound of memory is one of memory alone.
    pub(super) swap: bool,
    /// Processes.
    pub(super) processes: bool,
    /// How many processors there are; not a matter of cgroups.
    pub(super) processors: u32,
}

impl Has {
    /// What it says of itself. Podman says of processes that it counts them even where it counts nothing, so that is believed only
    /// of a daemon that counts memory too.
    pub(super) fn said(info: &SystemInfo) -> Has {
        let memory = info.memory_limit == Some(true);
        Has {
            memory,
            swap: memory && info.swap_limit == Some(true),
            processes: memory && info.pids_limit == Some(true),
            processors: info.ncpu.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        }
    }

    pub(super) fn keepers(self) -> Vec<(Limit, Keeper)> {
        let by = |has: bool| if has { Keeper::Cgroup } else { Keeper::EachProcess };
        vec![
            (Limit::Cpu, Keeper::EachProcess),
            (Limit::Memory, by(self.memory)),
            (Limit::Processes, by(self.processes)),
            (Limit::FileSize, Keeper::EachProcess),
            (Limit::Disk, Keeper::Nothing),
            (Limit::Names, Keeper::Nothing),
            (Limit::Output, Keeper::Reader),
        ]
    }

    /// The container that an image is made into.
    pub(super) fn container(
        self,
        image: &str,
        labels: &HashMap<String, String>,
        env: Vec<String>,
        volumes: &[String],
        limits: &Limits,
    ) -> ContainerCreateBody {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let cpu = number(limits.cpu_seconds());
        let mut ulimits = vec![
            // At the first it is told, at the second it is killed.
            limit("cpu", cpu, cpu.saturating_add(1)),
            limit("fsize", number(limits.file_size), number(limits.file_size)),
            limit("nofile", OPEN_FILES, OPEN_FILES),
            limit("core", 0, 0),
        ];
        if !self.memory {
            ulimits.push(limit("data", number(limits.memory), number(limits.memory)));
        }
        if !self.processes {
            ulimits.push(limit("nproc", i64::from(limits.processes), i64::from(limits.processes)));
        }
        let volume = |target: &String| Mount {
            typ: Some(MountType::VOLUME),
            target: Some(target.clone()),
            volume_options: Some(MountVolumeOptions { labels: Some(labels.clone()), ..MountVolumeOptions::default() }),
            ..Mount::default()
        };
        let host = HostConfig {
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("private".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            privileged: Some(false),
            shm_size: Some(SHARED),
            // What it writes goes through us alone: a log that the daemon keeps would have no bound.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            tmpfs: Some(SCRATCH.map(|place| (place.to_owned(), SCRATCH_OPTIONS.to_owned())).into()),
            mounts: Some(volumes.iter().map(volume).collect()),
            ulimits: Some(ulimits),
            memory: self.memory.then(|| number(limits.memory)),
            memory_swap: self.swap.then(|| number(limits.memory)),
            pids_limit: self.processes.then(|| i64::from(limits.processes)),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(image.to_owned()),
            user: Some(format!("{UID}:{UID}")),
            env: Some(env),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            network_disabled: Some(true),
            labels: Some(labels.clone()),
            stop_timeout: Some(0),
            // What an image would have run beside itself.
            healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

fn limit(name: &str, soft: i64, hard: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(soft), hard: Some(hard) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(has: Has) -> HostConfig {
        has.container("sha256:1", &HashMap::new(), vec![], &["/work".to_owned()], &Limits::default()).host_config.unwrap()
    }

    #[test]
    fn a_container_is_given_nothing_it_could_get_out_by() {
        let host = host(Has::default());
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.security_opt, Some(vec!["no-new-privileges".to_owned()]));
        assert!(host.binds.is_none() && host.devices.is_none() && host.cap_add.is_none() && host.volumes_from.is_none());
        assert!(host.mounts.unwrap().iter().all(|mount| mount.typ == Some(MountType::VOLUME) && mount.source.is_none()));
    }

    #[test]
    fn a_daemon_without_cgroups_is_told_of_no_bounds_it_does_not_keep() {
        let names = |host: &HostConfig| -> Vec<String> { host.ulimits.iter().flatten().filter_map(|limit| limit.name.clone()).collect() };
        let bare = host(Has::default());
        assert_eq!((bare.memory, bare.memory_swap, bare.pids_limit), (None, None, None));
        assert_eq!(names(&bare), ["cpu", "fsize", "nofile", "core", "data", "nproc"]);
        let full = host(Has { memory: true, swap: true, processes: true, processors: 1 });
        assert_eq!((full.memory, full.memory_swap, full.pids_limit), (Some(2 << 30), Some(2 << 30), Some(512)));
        assert_eq!(names(&full), ["cpu", "fsize", "nofile", "core"]);
    }

    #[test]
    fn a_daemon_that_counts_no_memory_is_not_believed_to_count_processes() {
        let podman = SystemInfo { memory_limit: Some(false), pids_limit: Some(true), ..SystemInfo::default() };
        assert_eq!(Has::said(&podman), Has { processors: 1, ..Has::default() });
        assert_eq!(Has::default().keepers()[2], (Limit::Processes, Keeper::EachProcess));
        let docker = SystemInfo { memory_limit: Some(true), pids_limit: Some(true), ..SystemInfo::default() };
        assert_eq!(Has::said(&docker), Has { memory: true, swap: false, processes: true, processors: 1 });
    }
}
