//! The pages at the door, and those of people and their tokens.

use super::pages::{Pages, add};
use super::*;
use crate::domain::accounts::Scope;
use crate::http::accounts::TokenView;
use crate::http::code::Code;

pub(super) fn doors(world: &World, out: &mut Pages) {
    for (name, reason) in [
        ("signin", Reason::Asked),
        ("signin-needed", Reason::Needed),
        ("signin-ended", Reason::Ended),
        ("signin-out", Reason::SignedOut),
        ("signin-set", Reason::PasswordSet),
        ("signin-plain-http", Reason::PlainHttp),
    ] {
        let has_passwords = reason != Reason::Ended;
        let by_github = matches!(reason, Reason::Asked | Reason::SignedOut);
        add(out, name, &SignInPage { frame: world.outside(), reason, has_passwords, by_github, login: String::new(), fault: None });
    }
    let fault = Some(world.say("The login, the password or the code is not right."));
    let refused =
        SignInPage { frame: world.outside(), reason: Reason::Asked, has_passwords: true, by_github: true, login: world.say("ada"), fault };
    add(out, "signin-refused", &refused);
    let short = || world.say("A password has at least 12 characters; a sentence of four or five words is easy to remember.");
    for (name, leads, fault) in [
        ("link", Leads::In { login: world.say("ada"), is_admin: true }, None),
        ("link-password", Leads::Password { login: world.say("ada") }, Some(("password".to_owned(), short()))),
        ("link-invitation", Leads::Account { is_admin: false }, None),
        (
            "link-invitation-refused",
            Leads::Account { is_admin: true },
            Some(("login".to_owned(), world.say("There is a user `ada` already."))),
        ),
    ] {
        let expires_at = now() + Duration::from_secs(1_500);
        add(out, name, &LinkPage { frame: world.outside(), leads, expires_at, login: world.say("ada"), fault });
    }
    for (name, fault) in [
        ("link-spent", LinkFault::Spent),
        ("link-expired", LinkFault::Expired),
        ("link-revoked", LinkFault::Revoked),
        ("link-unknown", LinkFault::Unknown),
    ] {
        add(out, name, &LinkFaultPage { frame: world.outside(), fault });
    }
    for (status, code, message) in [
        (404, "repo_not_found", "No repository by that name is known here, or you may not see it."),
        (403, "cross_site", "The request came from another site."),
        (500, "internal", "The commit could not be read."),
        (503, "starting", "The store is being opened."),
    ] {
        let frame = if status == 503 { world.outside() } else { world.frame() };
        let request_id = world.id::<crate::base::id::RequestId>().to_string();
        add(out, &format!("error-{status}"), &ErrorPage { frame, status, code: world.say(code), message: world.say(message), request_id });
    }
    for (name, code) in [
        ("github-state", Code::StateInvalid),
        ("github-denied", Code::GithubDenied),
        ("github-not-let-in", Code::NotLetIn),
        ("github-disabled", Code::UserDisabled),
        ("github-taken", Code::IdentityTaken),
        ("github-elsewhere", Code::CrossSite),
        ("github-soon", Code::RateLimited),
        ("github-away", Code::GithubUnavailable),
    ] {
        let frame = if code == Code::IdentityTaken { world.frame() } else { world.outside() };
        add(out, name, &GithubFaultPage { frame, code, message: world.say(code.meaning()) });
    }
    account(world, out);
    people(world, out);
    add(out, "docs", &DocsPage { frame: world.outside(), docs: Docs::read(&pages::document(world)) });
    add(out, "docs-empty", &DocsPage { frame: world.outside(), docs: Docs::default() });
    add(out, "docs-issues", &IssuesFormatPage { frame: world.outside(), format: described(world) });
    add(out, "docs-issues-empty", &IssuesFormatPage { frame: world.outside(), format: Described::default() });
}

/// Our own format, or where words are an attacker's, one whose schema they wrote.
fn described(world: &World) -> Described {
    let mut ours = Described::ours();
    for part in &mut ours.parts {
        let hostile = |text: &mut String| *text = text.replacen("The ", &world.say("The "), 1);
        hostile(&mut part.description);
        part.fields.iter_mut().for_each(|row| hostile(&mut row.description));
    }
    ours.title = world.say("Findings for Plumbline");
    ours
}

/// A token of somebody, or of the instance.
fn token(world: &World, user: Option<&'static str>) -> TokenView {
    TokenView {
        id: world.id(),
        kind: TokenKind::Personal,
        name: world.say("laptop"),
        scopes: vec![Scope::RepoRead, Scope::IssuesWrite],
        repos: Some(vec![world.say("acme/api")]),
        user: user.map(|user| world.say(user)),
        made_by: Some(world.say("ada")),
        created_at: before(9_000),
        expires_at: Some(now() + Duration::from_secs(86_400 * 20)),
        overlaps_until: None,
        last_used_at: Some(before(500)),
        revoked_at: None,
    }
}

fn account(world: &World, out: &mut Pages) {
    let session = |is_current, device: &'static str| SessionRow {
        id: world.id(),
        is_current,
        device: world.say(device),
        address: Some(world.say("192.0.2.17")),
        created_at: before(86_400 * 3),
        last_seen_at: Some(before(300)),
    };
    let token = || TokenView { overlaps_until: Some(now() + Duration::from_secs(86_000)), last_used_at: None, ..token(world, Some("ada")) };
    let page = |has_password, has_totp, tokens, outcome| AccountPage {
        frame: world.frame(),
        has_password,
        recovery_codes_left: if has_totp { Some(2) } else { None },
        github: match (has_password, has_totp) {
            (true, is_free) => GithubPart::Linked { login: world.say("octocat"), is_free },
            (false, _) => GithubPart::Open,
        },
        sessions: vec![session(true, "Firefox on Linux"), session(false, "Safari on iPhone")],
        tokens,
        outcome,
    };
    add(out, "account", &page(true, true, vec![token()], Outcome::None));
    add(out, "account-fresh", &page(false, false, Vec::new(), Outcome::None));
    let picture = || Markup::made("<svg viewBox=\"0 0 1 1\" role=\"img\" aria-label=\"The secret as a QR code\"></svg>".to_owned());
    let begun = |fault| Outcome::TotpBegun { picture: picture(), secret: world.say("MZXW6YTBOI"), fault };
    add(out, "account-totp", &page(true, false, Vec::new(), begun(None)));
    add(out, "account-totp-wrong", &page(true, false, Vec::new(), begun(Some(world.say("This is not a code of now.")))));
    let codes = (0..10).map(|_| world.say("abcd-efgh-jkmn-pqrs")).collect();
    add(out, "account-recovery", &page(true, true, Vec::new(), Outcome::TotpConfirmed(codes)));
    let made = Outcome::Token { name: world.say("laptop"), text: world.say("plb_pat_0123456789") };
    add(out, "account-token", &page(true, true, vec![token()], made));
    for (name, part) in [("password", Part::Password), ("codes", Part::Totp), ("tokens", Part::Tokens), ("github", Part::Github)] {
        let refused = Outcome::Refused(part, Code::PasswordWrong, world.say("This is not your present password."));
        add(out, &format!("account-refused-{name}"), &page(true, part == Part::Totp, Vec::new(), refused));
    }
    add(out, "account-password-set", &page(true, false, Vec::new(), Outcome::PasswordSet));
}

fn people(world: &World, out: &mut Pages) {
    let user = |login: &'static str, role, disabled| UserView {
        id: world.id(),
        login: world.say(login),
        name: world.say("Ada Lovelace"),
        avatar_url: None,
        role,
        sources: if disabled { vec![crate::domain::accounts::Source::Github] } else { vec![crate::domain::accounts::Source::Local] },
        disabled,
        held_back: !disabled && role == InstanceRole::Member,
        last_seen_at: (!disabled).then(|| before(300)),
    };
    let invitation = |note: &'static str, accepted_at, revoked_at| InvitationView {
        id: world.id(),
        role: InstanceRole::Member,
        note: world.say(note),
        made_by: Some(world.say("ada")),
        created_at: before(86_400),
        expires_at: now() + Duration::from_secs(86_400 * 6),
        accepted_at,
        revoked_at,
    };
    let users =
        vec![user("ada", InstanceRole::Admin, false), user("grace", InstanceRole::Member, true), user("joan", InstanceRole::Member, false)];
    let page = |users: Vec<UserView>, invitations, made, refused| UsersPage {
        frame: world.frame(),
        q: world.say("a"),
        me: users.first().map(|user| user.id),
        users,
        next: Some("/admin/users?q=a&cursor=00".to_owned()),
        invitations,
        made,
        refused,
        by_github: true,
    };
    let invitations = vec![
        invitation("the new colleague", None, None),
        invitation("", Some(before(60)), None),
        invitation("nobody", None, Some(before(60))),
    ];
    let made = Some((world.say("This link invites somebody"), world.say("https://plumbline.example.org/link/0123456789")));
    add(out, "users", &page(users, invitations, made, None));
    add(out, "users-none", &page(Vec::new(), Vec::new(), None, Some(world.say("`ada` is the last administrator."))));
    let token = |is_good: bool, owner| TokenView { revoked_at: (!is_good).then(|| before(60)), ..token(world, owner) };
    let page = |tokens, made, refused| TokensPage { frame: world.frame(), tokens, next: None, made, refused };
    let made = Some((world.say("ci"), world.say("plb_svc_0123456789")));
    add(out, "tokens", &page(vec![token(true, Some("ada")), token(true, None), token(false, None)], made, None));
    add(out, "tokens-none", &page(Vec::new(), None, Some(world.say("The token `ci` has ended; make a new one."))));
}
