use super::*;

fn build(file: &str, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plumbline.toml");
    std::fs::write(&path, file).unwrap();
    let sources = Sources {
        file: Some(path),
        data: Some(PathBuf::from("/data")),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    Config::build(&sources).map_err(|error| error.to_string().replace(&dir.path().display().to_string(), ""))
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\nlog = \"warn\"\n[repos]\npoll_interval = \"5m\"\n";
    let config = build(file, &[("PLUMBLINE_LISTEN", "127.0.0.1:2"), ("PLUMBLINE_LOG", "debug")], &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log, LogLevel::Debug);
    assert_eq!(config.poll_interval, Duration::from_secs(300));
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let error = build("[repos]\npoll_intervall = \"5m\"\n", &[], &[]).unwrap_err();
    assert!(error.contains("`repos.poll_intervall`") && error.contains("`repos.poll_interval`"), "{error}");
    let error = build("", &[("PLUMBLINE_LISTN", "x")], &[]).unwrap_err();
    assert!(error.contains("PLUMBLINE_LISTEN"), "{error}");
}

#[test]
fn a_wrong_value_says_where_it_stands_and_what_was_expected() {
    assert!(build("listen = 80.5", &[], &[]).unwrap_err().contains("listen"));
    assert!(build("[repos]\npoll_interval = \"0s\"", &[], &[]).unwrap_err().contains("from one second to a day"));
    assert!(build("", &[("PLUMBLINE_PUBLIC_URL", "ftp://x")], &[]).unwrap_err().contains("$PLUMBLINE_PUBLIC_URL"));
    assert!(build("listen = ", &[], &[]).unwrap_err().contains("line 1, column"));
    assert!(build("[repos]\nlocal_roots = \"/srv\"", &[], &[]).unwrap_err().contains("not a list"));
}

#[test]
fn a_port_alone_means_loopback() {
    assert_eq!(build("listen = 8080", &[], &[]).unwrap().listen.to_string(), "127.0.0.1:8080");
    assert_eq!(build("listen = \":8080\"", &[], &[]).unwrap().listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn what_is_printed_reads_back_as_the_same_configuration() {
    let config =
        build("", &[("PLUMBLINE_REPOS_LOCAL_ROOTS", "/srv/git, /home"), ("PLUMBLINE_PUBLIC_URL", "https://p.example/")], &[]).unwrap();
    assert_eq!(build(&config.print(), &[], &[]).unwrap(), config);
    assert!(KEYS.iter().all(|key| config.print().contains(key.name.rsplit('.').next().unwrap())));
}

#[test]
fn data_goes_where_the_desktop_keeps_it_unless_told() {
    let env = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let of = |env| Config::build(&Sources { env, ..Sources::default() }).map(|config| config.data_dir);
    assert_eq!(of(env(&[("HOME", "/home/ada")])).unwrap(), Path::new("/home/ada/.local/share/plumbline"));
    assert_eq!(of(env(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "/xdg")])).unwrap(), Path::new("/xdg/plumbline"));
    assert!(matches!(of(env(&[])), Err(Error::NoHome)));
}

#[test]
fn a_configuration_by_default_reads_no_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("plumbline.toml"), "listen = \"nowhere\"\n").unwrap();
    assert_eq!(Config::in_directory(dir.path()).listen.port(), 7867);
}

#[test]
fn what_never_ends_is_no_configuration() {
    let sources = Sources { file: Some(PathBuf::from("/dev/zero")), data: Some(PathBuf::from("/data")), ..Sources::default() };
    assert!(Config::build(&sources).unwrap_err().to_string().contains("`/dev/zero`"));
}

#[test]
fn a_secret_of_the_app_stands_in_the_environment_or_in_a_file_and_is_printed_by_neither() {
    let of = |pairs: &[(&str, &str)]| build("", pairs, &[]);
    let config = of(&[("PLUMBLINE_GITHUB_CLIENT_SECRET", "marigold"), ("PLUMBLINE_GITHUB_APP_PRIVATE_KEY_FILE", "/etc/key.pem")]).unwrap();
    assert!(matches!(&config.github.client_secret, Some(Given::Text(text)) if text.expose() == "marigold"));
    assert!(matches!(&config.github.private_key, Some(Given::File(path)) if path == Path::new("/etc/key.pem")));
    let printed = config.print();
    assert!(printed.contains("client_secret = \"[hidden]\"") && printed.contains("app_private_key_file = \"/etc/key.pem\""), "{printed}");
    assert!(!printed.contains("marigold"));
    let both = of(&[("PLUMBLINE_GITHUB_WEBHOOK_SECRET", "a"), ("PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE", "/b")]).unwrap_err();
    assert!(both.contains("`github.webhook_secret` is set beside `github.webhook_secret_file`"), "{both}");
}
