//! The configuration: one value of types, made once from flags, environment, file and defaults.

mod file;
mod notifications;
mod replication;
mod values;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use sealgate_blobs::RemoteConfig;
use sealgate_iam::CleartextSecrets;
use sealgate_kms::ExternalKeyStores;
use sealgate_notify::TargetConfig;
use sealgate_s3::storage_class;
use sealgate_trust::{Lease, RootConfig, RootError, Secrets, Source};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::cli::ServeArgs;
use file::{ConfigFile, StoreSection};
pub use values::{LogFormat, LogLevel, MetricsAccess};

/// Bodies up to this size live in the index, where the index shares the fate of the store.
const DEFAULT_INLINE_LIMIT: u64 = 16 * 1024;
/// An inline body is a row: beyond this a blob is better in every way.
const MAX_INLINE_LIMIT: u64 = 1024 * 1024;
const SHORTEST_KEY_CACHE: Duration = Duration::from_secs(1);
const LONGEST_KEY_CACHE: Duration = Duration::from_secs(60 * 60);
const LARGEST_KEY_CACHE: usize = 65536;

/// Why a configuration cannot be used. The texts are the sentences a person reads at start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the configuration file {path} has an error: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A value means nothing.
    #[error("{name} is {value:?}, but {expected}")]
    Value {
        /// The flag, variable or key.
        name: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// The holder of the root key is not one.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Values that do not go together.
    #[error("{0}")]
    Conflict(&'static str),
}

/// What `serve` runs with.
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Address of the HTTP listener.
    pub listen: Option<SocketAddr>,
    /// Address of the HTTPS listener.
    pub listen_tls: Option<SocketAddr>,
    /// Where blobs go.
    pub store: StoreConfig,
    /// Where bodies of other storage classes are.
    pub storage_classes: BTreeMap<String, StoreConfig>,
    /// The index file, where it is not in its place in the data folder.
    pub index: Option<PathBuf>,
    /// Whether the index file is encrypted as a whole.
    pub index_encryption: bool,
    /// Identities to apply at start.
    pub bootstrap: Option<PathBuf>,
    /// The region of this gateway.
    pub region: String,
    /// Domains under which buckets are names.
    pub domains: Vec<String>,
    /// Domains under which buckets are websites.
    pub website_domains: Vec<String>,
    /// Where secrets may come over cleartext.
    pub cleartext_secrets: CleartextSecrets,
    /// Proxies whose word about the client counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
    /// Whether, and where, there is a console.
    pub console: ConsoleAccess,
    /// Certificate chain and key to serve with, instead of those made at first start.
    pub tls: Option<TlsFiles>,
    /// Bodies up to this many bytes live in the index.
    pub inline_limit: u64,
    /// Who holds the root key.
    pub root: RootConfig,
    /// How often trails deliver into their buckets.
    pub trail_delivery: Duration,
    /// How often it is looked whether lifecycle rules are due.
    pub lifecycle_interval: Duration,
    /// How often access logs are delivered into their buckets.
    pub access_log_delivery: Duration,
    /// How long plaintext key material stays in memory, and how much of it.
    pub key_cache: KeyCache,
    /// How long a replaced blob stays.
    pub garbage_grace: Duration,
    /// Whether new buckets refuse SSE-C.
    pub block_sse_c_on_new_buckets: bool,
    /// How the proxies of external key stores are talked to.
    pub external_key_stores: ExternalKeyStores,
    /// Bounds on connections and time.
    pub limits: Limits,
    /// How much is logged.
    pub log_level: LogLevel,
    /// In which form.
    pub log_format: LogFormat,
    /// Where notifications may go, by name.
    pub notifications: BTreeMap<String, TargetConfig>,
    /// Where buckets are replicated to beside this gateway, by name.
    pub replication: BTreeMap<String, sealgate_s3::replication::RemoteConfig>,
}

/// Where the console is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleAccess {
    /// Nowhere.
    Off,
    /// Beside the APIs, below `/console/`.
    BesideApis,
    /// On an address of its own, and nowhere else.
    Alone(SocketAddr),
}

/// The caches of plaintext keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyCache {
    /// How long a key is kept.
    pub time: Duration,
    /// How many are kept.
    pub size: NonZeroUsize,
}

impl Default for KeyCache {
    fn default() -> KeyCache {
        KeyCache {
            time: Duration::from_secs(300),
            size: NonZeroUsize::MIN.saturating_add(1023),
        }
    }
}

/// Where blobs go.
pub enum StoreConfig {
    /// A local folder; `None`: in its place in the data folder.
    Local(Option<PathBuf>),
    /// An object store.
    Remote(Box<RemoteConfig>),
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Bounds on connections and time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// For the headers of a request, and the wait between requests.
    pub header_timeout: Duration,
    /// For progress of a body in either direction.
    pub idle_timeout: Duration,
    /// For requests to finish at shutdown.
    pub drain_timeout: Duration,
}

impl Config {
    /// Puts flags (with their variables, already in `args`), the variables of the store, the file
    /// and the defaults together, in that order of precedence.
    pub fn load(
        args: &ServeArgs,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let file = match &args.folder.config {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        Config::merge(args, &env, file)
    }

    fn merge(
        args: &ServeArgs,
        env: &dyn Fn(&str) -> Option<String>,
        file: ConfigFile,
    ) -> Result<Config, ConfigError> {
        let listen = args
            .listen
            .clone()
            .or(file.listen)
            .unwrap_or_else(|| "127.0.0.1:9000".into());
        let listen_tls = args
            .listen_tls
            .clone()
            .or(file.listen_tls)
            .unwrap_or_else(|| "127.0.0.1:9443".into());
        let listen = values::listen_address("listen", &listen)?;
        let listen_tls = values::listen_address("listen_tls", &listen_tls)?;
        if listen.is_none() && listen_tls.is_none() {
            return Err(ConfigError::Conflict(
                "listen and listen_tls are both \"none\": there is nothing to serve on",
            ));
        }

        let store = store_of(args.store.clone(), env, file.store.unwrap_or_default())?;
        let storage_classes = storage_classes(file.storage_classes.unwrap_or_default())?;
        let index = args
            .index
            .clone()
            .or(file.index)
            .map(|url| values::index_path(&url))
            .transpose()?;
        let inline_limit = match (file.inline_limit, &store) {
            (Some(limit), _) if limit > MAX_INLINE_LIMIT => {
                return Err(ConfigError::Value {
                    name: "inline_limit",
                    value: limit.to_string(),
                    expected: format!("it may be at most {MAX_INLINE_LIMIT} bytes"),
                });
            }
            (Some(limit), _) => limit,
            (None, StoreConfig::Local(_)) => DEFAULT_INLINE_LIMIT,
            // The disk of the gateway is not where the owner of a remote store expects bodies.
            (None, StoreConfig::Remote(_)) => 0,
        };

        let mut root = RootConfig::new(
            args.folder
                .root
                .clone()
                .or(file.root)
                .map(|text| Source::parse(&text))
                .transpose()?,
            root_secrets(
                args.folder
                    .root_passphrase_file
                    .clone()
                    .or(file.root_passphrase_file),
            ),
        );
        root.make_wrapping_key = args.root_make_wrapping_key;
        root.lease = Lease {
            interval: timeout("root_check_interval", file.root_check_interval, 10)?,
            grace: values::duration("root_grace", file.root_grace, Duration::from_secs(30))?,
        };

        let limits = file.limits.unwrap_or_default();
        let connections = limits.connections.unwrap_or(4096);
        if connections == 0 {
            return Err(ConfigError::Value {
                name: "limits.connections",
                value: "0".into(),
                expected: "at least one connection must be possible".into(),
            });
        }
        let xks = file.xks.unwrap_or_default();
        let external_key_stores = ExternalKeyStores {
            ca_file: xks.ca_file,
            timeout: match xks.timeout {
                Some(timeout_given) => timeout("xks.timeout", Some(timeout_given), 0)?,
                None => ExternalKeyStores::default().timeout,
            },
            allow_http: xks.allow_http.unwrap_or(false),
        };
        let log = file.log.unwrap_or_default();
        let region = args
            .region
            .clone()
            .or(file.region)
            .unwrap_or_else(|| "us-east-1".into());

        let data = args
            .folder
            .data
            .clone()
            .or(file.data)
            .unwrap_or_else(|| "./data".into());

        Ok(Config {
            notifications: notifications::targets(file.notifications.unwrap_or_default(), &data)?,
            data,
            listen,
            listen_tls,
            store,
            storage_classes,
            index,
            index_encryption: file.index_encryption.unwrap_or(true),
            bootstrap: args.bootstrap.clone().or(file.bootstrap),
            replication: replication::remotes(file.replication.unwrap_or_default(), &region)?,
            region: values::region(region)?,
            domains: values::domains(
                "domains",
                file.domains.unwrap_or_else(|| vec!["localhost".into()]),
            )?,
            website_domains: values::domains(
                "website_domains",
                file.website_domains.unwrap_or_default(),
            )?,
            cleartext_secrets: match file.cleartext_secrets {
                Some(word) => values::cleartext_secrets(&word)?,
                None => CleartextSecrets::Loopback,
            },
            trusted_proxies: values::networks(&file.trusted_proxies.unwrap_or_default())?,
            metrics: match file.metrics {
                Some(word) => values::metrics_access(&word)?,
                None => MetricsAccess::Loopback,
            },
            console: console(file.console, file.console_listen, listen, listen_tls)?,
            tls: file.tls.map(|tls| TlsFiles {
                certificate: tls.certificate,
                key: tls.key,
            }),
            root,
            trail_delivery: timeout("trail_delivery", file.trail_delivery, 300)?,
            lifecycle_interval: timeout("lifecycle_interval", file.lifecycle_interval, 900)?,
            access_log_delivery: timeout("access_log_delivery", file.access_log_delivery, 300)?,
            key_cache: key_cache(
                args.key_cache_time.clone().or(file.key_cache_time),
                args.key_cache_size.or(file.key_cache_size),
            )?,
            inline_limit,
            garbage_grace: values::duration(
                "garbage_grace",
                file.garbage_grace,
                Duration::from_secs(600),
            )?,
            block_sse_c_on_new_buckets: file.block_sse_c_on_new_buckets.unwrap_or(false),
            external_key_stores,
            limits: Limits {
                connections,
                header_timeout: timeout("limits.header_timeout", limits.header_timeout, 60)?,
                idle_timeout: timeout("limits.idle_timeout", limits.idle_timeout, 60)?,
                drain_timeout: values::duration(
                    "limits.drain_timeout",
                    limits.drain_timeout,
                    Duration::from_secs(30),
                )?,
            },
            log_level: match args.log_level.clone().or(log.level) {
                Some(word) => values::log_level(&word)?,
                None => LogLevel::Info,
            },
            log_format: match args.log_format.clone().or(log.format) {
                Some(word) => values::log_format(&word)?,
                None => LogFormat::Auto,
            },
        })
    }

    /// The index file.
    pub fn index_path(&self, data: &Path) -> PathBuf {
        self.index.clone().unwrap_or_else(|| data.join("index.db"))
    }
}

/// Where PINs, tokens and the passphrase of the root key come from: variables, a file, or the terminal.
fn root_secrets(passphrase_file: Option<PathBuf>) -> Secrets {
    let secrets = Secrets::of_process();
    match passphrase_file {
        Some(path) => secrets.with_passphrase_file(path),
        None if std::io::stdin().is_terminal() => {
            secrets.with_prompt(|question| rpassword::prompt_password(question).map(Zeroizing::new))
        }
        None => secrets,
    }
}

/// The bounds are those within which a cache both helps and is one.
fn key_cache(time: Option<String>, size: Option<usize>) -> Result<KeyCache, ConfigError> {
    let default = KeyCache::default();
    let given = time.clone().unwrap_or_default();
    let time = values::duration("key_cache_time", time, default.time)?;
    if !(SHORTEST_KEY_CACHE..=LONGEST_KEY_CACHE).contains(&time) {
        return Err(ConfigError::Value {
            name: "key_cache_time",
            value: given,
            expected: "it must be from 1s to 1h".into(),
        });
    }
    let size = match size {
        None => default.size,
        Some(size) => NonZeroUsize::new(size)
            .filter(|size| size.get() <= LARGEST_KEY_CACHE)
            .ok_or_else(|| ConfigError::Value {
                name: "key_cache_size",
                value: size.to_string(),
                expected: format!("it must be from 1 to {LARGEST_KEY_CACHE}"),
            })?,
    };
    Ok(KeyCache { time, size })
}

fn console(
    on: Option<bool>,
    address: Option<String>,
    listen: Option<SocketAddr>,
    listen_tls: Option<SocketAddr>,
) -> Result<ConsoleAccess, ConfigError> {
    let address = match address {
        Some(address) => values::listen_address("console_listen", &address)?,
        None => None,
    };
    match (on.unwrap_or(true), address) {
        (false, None) => Ok(ConsoleAccess::Off),
        (false, Some(_)) => Err(ConfigError::Conflict(
            "console_listen is given, but console is false: there is nothing to serve there",
        )),
        (true, None) => Ok(ConsoleAccess::BesideApis),
        (true, Some(address)) => {
            let taken = [listen, listen_tls].contains(&Some(address));
            if taken && address.port() != 0 {
                return Err(ConfigError::Conflict(
                    "console_listen is the address of the APIs; leave it out to have the console there",
                ));
            }
            Ok(ConsoleAccess::Alone(address))
        }
    }
}

/// A duration that is not zero.
fn timeout(
    name: &'static str,
    given: Option<String>,
    default_seconds: u64,
) -> Result<Duration, ConfigError> {
    let duration = values::duration(name, given, Duration::from_secs(default_seconds))?;
    if duration.is_zero() {
        return Err(ConfigError::Value {
            name,
            value: "0".into(),
            expected: "nothing would ever pass".into(),
        });
    }
    Ok(duration)
}

/// The stores of storage classes. They have nothing from the environment, which is about the first store.
fn storage_classes(
    sections: BTreeMap<String, StoreSection>,
) -> Result<BTreeMap<String, StoreConfig>, ConfigError> {
    let mut stores = BTreeMap::new();
    for (class, section) in sections {
        if !storage_class::may_have_store(&class) {
            let classes: Vec<_> = storage_class::with_store().collect();
            return Err(ConfigError::Value {
                name: "storage_classes",
                value: class,
                expected: format!("it must be one of {}", classes.join(", ")),
            });
        }
        let store = store_of(None, &|_| None, section)?;
        if matches!(store, StoreConfig::Local(None)) {
            return Err(ConfigError::Value {
                name: "storage_classes",
                value: class,
                expected: "a storage class needs the url of its store".into(),
            });
        }
        stores.insert(class, store);
    }
    Ok(stores)
}

/// A store: `url` is what flag or variable said.
fn store_of(
    url: Option<String>,
    env: &dyn Fn(&str) -> Option<String>,
    file: StoreSection,
) -> Result<StoreConfig, ConfigError> {
    let Some(url) = url.or(file.url) else {
        return Ok(StoreConfig::Local(None));
    };
    if let Some(path) = url.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(ConfigError::Value {
                name: "store",
                value: url.clone(),
                expected: "a path must follow \"file:\"".into(),
            });
        }
        return Ok(StoreConfig::Local(Some(path.into())));
    }
    if !url.contains("://") {
        return Err(ConfigError::Value {
            name: "store",
            value: url,
            expected: "it must be file:PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX".into(),
        });
    }

    let secret =
        |name: &str, file: Option<Zeroizing<String>>| env(name).map(Zeroizing::new).or(file);
    let mut remote = RemoteConfig::new(url);
    remote.endpoint = env("SEALGATE_STORE_ENDPOINT").or(file.endpoint);
    remote.region = env("SEALGATE_STORE_REGION").or(file.region);
    remote.access_key_id = env("SEALGATE_STORE_ACCESS_KEY_ID").or(file.access_key_id);
    remote.secret_access_key = secret("SEALGATE_STORE_SECRET_ACCESS_KEY", file.secret_access_key);
    remote.session_token = secret("SEALGATE_STORE_SESSION_TOKEN", file.session_token);
    remote.credentials_file = env("SEALGATE_STORE_CREDENTIALS_FILE")
        .map(PathBuf::from)
        .or(file.credentials_file);
    remote.ca_file = env("SEALGATE_STORE_CA_FILE")
        .map(PathBuf::from)
        .or(file.ca_file);
    remote.allow_http = match env("SEALGATE_STORE_ALLOW_HTTP") {
        Some(word) => values::boolean("SEALGATE_STORE_ALLOW_HTTP", &word)?,
        None => file.allow_http.unwrap_or(false),
    };
    Ok(StoreConfig::Remote(Box::new(remote)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::cli::FolderArgs;

    fn load(args: &ServeArgs, env: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
        let file = ConfigFile::parse(file, Path::new("test.toml"))?;
        let env = |name: &str| {
            env.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::merge(args, &env, file)
    }

    fn refusal(file: &str) -> String {
        load(&ServeArgs::default(), &[], file)
            .err()
            .expect("refused")
            .to_string()
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        let config = load(&ServeArgs::default(), &[], "").unwrap();
        assert_eq!(config.data, Path::new("./data"));
        assert_eq!(config.listen.unwrap().to_string(), "127.0.0.1:9000");
        assert_eq!(config.listen_tls.unwrap().to_string(), "127.0.0.1:9443");
        assert!(matches!(config.store, StoreConfig::Local(None)));
        assert_eq!(config.region, "us-east-1");
        assert_eq!(config.inline_limit, 16384);
        assert!(config.index_encryption);
    }

    #[test]
    fn the_console_is_beside_the_apis_or_alone_or_nowhere() {
        let console = |file: &str| load(&ServeArgs::default(), &[], file).unwrap().console;
        assert_eq!(console(""), ConsoleAccess::BesideApis);
        assert_eq!(console("console = false"), ConsoleAccess::Off);
        assert_eq!(
            console("console_listen = \"127.0.0.1:9444\""),
            ConsoleAccess::Alone("127.0.0.1:9444".parse().unwrap())
        );
        assert!(
            refusal("console = false\nconsole_listen = \":9444\"").contains("nothing to serve")
        );
        assert!(refusal("console_listen = \"127.0.0.1:9443\"").contains("address of the APIs"));
        assert!(refusal("console_listen = \"9444\"").contains("console_listen"));
    }

    #[test]
    fn the_caches_of_keys_are_bounded_in_time_and_number() {
        let config = load(&ServeArgs::default(), &[], "").unwrap();
        assert_eq!(config.key_cache, KeyCache::default());
        let file = "key_cache_time = '2s'\nkey_cache_size = 7";
        let of_file = load(&ServeArgs::default(), &[], file).unwrap().key_cache;
        assert_eq!(of_file.time, Duration::from_secs(2));
        assert_eq!(of_file.size.get(), 7);
        let args = ServeArgs {
            key_cache_time: Some("1h".into()),
            key_cache_size: Some(65536),
            ..ServeArgs::default()
        };
        let of_flags = load(&args, &[], file).unwrap().key_cache;
        assert_eq!(of_flags.time, Duration::from_secs(3600));
        assert_eq!(of_flags.size.get(), 65536);
        for bad in ["0s", "999ms", "61m"] {
            let said = refusal(&format!("key_cache_time = '{bad}'"));
            assert!(said.contains("from 1s to 1h"), "{said}");
        }
        for bad in [0, 65537] {
            let said = refusal(&format!("key_cache_size = {bad}"));
            assert!(said.contains("from 1 to 65536"), "{said}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = "data = '/from/file'\nregion = 'eu-west-1'\nlisten = '127.0.0.1:1'";
        let args = ServeArgs {
            folder: FolderArgs {
                data: Some("/from/flag".into()),
                ..FolderArgs::default()
            },
            ..ServeArgs::default()
        };
        let config = load(&args, &[], file).unwrap();
        assert_eq!(config.data, Path::new("/from/flag"));
        assert_eq!(config.region, "eu-west-1");
        assert_eq!(config.listen.unwrap().port(), 1);
        assert_eq!(config.listen_tls.unwrap().port(), 9443);
    }

    #[test]
    fn a_variable_of_the_store_wins_over_the_file() {
        let file = "[store]\nurl = 's3://b/p'\nregion = 'file'\naccess_key_id = 'file'\nallow_http = false";
        let env = [
            ("SEALGATE_STORE_REGION", "env"),
            ("SEALGATE_STORE_ALLOW_HTTP", "true"),
        ];
        let StoreConfig::Remote(remote) = load(&ServeArgs::default(), &env, file).unwrap().store
        else {
            panic!("not remote");
        };
        assert_eq!(remote.region.as_deref(), Some("env"));
        assert_eq!(remote.access_key_id.as_deref(), Some("file"));
        assert!(remote.allow_http);
    }

    #[test]
    fn a_remote_store_keeps_bodies_out_of_the_index_unless_told_otherwise() {
        let config = load(&ServeArgs::default(), &[], "store.url = 's3://b/p'").unwrap();
        assert_eq!(config.inline_limit, 0);
        let config = load(
            &ServeArgs::default(),
            &[],
            "inline_limit = 100\nstore.url = 's3://b/p'",
        )
        .unwrap();
        assert_eq!(config.inline_limit, 100);
    }

    #[test]
    fn one_listener_may_be_none_but_not_both() {
        assert!(
            load(&ServeArgs::default(), &[], "listen = 'none'")
                .unwrap()
                .listen
                .is_none()
        );
        assert!(refusal("listen = 'none'\nlisten_tls = 'none'").contains("nothing to serve on"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let message = refusal("listenn = 'x'");
        assert!(
            message.contains("test.toml") && message.contains("listenn"),
            "{message}"
        );
    }

    #[test]
    fn an_error_in_the_file_never_shows_a_line_that_may_hold_a_secret() {
        let message = refusal("[store]\nsecret_access_key = 's3cr3t' x");
        assert!(!message.contains("s3cr3t"), "{message}");
        let message = refusal("[store]\nsecret_access_key = [\"s3cr3t\"]");
        assert!(!message.contains("s3cr3t"), "{message}");
    }

    #[test]
    fn values_that_mean_nothing_are_refused_with_what_was_expected() {
        for (file, word) in [
            ("listen = 'nowhere'", "listen"),
            ("cleartext_secrets = 'sometimes'", "loopback"),
            ("trusted_proxies = ['10.0.0.0/99']", "trusted_proxies"),
            ("garbage_grace = '10 parsecs'", "garbage_grace"),
            ("limits.idle_timeout = '0s'", "idle_timeout"),
            ("limits.connections = 0", "connections"),
            ("xks.timeout = '0s'", "xks.timeout"),
            ("log.level = 'loud'", "log.level"),
            ("index = 'postgres://x'", "sqlite:"),
            ("store.url = 'bucket'", "s3://"),
            ("domains = ['bad domain']", "domains"),
            ("website_domains = ['*.example']", "website_domains"),
            ("region = 'Bad Region'", "region"),
            ("inline_limit = 999999999", "inline_limit"),
            ("metrics = 'secret'", "metrics"),
            ("[notifications.a]\nkind = 'smtp'", "webhook"),
            ("[notifications.'a.b']\nkind = 'queue'", "letters"),
            ("[notifications.a]\nkind = 'webhook'", "url"),
            (
                "[notifications.a]\nkind = 'webhook'\nurl = 'ftp://x'",
                "https://",
            ),
            ("[notifications.a]\nkind = 'queue'\ntoken = 'x'", "keys"),
            (
                "[notifications.a]\nkind = 'queue'\naccounts = ['1']",
                "12 digits",
            ),
            (
                "[replication.a]\nbuckets = []\nendpoint = 'https://x'\naccess_key_id = 'a'\nsecret_access_key = 'b'",
                "names of buckets",
            ),
            (
                "[replication.a]\nbuckets = ['b']\nendpoint = 'http://x'\naccess_key_id = 'a'\nsecret_access_key = 'b'",
                "allow_http",
            ),
            (
                "[replication.a]\nbuckets = ['b']\nendpoint = 'https://x?y'\naccess_key_id = 'a'\nsecret_access_key = 'b'",
                "https://",
            ),
            (
                "[replication.a]\nbuckets = ['b']\nendpoint = 'https://x'\naccess_key_id = 'a'",
                "secret_access_key",
            ),
            (
                "[replication.'a.b']\nbuckets = ['b']\nendpoint = 'https://x'\naccess_key_id = 'a'",
                "letters",
            ),
        ] {
            let message = refusal(file);
            assert!(message.contains(word), "{file}: {message}");
        }
    }
}
