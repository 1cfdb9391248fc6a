//! `sealgate serve`: from a configuration to a running gateway, and back to nothing.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use futures_util::future::BoxFuture;
use rustix::process::{Resource, getrlimit, setrlimit};
use sealgate_admin_api::AdminApi;
use sealgate_console::{Console, ConsoleDeps, Fact};
use sealgate_series::Ring;
use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::background::{
    Background, deliver_access_logs, deliver_inventories, deliver_trails, keep_lifecycle,
};
use crate::config::{Config, ConsoleAccess};
use crate::control;
use crate::counters::Counters;
use crate::data_dir::DataDir;
use crate::figures;
use crate::first_start::{self, Endpoint};
use crate::front::{Front, Probes};
use crate::metrics::Metrics;
use crate::notifications;
use crate::outbox::OutboxMetrics;
use crate::replication;
use crate::server::{self, Listener};
use crate::stores::Stores;
use crate::tls::{Tls, names_of_this_machine};

/// Runs until a signal asks for the end.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let started = OffsetDateTime::now_utc();
    let mut signals = Signals::install()?;
    raise_open_files(config.limits.connections);
    let mut data = DataDir::open(&config.data)?;
    let targets = notifications::open(std::mem::take(&mut config.notifications))?;
    let stores = Stores::open(&config, &data, targets.clone()).await?;
    let tls = listener_tls(&config, &data)?;
    let listeners = bind(&config, tls.as_deref()).await?;
    let (consoles, apis): (Vec<&Listener>, Vec<&Listener>) =
        listeners.iter().partition(|listener| listener.is_console());
    let urls: Vec<String> = apis.into_iter().map(Listener::url).collect();
    let console = match config.console {
        ConsoleAccess::Off => None,
        ConsoleAccess::BesideApis => urls.last().map(String::as_str).map(str::to_owned),
        ConsoleAccess::Alone(_) => consoles.first().map(|listener| listener.url()),
    };

    if let Some(path) = &config.bootstrap {
        first_start::bootstrap(&stores.iam, path).await?;
    }
    let ca_bundle = tls.as_deref().and_then(Tls::ca_bundle);
    let endpoint = Endpoint {
        // TLS is the last one, and the better one.
        url: urls.last().map_or("", String::as_str),
        ca_bundle: ca_bundle.as_deref(),
        region: &config.region,
    };
    let greeting = first_start::first_account(&stores.iam, &data, &endpoint).await?;
    data.complete()?;

    let (stop, stopped) = watch::channel(false);
    let notified = OutboxMetrics::default();
    let replicated = OutboxMetrics::default();
    let counted = (&notified, &replicated);
    let series = Arc::new(Ring::open(&data.series()));
    let shown = (tls.clone(), series.clone());
    let front = wire(&config, &stores, counted, shown, stopped.clone());
    let s3 = stores.s3.clone();
    let background = Background {
        root: stores.root.clone(),
        index: stores.index.clone(),
        blobs: stores.blobs.clone(),
        trail: stores.trail.clone(),
        kms: stores.kms.clone(),
        sse: stores.sse.clone(),
        metrics: front.metrics.clone(),
        grace: config.garbage_grace,
        started,
    };
    let mut jobs = background.start(tls.clone());
    jobs.spawn(figures::keep(front.metrics.clone(), series));
    jobs.spawn(deliver_trails(s3.clone(), config.trail_delivery));
    jobs.spawn(deliver_access_logs(s3.clone(), config.access_log_delivery));
    jobs.spawn(keep_lifecycle(
        stores.lifecycle.clone(),
        stores.index.clone(),
        config.lifecycle_interval,
    ));
    jobs.spawn(deliver_inventories(
        s3.clone(),
        stores.index.clone(),
        config.lifecycle_interval,
    ));
    notifications::start(&mut jobs, &stores.index, &targets, &notified);
    replication::start(&mut jobs, &stores.index, &s3, &replicated);
    let control = control::serve(data.path().to_owned(), stores.clone())
        .context("the control socket cannot be made in the data folder")?;

    if let Some(url) = console {
        tracing::info!(url = format!("{url}/console/"), "the console");
    }
    announce(greeting, &urls)?;
    tracing::info!(urls = urls.join(" "), data = %data.path().display(), version = env!("CARGO_PKG_VERSION"), "ready");

    let serving = server::serve(listeners, Arc::new(front), config.limits, stopped);
    tokio::pin!(serving);
    let drained = loop {
        tokio::select! {
            drained = &mut serving => break drained,
            signal = signals.next() => match signal {
                Asked::Reload => reload(tls.as_deref()),
                Asked::Stop if !*stop.borrow() => {
                    tracing::info!("stopping: requests may finish");
                    stop.send_replace(true);
                }
                Asked::Stop => bail!("stopped at once: a second signal came while requests were finishing"),
            },
        }
    };

    drop(control);
    drop(jobs);
    s3.deliver_access_logs(OffsetDateTime::now_utc()).await;
    stores.close().await;
    if !drained {
        tracing::warn!("requests that did not finish in time were cut off");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Every connection is an open file, and may hold another one of the store. Systems start programs
/// with room for about a thousand and let them ask for more.
fn raise_open_files(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let wanted = 2 * connections as u64 + 64;
    if let Some(open) = getrlimit(Resource::Nofile).current
        && open < wanted
    {
        tracing::warn!(
            open,
            wanted,
            "the system allows fewer open files than limits.connections may need"
        );
    }
}

fn listener_tls(config: &Config, data: &DataDir) -> anyhow::Result<Option<Arc<Tls>>> {
    if config.listen_tls.is_none() {
        return Ok(None);
    }
    let tls = match &config.tls {
        Some(files) => Tls::from_files(files.clone())?,
        None => Tls::own(data.tls(), names_of_this_machine(&config.domains))?,
    };
    Ok(Some(Arc::new(tls)))
}

/// Binds HTTP, then HTTPS, then the console's own address, which speaks TLS if anything does.
async fn bind(config: &Config, tls: Option<&Tls>) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let console = match config.console {
        ConsoleAccess::Alone(address) => Some(address),
        ConsoleAccess::Off | ConsoleAccess::BesideApis => None,
    };
    let wanted = [
        (config.listen, None, false),
        (config.listen_tls, tls.map(Tls::server_config), false),
        (console, tls.map(Tls::server_config), true),
    ];
    for (address, tls, console) in wanted {
        let Some(address) = address else { continue };
        let listener = Listener::bind(address, tls, console).await;
        listeners.push(listener.with_context(|| format!("{address} cannot be listened on"))?);
    }
    Ok(listeners)
}

/// Puts the services together.
fn wire(
    config: &Config,
    stores: &Stores,
    (notified, replicated): (&OutboxMetrics, &OutboxMetrics),
    (tls, series): (Option<Arc<Tls>>, Arc<Ring>),
    stopped: watch::Receiver<bool>,
) -> Front {
    let Stores {
        index,
        blobs,
        trail,
        kms,
        iam,
        sse,
        s3,
        ..
    } = stores;
    let counters = Counters {
        kms: kms.clone(),
        sse: sse.clone(),
        integrity_failures: s3.integrity_failures(),
        blobs: blobs.clone(),
        lifecycle: stores.lifecycle.clone(),
    };
    let metrics = Metrics::new(|registry| {
        registry.register_collector(Box::new(counters));
        notified.register(&notifications::WORDS, registry);
        replicated.register(&replication::WORDS, registry);
    });
    let admin = AdminApi::new(
        kms.clone(),
        iam.clone(),
        trail.clone(),
        config.region.clone(),
        config.cleartext_secrets,
    );
    let probes = Probes::new(
        index.clone(),
        blobs.clone(),
        kms.clone(),
        metrics.clone(),
        config.metrics,
        stopped,
    );
    let console = (config.console != ConsoleAccess::Off).then(|| {
        Console::new(ConsoleDeps {
            iam: iam.clone(),
            kms: kms.clone(),
            admin: admin.clone(),
            s3: s3.clone(),
            trail: trail.clone(),
            cleartext: config.cleartext_secrets,
            series,
            facts: facts(config, stores, probes.clone(), tls),
        })
    });
    Front {
        iam: iam.clone(),
        s3: s3.clone(),
        admin,
        console,
        console_beside: config.console == ConsoleAccess::BesideApis,
        probes,
        metrics,
        index: index.clone(),
        domains: config.domains.clone(),
        website_domains: config.website_domains.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

/// What the console tells everybody who is signed in.
fn facts(
    config: &Config,
    stores: &Stores,
    probes: Probes,
    tls: Option<Arc<Tls>>,
) -> Box<dyn Fn() -> BoxFuture<'static, Vec<Fact>> + Send + Sync> {
    let (root, region) = (stores.root.clone(), config.region.clone());
    Box::new(move || {
        let (root, region) = (root.clone(), region.clone());
        let (probes, tls) = (probes.clone(), tls.clone());
        Box::pin(async move {
            let ill: Vec<&str> = probes
                .parts()
                .await
                .into_iter()
                .filter_map(|(part, well)| (!well).then_some(part))
                .collect();
            let health = match ill.is_empty() {
                true => Fact::new("Health", "index, store and keys are well").good(),
                false => Fact::new("Health", format!("failing: {}", ill.join(", "))).bad(),
            };
            // Where the holder is (an address, a slot of a token) is for the operator.
            let holder = root.kind();
            let root = match root.key() {
                Ok(_) => Fact::new("Root of trust", format!("{holder}; in reach")).good(),
                Err(_) => Fact::new(
                    "Root of trust",
                    format!("{holder}; out of reach: no key can be used"),
                )
                .bad(),
            };
            let mut facts = vec![health, root];
            if let Some(end) = tls.as_deref().and_then(Tls::expires) {
                let days = (end - OffsetDateTime::now_utc()).whole_days();
                let words = format!("expires on {}, in {days} days", end.date());
                facts.push(match days {
                    30.. => Fact::new("Certificate", words).good(),
                    7..30 => Fact::new("Certificate", words).warn(),
                    0..7 => Fact::new("Certificate", words).bad(),
                    _ => Fact::new("Certificate", format!("expired on {}", end.date())).bad(),
                });
            }
            facts.push(Fact::new("Region", region));
            facts.push(Fact::new("Version", env!("CARGO_PKG_VERSION")));
            facts
        })
    })
}

/// Says on standard output that the gateway serves, after what a first start has to say.
fn announce(greeting: Option<Zeroizing<String>>, urls: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let greeting = greeting.as_ref().map_or("", |text| text.as_str());
    writeln!(out, "{greeting}ready {}", urls.join(" "))
        .and_then(|()| out.flush())
        .context("standard output cannot be written")
}

fn reload(tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        Some(Ok(())) => tracing::info!("the certificate was read again"),
        Some(Err(error)) => tracing::error!(%error, "the certificate in use stays"),
        None => {}
    }
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

/// The signals that are listened to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> anyhow::Result<Signals> {
        let install = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Signals {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
            hangup: install(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
