//! The program as its operator sees it: what it prints, what it refuses, how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that runs, and is killed if the test forgets it.
struct Gateway {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The lines before `ready`.
    greeting: Vec<String>,
    http: String,
    https: String,
}

fn sealgate(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
    command.arg("serve").arg("--data").arg(data).args([
        "--listen",
        "127.0.0.1:0",
        "--listen-tls",
        "127.0.0.1:0",
    ]);
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SEALGATE_")) {
        command.env_remove(name);
    }
    command
}

impl Gateway {
    fn start(data: &Path, arguments: &[&str]) -> Gateway {
        let mut child = sealgate(data, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut gateway = Gateway {
            child,
            stdout,
            greeting: Vec::new(),
            http: String::new(),
            https: String::new(),
        };
        gateway.read_greeting();
        gateway
    }

    fn read_greeting(&mut self) {
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "ended before it was ready: {:?}", self.greeting);
            let line = line.trim_end();
            let Some(urls) = line.strip_prefix("ready ") else {
                self.greeting.push(line.to_owned());
                continue;
            };
            for url in urls.split(' ') {
                let place = if url.starts_with("https:") {
                    &mut self.https
                } else {
                    &mut self.http
                };
                *place = url.to_owned();
            }
            return;
        }
    }

    fn address(&self) -> &str {
        self.http.strip_prefix("http://").unwrap()
    }

    fn exported(&self, name: &str) -> Option<String> {
        let prefix = format!("export {name}=");
        self.greeting
            .iter()
            .find_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([name, &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(mut self) {
        self.signal("-TERM");
        assert!(self.wait().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(
            rest, "",
            "nothing but the greeting belongs on standard output"
        );
    }

    fn get(&self, path: &str) -> String {
        let stream = TcpStream::connect(self.address()).unwrap();
        get(stream, path)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(mut stream: impl Read + Write, path: &str) -> String {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    // A TLS peer may close without a farewell.
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The sentence of a gateway that refuses to start.
fn refusal(data: &Path, arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = sealgate(data, arguments).output().unwrap();
    assert!(!status.success());
    assert!(stdout.is_empty());
    let text = String::from_utf8(stderr).unwrap();
    let sentence = text
        .lines()
        .find_map(|line| line.strip_prefix("sealgate: "))
        .unwrap_or_else(|| panic!("{text}"));
    sentence.to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_first_start_prints_credentials_once_and_keeps_them() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let gateway = Gateway::start(&data, &[]);
    assert!(
        gateway
            .exported("AWS_ACCESS_KEY_ID")
            .unwrap()
            .starts_with("AKIA")
    );
    assert!(gateway.exported("AWS_SECRET_ACCESS_KEY").unwrap().len() >= 40);
    assert_eq!(
        gateway.exported("AWS_REGION").unwrap(),
        "us-east-1 AWS_DEFAULT_REGION=us-east-1"
    );
    assert_eq!(gateway.exported("AWS_ENDPOINT_URL").unwrap(), gateway.https);
    assert!(Path::new(&gateway.exported("AWS_CA_BUNDLE").unwrap()).is_file());
    let kept = fs::read_to_string(data.join("credentials")).unwrap();
    for line in gateway
        .greeting
        .iter()
        .filter(|line| line.starts_with("export "))
    {
        assert!(kept.contains(line.as_str()));
    }
    for file in [
        "credentials",
        "root.key",
        "VERSION",
        "index.db",
        "tls/key.pem",
        "tls/ca-key.pem",
    ] {
        assert_eq!(
            mode(&data.join(file)) & 0o077,
            0,
            "{file} is readable by others"
        );
    }
    assert_eq!(mode(&data), 0o700);
    gateway.stop();

    let gateway = Gateway::start(&data, &[]);
    assert_eq!(gateway.greeting, Vec::<String>::new());
    gateway.stop();
}

#[test]
fn health_and_metrics_answer() {
    let temp = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(temp.path(), &[]);
    for path in ["/health", "/health/live", "/health/ready"] {
        let answer = gateway.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(
            answer.to_lowercase().contains("server: sealgate"),
            "{answer}"
        );
        assert!(answer.contains("x-amz-request-id"), "{answer}");
    }
    assert!(gateway.get("/health/other").starts_with("HTTP/1.1 404"));
    // Nobody is signed in at the console.
    assert!(gateway.get("/console/").starts_with("HTTP/1.1 303"));
    let metrics = gateway.get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    for name in [
        "\nsealgate_build_info",
        "\nsealgate_integrity_failures_total",
        "\nsealgate_data_key_uses_total",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    gateway.stop();
}

#[test]
fn an_unsigned_request_is_refused_in_the_words_of_s3() {
    let temp = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(temp.path(), &[]);
    let answer = gateway.get("/");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("AccessDenied"), "{answer}");
    gateway.stop();
}

#[test]
fn https_shows_a_certificate_of_the_printed_authority() {
    let temp = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(temp.path(), &[]);
    let mut roots = rustls::RootCertStore::empty();
    let bundle = gateway.exported("AWS_CA_BUNDLE").unwrap();
    roots
        .add(CertificateDer::from_pem_file(bundle).unwrap())
        .unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    for name in ["127.0.0.1", "localhost"] {
        let name = ServerName::try_from(name).unwrap();
        let session = rustls::ClientConnection::new(Arc::new(config.clone()), name).unwrap();
        let stream = TcpStream::connect(gateway.https.strip_prefix("https://").unwrap()).unwrap();
        let answer = get(rustls::StreamOwned::new(session, stream), "/health/live");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Asking for another reading of the certificate disturbs nobody.
    gateway.signal("-HUP");
    assert!(gateway.get("/health/live").starts_with("HTTP/1.1 200"));
    gateway.stop();
}

#[test]
fn identities_of_a_file_take_the_place_of_the_first_account() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("identities.toml");
    fs::write(
        &file,
        "[[account]]\nid = '111111111111'\nname = 'main'\n\
         access_key = { id = 'AKIAIOSFODNN7EXAMPLE', secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }\n",
    )
    .unwrap();
    let data = temp.path().join("data");
    let arguments = ["--bootstrap", file.to_str().unwrap()];
    for _ in 0..2 {
        let gateway = Gateway::start(&data, &arguments);
        assert_eq!(gateway.greeting, Vec::<String>::new());
        assert!(!data.join("credentials").exists());
        gateway.stop();
    }
}

#[test]
fn a_second_process_on_the_folder_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(temp.path(), &[]);
    assert!(refusal(temp.path(), &[]).contains("in use by another process"));
    assert!(gateway.get("/health/live").starts_with("HTTP/1.1 200"));
    gateway.stop();
}

#[test]
fn a_folder_that_is_not_whole_or_not_ours_is_refused_untouched() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    Gateway::start(&data, &[]).stop();

    for (part, word) in [
        ("root.key", "root key"),
        ("index.db", "index"),
        ("blobs", "sealed bodies"),
    ] {
        let (there, aside) = (data.join(part), temp.path().join("aside"));
        fs::rename(&there, &aside).unwrap();
        let sentence = refusal(&data, &[]);
        assert!(
            sentence.contains("missing") && sentence.contains(word),
            "{sentence}"
        );
        assert!(!there.exists(), "{part} was made anew");
        fs::rename(&aside, &there).unwrap();
    }

    let version = data.join("VERSION");
    fs::write(&version, "sealgate data 99\n").unwrap();
    assert!(refusal(&data, &[]).contains("version 99"));
    fs::write(&version, "sealgate data 1\n").unwrap();
    Gateway::start(&data, &[]).stop();

    // The root key of another folder opens nothing here.
    let other = temp.path().join("other");
    Gateway::start(&other, &[]).stop();
    fs::copy(other.join("root.key"), data.join("root.key")).unwrap();
    assert!(refusal(&data, &[]).contains("index"));

    let foreign = temp.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "x").unwrap();
    assert!(refusal(&foreign, &[]).contains("not a data folder of Sealgate"));
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_served_is_said_in_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let gateway = Gateway::start(&data, &[]);
    let other = temp.path().join("other");
    let sentence = refusal(&other, &["--log-level", "loud"]);
    assert!(sentence.contains("log.level"), "{sentence}");
    assert!(!other.exists());
    let taken = gateway.address().to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
    command.arg("serve").arg("--data").arg(&other).args([
        "--listen",
        &taken,
        "--listen-tls",
        "none",
    ]);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains(&taken) && text.contains("cannot be listened on"),
        "{text}"
    );
    gateway.stop();
    // Nothing of the failed first start is in the way of the next.
    let gateway = Gateway::start(&other, &[]);
    assert!(gateway.exported("AWS_ACCESS_KEY_ID").is_some());
    gateway.stop();
}

#[test]
fn sigterm_lets_a_request_finish_and_refuses_new_clients() {
    let temp = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(temp.path(), &[]);
    // A request that is half way in when the signal comes.
    let mut under_way = TcpStream::connect(gateway.address()).unwrap();
    write!(
        under_way,
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    gateway.signal("-TERM");
    let begin = Instant::now();
    while TcpStream::connect(gateway.address()).is_ok() {
        assert!(begin.elapsed() < PATIENCE, "it still accepts");
        std::thread::sleep(Duration::from_millis(20));
    }
    write!(under_way, "\r\n").unwrap();
    let mut answer = String::new();
    let _ = under_way.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(gateway.wait().success());
}

#[test]
fn version_and_help_are_there() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sealgate"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let version = run(&["version"]);
    let (name, libraries) = version.split_once('\n').unwrap();
    assert_eq!(name, format!("sealgate {}", env!("CARGO_PKG_VERSION")));
    assert!(libraries.starts_with("cryptography: "), "{libraries}");
    assert_eq!(libraries.contains("AWS-LC FIPS"), cfg!(feature = "fips"));
    assert!(run(&["--help"]).contains("sealgate serve"));
    let help = run(&["serve", "--help"]);
    for word in [
        "SEALGATE_DATA",
        "root.key",
        "cleartext_secrets",
        "trusted_proxies",
    ] {
        assert!(help.contains(word), "{word}");
    }
}
