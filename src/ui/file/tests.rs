use super::*;
use crate::base::id::{Id, IssueId};
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::issue::IssueState;
use crate::http::issues::SightingView;

fn issue(id: u128, start: Option<u32>, end: Option<u32>) -> IssueView {
    let sha = CommitSha::from_bytes([1; 20]);
    IssueView {
        id: IssueId::from_u128(id),
        repo: "a/b".into(),
        source: "s".into(),
        rule: "r".into(),
        kind: Kind::Bug,
        severity: Severity::Info,
        message: "m".into(),
        path: TreePath::new("f"),
        line_start: start,
        line_end: end,
        column_start: None,
        state: IssueState::Open,
        is_new: false,
        first_seen: SightingView { sha, at: Timestamp::EPOCH },
        author: None,
        ignored: None,
        snippet: None,
    }
}

fn page(issues: Vec<IssueView>) -> FilePage {
    let sha = CommitSha::from_bytes([1; 20]);
    FilePage {
        frame: Frame { viewer: None, running: 0, is_unisolated: false, now: Timestamp::EPOCH, started: std::time::Instant::now() },
        place: Place {
            unisolated: Vec::new(),
            repo: "a/b".parse().unwrap(),
            branch: None,
            branches: Vec::new(),
            commit: Some(sha),
            has_pulls: false,
            has_settings: true,
            has_secrets: true,
            files_at: Some(sha),
        },
        sha,
        path: TreePath::new("x/y/f"),
        size: 8,
        content: Content::Text(Source::plain("a\nb\nc\nd")),
        issues,
    }
}

#[test]
fn each_issue_is_shown_once_at_its_last_line_or_above_the_file() {
    let page = page(vec![
        issue(1, Some(3), Some(3)),
        issue(2, None, None),
        issue(3, Some(1), Some(2)),
        issue(4, Some(9), Some(9)),
        issue(5, Some(4), Some(900)),
        issue(6, Some(0), Some(0)),
        issue(7, Some(3), Some(1)),
        issue(8, Some(2), None),
    ]);
    let Content::Text(source) = &page.content else { panic!("it is text") };
    let lines: Vec<Vec<u128>> = page.lines(source).iter().map(|line| line.notes.iter().map(|note| note.id.as_u128()).collect()).collect();
    assert_eq!(lines, [vec![], vec![3, 8], vec![1, 7], vec![5]]);
    let above: Vec<u128> = page.of_the_file().iter().map(|note| note.id.as_u128()).collect();
    assert_eq!(above, [2, 4, 6]);
    let marked: Vec<bool> = page.lines(source).iter().map(|line| line.is_marked).collect();
    assert_eq!(marked, [true, true, true, true]);
}

#[test]
fn a_path_leads_up_step_by_step() {
    let steps: Vec<String> = page(Vec::new()).above().into_iter().map(|step| step.name).collect();
    assert_eq!(steps, ["x", "y"]);
}

#[test]
fn a_command_to_copy_names_one_file_whatever_it_is_called() {
    for (path, word) in [
        (&b"src/main.rs"[..], "src/main.rs"),
        (b"100%.txt", "100%.txt"),
        ("a b/caf\u{e9}.rs".as_bytes(), "'a b/caf\u{e9}.rs'"),
        (b"$(id) `id`; id", "'$(id) `id`; id'"),
        (b"it's", r"'it'\''s'"),
        (b"caf\xe9 \n'x", r"$'caf\xe9\x20\x0a\x27x'"),
    ] {
        assert_eq!(for_shell(path), word);
    }
}
