//! The suites that drive the program with real clients (`tests/e2e`) and with a browser (`tests/console`), and the
//! independent reader of its format (`tests/format`): all are Python, and run here so that one command tests all.
//!
//! What is missing from PyPI goes into a virtual environment below the build folder; rclone comes
//! from the system. Nothing is skipped in silence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Programs that the suite calls by name.
const PROGRAMS: [&str; 2] = ["aws", "moto_server"];
/// What it imports.
const IMPORTS: &str = "import awscrt, axe_playwright_python, boto3, botocore, cryptography, moto.server, playwright, pytest, requests, sqlcipher3";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The folder of the build, in which this test's own executable lies.
fn build_folder() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_sealgate"));
    program.parent().and_then(Path::parent).unwrap().to_owned()
}

fn succeeds(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A Python that has what the suite needs, and the folder of its programs if that is not on the path.
fn python(requirements: &Path) -> (PathBuf, Option<PathBuf>) {
    let system = PathBuf::from("python3");
    if PROGRAMS.iter().all(|program| on_path(program))
        && succeeds(Command::new(&system).args(["-c", IMPORTS]))
    {
        return (system, None);
    }
    let folder = build_folder().join("python-for-tests");
    let (programs, python) = (folder.join("bin"), folder.join("bin/python3"));
    // What was installed is remembered as it was asked for, so that a changed list is installed anew.
    let installed = folder.join("installed.txt");
    let wanted = fs::read_to_string(requirements).unwrap();
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return (python, Some(programs));
    }
    println!(
        "installing tests/requirements.txt into {}",
        folder.display()
    );
    let made = Command::new(&system)
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "a virtual environment cannot be made: install Python 3.10 or later with venv (apt-get install python3-venv)"
    );
    let pip = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(requirements)
        .status();
    assert!(
        pip.is_ok_and(|status| status.success()),
        "the packages of tests/requirements.txt cannot be installed; see above"
    );
    fs::write(&installed, wanted).unwrap();
    (python, Some(programs))
}

/// The suites share a virtual environment, and the machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run(suites: &[&str]) {
    let _turn = ONE_AT_A_TIME.lock();
    let root = workspace();
    let (python, programs) = python(&root.join("tests/requirements.txt"));

    let mut command = Command::new(python);
    command.args(["-m", "pytest"]).args(suites).args([
        "-q",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    command.current_dir(&root).stdin(Stdio::null());
    command
        .env("SEALGATE_BIN", env!("CARGO_BIN_EXE_sealgate"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(programs) = programs {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(programs).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).unwrap());
    }
    let output = command.stderr(Stdio::piped()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "the suite {} failed: {}",
        suites.join(" "),
        output.status
    );
}

#[test]
fn real_clients_and_the_independent_reader_are_served() {
    assert!(
        on_path("rclone"),
        "rclone is missing, and the suite drives it: apt-get install rclone"
    );
    run(&["tests/e2e", "tests/format"]);
}

#[test]
fn a_browser_is_served() {
    assert!(
        on_path("chromium"),
        "chromium is missing, and the suite drives it: apt-get install chromium"
    );
    run(&["tests/console"]);
}
