//! Roles and scopes: what people are, and what tokens are for.

use crate::words;

words! {
    /// What a person is on the instance.
    pub enum InstanceRole: "role" {
        /// Uses it.
        Member = "member",
        /// Runs it.
        Admin = "admin",
    }
}

words! {
    /// What a person is in a repository, each role with all that those before it may.
    pub enum RepoRole: "role in a repository" {
        /// Sees it.
        Read = "read",
        /// Sorts its issues.
        Triage = "triage",
        /// Works on it.
        Write = "write",
        /// Looks after it.
        Maintain = "maintain",
        /// Owns it.
        Admin = "admin",
    }
}

words! {
    /// What a token may be used for.
    pub enum Scope: "scope" {
        /// See repositories, commits, checks and issues.
        RepoRead = "repo:read",
        /// Sync, run and cancel.
        RepoWrite = "repo:write",
        /// Hand in findings, coverage and tests.
        ReportsWrite = "reports:write",
        /// Ignore issues.
        IssuesWrite = "issues:write",
        /// Set secrets.
        SecretsWrite = "secrets:write",
        /// See jobs and operations.
        AutomationRead = "automation:read",
        /// Run jobs.
        AutomationRun = "automation:run",
        /// Change jobs.
        AutomationWrite = "automation:write",
        /// Tell of deployments.
        DeploymentsWrite = "deployments:write",
        /// Tell of incidents.
        IncidentsWrite = "incidents:write",
        /// See the delivery measures.
        DeliveryRead = "delivery:read",
        /// Remove delivery data.
        DeliveryPrune = "delivery:prune",
        /// Administer the instance.
        Admin = "admin",
    }
}
