//! A certificate for the bare pipeline.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where it goes.
#[derive(clap::Args)]
pub struct Options {
    /// Folder for cert.pem and key.pem
    #[arg(long)]
    dir: PathBuf,
}

/// Makes the files.
pub fn run(options: &Options) -> Result<()> {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).context("making a certificate")?;
    fs::create_dir_all(&options.dir)?;
    fs::write(options.dir.join("cert.pem"), made.cert.pem())?;
    fs::write(
        options.dir.join("key.pem"),
        made.signing_key.serialize_pem(),
    )?;
    Ok(())
}
