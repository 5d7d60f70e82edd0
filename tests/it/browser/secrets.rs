//! The page of secrets and keys, as somebody has it who types.

use plumbline::domain::accounts::InstanceRole;
use serde_json::json;

use super::{browser, picture};
use crate::support::world::World;

#[tokio::test]
async fn a_name_is_judged_as_it_is_typed_and_a_value_is_gone_once_it_is_set() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.admin.json("PUT", "/api/v1/secrets/SHARED", json!({"value": "of the instance"})).await.expect(201);
    world.admin.json("PUT", &repo.path("/secrets/OWN"), json!({"value": "of the repository"})).await.expect(201);
    let url = world.app.app().public_url();
    browser.open(&format!("{url}/link/{}", world.app.link(world.app.user("ada", InstanceRole::Admin))));
    browser.click("main button");
    browser.until("location.pathname === '/'");
    browser.open(&format!("{url}/r/local/app/settings/secrets"));
    browser.look(1_280, "light");
    let says = |words: &str| browser.until(&format!("document.querySelector('#s-says').innerText.includes('{words}')"));
    browser.click("#s-name");
    browser.press("shared");
    says("takes its place");
    browser.press("-");
    says("cannot be a name");
    assert_eq!(browser.run("return document.querySelector('#s-name').getAttribute('aria-invalid')"), json!("true"));
    for (typed, words) in [("own", "it gets this value"), ("DEPLOY", "is free")] {
        browser.run(
            "const field = document.querySelector('#s-name'); field.value = ''; field.dispatchEvent(new Event('input')); field.focus()",
        );
        browser.until("document.querySelector('#s-says').innerText === ''");
        browser.press(typed);
        says(words);
    }
    assert_eq!(browser.run("return document.querySelector('#s-name').getAttribute('aria-invalid')"), json!(null));
    browser.click("#s-value");
    browser.press("short");
    browser.click("[action$='/settings/secrets'] button");
    browser.until("document.querySelector('#s-fault')?.innerText.includes('at least 6 characters')");
    assert_eq!(
        browser.run("return [document.querySelector('#s-name').value, document.querySelector('#s-value').value]"),
        json!(["DEPLOY", ""])
    );
    browser.run("document.querySelector('#s-value').value = 'first line\\nsecond line'");
    browser.click("[action$='/settings/secrets'] button");
    browser.until("[...document.querySelectorAll('.secrets .what')].some((name) => name.innerText === 'DEPLOY') && !document.querySelector('#s-fault')");
    assert_eq!(browser.run("return document.documentElement.outerHTML.includes('second line')"), json!(false));
    let value = world.app.app().read_now(|tx, _| {
        let rows = plumbline::domain::secrets::all_secrets(tx, None, 10)?;
        let row = rows.iter().find(|row| row.name.as_str() == "DEPLOY").expect("it was set");
        plumbline::domain::secrets::open(&world.app.app().vault, row)
    });
    assert_eq!(value.unwrap().expose(), "first line\nsecond line", "a browser ends lines as HTTP does, and programs do not");

    browser.click("[action$='/settings/keys'] > div > button");
    browser.until("document.querySelector('#keys-for-ssh').innerText.includes('SHA256:')");
    assert!(browser.text("#keys-for-ssh").contains("ssh-ed25519 AAAA"));
    picture(&browser, "secrets.png");
    browser.look(390, "dark");
    let sideways = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.run(sideways), json!(false), "nothing scrolls sideways");
    picture(&browser, "secrets-narrow.png");
    browser.open(&format!("{url}/admin/secrets"));
    assert_eq!(browser.run(sideways), json!(false));
    browser.click(".secrets button");
    browser.until("document.querySelector('.none')?.innerText.includes('None yet')");
    // That a value was refused is told with a status, of which browsers complain.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|complaint| complaint.contains("400")), "{complaints:?}");
}
