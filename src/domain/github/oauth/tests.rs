use super::*;

fn door() -> Door {
    Door {
        client_id: "Iv23.a".to_owned(),
        client_secret: Secret::new("secret".to_owned()),
        url: "https://git.acme.example".to_owned(),
        api_url: "https://git.acme.example/api/v3".to_owned(),
        redirect_url: format!("https://plumbline.acme.example{CALLBACK}"),
    }
}

#[test]
fn an_address_has_the_hash_of_the_verifier_and_nothing_that_is_secret() {
    let address = door().address("the-state", "the-cookie").unwrap();
    assert!(address.starts_with("https://git.acme.example/login/oauth/authorize?"), "{address}");
    let verifier = verifier("the-cookie");
    assert!((43..=128).contains(&verifier.secret().len()));
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    assert!(address.contains(&format!("code_challenge={}&code_challenge_method=S256", challenge.as_str())), "{address}");
    assert!(address.contains("redirect_uri=https%3A%2F%2Fplumbline.acme.example%2Fauth%2Fgithub%2Fcallback"), "{address}");
    assert!(!address.contains("the-cookie") && !address.contains("secret") && !address.contains(verifier.secret().as_str()), "{address}");
}

#[test]
fn a_refusal_that_comes_as_a_success_is_one() {
    let status = |status, body: &str| as_the_standard_says(status, body.as_bytes().to_vec()).status().as_u16();
    assert_eq!(status(200, r#"{"error": "bad_verification_code", "error_description": "It has expired."}"#), 400);
    assert_eq!(status(200, r#"{"access_token": "a", "token_type": "bearer", "scope": ""}"#), 200);
    assert_eq!((status(200, "<html>"), status(502, "<html>"), status(9, "")), (200, 502, 502));
}

#[test]
fn only_this_github_is_the_one_that_answers() {
    let door = door();
    assert!(door.is_issuer("https://git.acme.example") && door.is_issuer("https://git.acme.example/login/oauth"));
    for other in ["", "https://git.acme.example.evil.example", "https://github.com/login/oauth", "http://git.acme.example/"] {
        assert!(!door.is_issuer(other), "{other}");
    }
}
