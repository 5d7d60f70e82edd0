//! The contents page of the database: every record, the schema's number, the steps from older ones.
//!
//! A record whose shape changes brings its version, a step here and a fixture in the same commit. Before the first release there are no
//! steps: shapes are free.

use crate::app::repeat::{Repeat, Tally};
use crate::domain::accounts::{Browser, Email, Identity, Link, Membership, PasswordRow, Roster, SecondFactor, Session, Token, User};
use crate::domain::admin::Recurrence;
use crate::domain::audit::{Checkpoint, Entry as AuditEntry};
use crate::domain::checks::{ApprovedHead, CheckSet, ImagePin, TrustedManifest};
use crate::domain::dora::Deployment;
use crate::domain::github::GithubApp;
use crate::domain::github::deliveries::Healing;
use crate::domain::hooks::{Delivery, DeliveryBody};
use crate::domain::issues::{Chunk, Issue, Node, Revision, Standing};
use crate::domain::pulls::{Listed, Pull};
use crate::domain::repos::{Branch, Commit, FormerName, PushedHead, Repository, Withdrawn};
use crate::domain::secrets::{Kept, NamedSecret, SshKey, VaultKey};
use crate::domain::settings::Settings;
use crate::domain::statuses::{PostedComment, PostedReport, PostedStatus};
use crate::engine::queue::{Served, WorkItem};
use crate::engine::store::journal::Journaled;
use crate::engine::store::{Migration, Schema, TableSpec};

/// Raised with every change of a record's shape.
pub const SCHEMA: u32 = 1;

/// One step for each number above the first.
const MIGRATIONS: &[Migration] = &[];

macro_rules! records {
    ($($record:ident),+ $(,)?) => {
        vec![$(TableSpec::of::<$record>()),+]
    };
}

/// The schema of this binary.
pub fn schema() -> Schema {
    Schema {
        number: SCHEMA,
        tables: records![
            Journaled,
            WorkItem,
            Served,
            Recurrence,
            Repeat,
            Tally,
            User,
            Session,
            Link,
            Token,
            Membership,
            Repository,
            Branch,
            Commit,
            CheckSet,
            Issue,
            Revision,
            Standing,
            Node,
            Chunk,
            ImagePin,
            TrustedManifest,
            ApprovedHead,
            VaultKey,
            NamedSecret,
            SshKey,
            PasswordRow,
            SecondFactor,
            Browser,
            AuditEntry,
            Checkpoint,
            Settings,
            Kept,
            GithubApp,
            PostedStatus,
            PostedReport,
            PostedComment,
            Pull,
            Listed,
            Deployment,
            Healing,
            Identity,
            Email,
            Roster,
            Delivery,
            DeliveryBody,
            FormerName,
            PushedHead,
            Withdrawn,
        ],
        migrations: MIGRATIONS,
    }
}
