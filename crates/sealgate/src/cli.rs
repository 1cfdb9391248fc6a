//! The command line: what can be said there, and the help a person learns it from.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::top::TopArgs;

const ABOUT: &str = "An S3-compatible object store that encrypts everything it stores";

const LONG_ABOUT: &str = "\
Sealgate speaks Amazon's own APIs (S3, KMS, IAM, STS, CloudTrail) on one port and encrypts every \
byte before it reaches storage, under keys that it enforces.";

const EXAMPLES: &str = "\
Examples:
  sealgate serve
      Everything, kept in ./data, on http://127.0.0.1:9000 and https://127.0.0.1:9443.
  sealgate serve --data /srv/sealgate --listen none --listen-tls 0.0.0.0:443
      TLS only, on all interfaces.
  sealgate serve --store s3://my-bucket/prefix --config /etc/sealgate.toml
      Bodies in another object store; keys, names and metadata stay in the data folder.";

const SERVE_HELP: &str = "\
The first start makes, in the data folder: the root key that everything hangs on (keep a copy of \
DATA/root.key in a safe place, or `sealgate root split` it: without it nothing can be read again), a certificate authority and \
a server certificate, and an account with its root access key. It prints `export AWS_…` lines: \
paste them into a shell and `aws s3 mb s3://first` works. They are also kept in DATA/credentials. \
With --bootstrap the identities come from that file instead.

When it serves, it prints one line: ready http://… https://…
Logs go to standard error. SIGTERM or Ctrl-C stops accepting and lets requests finish; a second \
one stops at once. SIGHUP reads the certificate again.

Precedence: flag, then environment variable, then the file given with --config, then default.
Paths are relative to the working folder.

The file (TOML; every key is optional):
  data = \"./data\"                    # data folder
  listen = \"127.0.0.1:9000\"          # HTTP; \"none\" for none
  listen_tls = \"127.0.0.1:9443\"      # HTTPS; \"none\" for none
  bootstrap = \"identities.toml\"      # identities to create if missing
  region = \"us-east-1\"               # what requests must be signed for
  domains = [\"localhost\"]            # BUCKET.DOMAIN names a bucket (virtual-host style)
  website_domains = []               # BUCKET.DOMAIN is the bucket's website
  cleartext_secrets = \"loopback\"     # SSE-C and KMS plaintext over HTTP: loopback, never, always
  trusted_proxies = [\"10.0.0.0/8\"]   # whose X-Forwarded-For and -Proto count
  metrics = \"loopback\"               # who may read /metrics: loopback, public
  console = true                     # the console in the browser, at /console/
  console_listen = \"ADDRESS\"         # an address of its own for it; then it is nowhere else
  index = \"sqlite:PATH\"              # default: index.db in the data folder
  index_encryption = true            # fixed at the first start
  inline_limit = 16384               # bodies whose sealed form is at most this long live in the index
  garbage_grace = \"10m\"              # replaced bodies are deleted after this time
  block_sse_c_on_new_buckets = false # true: as AWS since April 2026

  trail_delivery = \"5m\"             # how often trails deliver into their buckets
  lifecycle_interval = \"15m\"        # how often it is looked whether lifecycle rules are due
  access_log_delivery = \"5m\"        # how often access logs are delivered into theirs

  key_cache_time = \"5m\"             # how long plaintext keys of the KMS stay in memory: 1s to 1h
  key_cache_size = 1024              # how many at most

  root = \"pkcs11:…\"                 # who holds the root key; default: DATA/root.key
  root_passphrase_file = \"…\"       # for root = \"passphrase\"; or the variable SEALGATE_ROOT_PASSPHRASE
  root_check_interval = \"10s\"      # how often a token, KMS or Vault is asked again
  root_grace = \"30s\"               # unreachable for longer, it counts as lost: no key is used

  [store]                            # variables: SEALGATE_STORE, SEALGATE_STORE_ENDPOINT, …
  url = \"s3://bucket/prefix\"         # or file:PATH, gs://, az://; default: blobs in the data folder
  endpoint = \"https://…\"             # of an S3-compatible service other than AWS
  region = \"us-east-1\"
  access_key_id = \"…\"
  secret_access_key = \"…\"
  session_token = \"…\"
  credentials_file = \"…\"             # of a Google service account, for gs://
  ca_file = \"…\"                      # certificate authorities to trust instead of the system's
  allow_http = false

  [tls]                              # instead of the certificate made at first start
  certificate = \"chain.pem\"
  key = \"key.pem\"

  [xks]                              # proxies of external key stores
  ca_file = \"…\"                      # certificate authorities to trust instead of the system's
  timeout = \"250ms\"                 # the longest wait for an answer
  allow_http = false                 # true: plain HTTP to a proxy on this machine

  [limits]
  connections = 4096                 # open at a time; more wait
  header_timeout = \"60s\"             # for a request's headers, and between requests
  idle_timeout = \"60s\"               # a body that makes no progress for this long is given up
  drain_timeout = \"30s\"              # for requests to finish at shutdown

  [log]
  level = \"info\"                     # error, warn, info, debug, trace
  format = \"auto\"                    # auto (text on a terminal, else JSON), text, json";

/// The command line.
#[derive(Parser)]
#[command(name = "sealgate", version, about = ABOUT, long_about = LONG_ABOUT, after_help = EXAMPLES)]
pub struct Cli {
    /// The data folder.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run the gateway
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Watch a gateway in the terminal: operations, throughput, latency, use of keys
    Top(TopArgs),
    /// Print the version
    Version,
    #[command(flatten)]
    Operator(commands::Command),
}

/// Which data folder, and how it is opened.
#[derive(Args, Clone, Default)]
pub struct FolderArgs {
    /// Data folder [default: ./data]
    #[arg(long, global = true, env = "SEALGATE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Configuration file (TOML); `serve --help` lists its keys
    #[arg(long, global = true, env = "SEALGATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Who holds the root key: file:PATH, env:NAME, credential:NAME, passphrase, pkcs11:…, kms:ARN?…, vault:URL
    /// [default: what the data folder says; DATA/root.key in a new one]
    #[arg(long, global = true, env = "SEALGATE_ROOT", value_name = "HOLDER")]
    pub root: Option<String>,

    /// A file with the passphrase of the root key
    #[arg(
        long,
        global = true,
        env = "SEALGATE_ROOT_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    pub root_passphrase_file: Option<PathBuf>,
}

/// What `serve` can be told. Nothing here is a secret: other users of a machine see command lines.
#[derive(Args, Default)]
pub struct ServeArgs {
    /// The data folder.
    #[arg(skip)]
    pub folder: FolderArgs,

    /// At a first start, let a token make the key that it wraps the root key under, if there is none
    #[arg(long)]
    pub root_make_wrapping_key: bool,

    /// Address for HTTP, or "none" [default: 127.0.0.1:9000]
    #[arg(long, env = "SEALGATE_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,

    /// Address for HTTPS, or "none" [default: 127.0.0.1:9443]
    #[arg(long, env = "SEALGATE_LISTEN_TLS", value_name = "ADDR")]
    pub listen_tls: Option<String>,

    /// Where sealed bodies go: file:PATH, s3://BUCKET/PREFIX, gs://…, az://… [default: DATA/blobs]
    #[arg(long, env = "SEALGATE_STORE", value_name = "URL")]
    pub store: Option<String>,

    /// Where the index is: sqlite:PATH [default: DATA/index.db]
    #[arg(long, env = "SEALGATE_INDEX", value_name = "URL")]
    pub index: Option<String>,

    /// Identities to create if they are missing (TOML)
    #[arg(long, env = "SEALGATE_BOOTSTRAP", value_name = "FILE")]
    pub bootstrap: Option<PathBuf>,

    /// Region that requests must be signed for [default: us-east-1]
    #[arg(long, env = "SEALGATE_REGION", value_name = "REGION")]
    pub region: Option<String>,

    /// How long plaintext keys of the KMS stay in memory, 1s to 1h [default: 5m]
    #[arg(long, env = "SEALGATE_KEY_CACHE_TIME", value_name = "TIME")]
    pub key_cache_time: Option<String>,

    /// How many of them stay there at most [default: 1024]
    #[arg(long, env = "SEALGATE_KEY_CACHE_SIZE", value_name = "NUMBER")]
    pub key_cache_size: Option<usize>,

    /// How much to log: error, warn, info, debug, trace [default: info]
    #[arg(long, env = "SEALGATE_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Form of the log: auto, text, json [default: auto]
    #[arg(long, env = "SEALGATE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
