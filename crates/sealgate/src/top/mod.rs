//! `sealgate top`: what a gateway does, in a terminal. It reads `/metrics` as a scraper does, here or over the
//! network, and needs no data folder.

mod source;
mod view;
mod watched;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use source::Source;
use watched::Watched;

/// How long a key that is pressed waits at most.
const TURN: Duration = Duration::from_millis(50);

/// Where to look, and how often.
#[derive(Args)]
pub struct TopArgs {
    /// The gateway; `/metrics` of it must be open to this machine (the setting `metrics`)
    #[arg(
        long,
        env = "SEALGATE_URL",
        default_value = "http://127.0.0.1:9000",
        value_name = "URL"
    )]
    url: String,

    /// Certificates to trust for an https URL, as DATA/tls/ca.pem
    #[arg(long, value_name = "FILE")]
    ca_file: Option<std::path::PathBuf>,

    /// Seconds between two looks
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,

    /// Print one view as text, of what happens in one interval, and end
    #[arg(long)]
    once: bool,
}

/// Watches until somebody quits.
pub async fn run(args: TopArgs) -> anyhow::Result<()> {
    let source = Source::new(&args.url, args.ca_file.as_deref())?;
    let interval = Duration::from_secs(args.interval);
    if args.once {
        return once(&source, interval).await;
    }
    if !io::stdout().is_terminal() {
        bail!("the output is no terminal: use --once");
    }
    // It gives the terminal back also when it panics.
    let mut terminal = ratatui::try_init().context("the terminal cannot be used")?;
    let outcome = watch(&source, interval, &mut terminal).await;
    ratatui::try_restore().context("the terminal cannot be given back")?;
    outcome
}

async fn once(source: &Source, interval: Duration) -> anyhow::Result<()> {
    let mut watched = Watched::new(source.shown());
    watched.took(
        source.read().await.map_err(anyhow::Error::msg)?,
        Instant::now(),
    );
    tokio::time::sleep(interval).await;
    watched.took(
        source.read().await.map_err(anyhow::Error::msg)?,
        Instant::now(),
    );
    let mut out = io::stdout().lock();
    out.write_all(view::text(&watched).as_bytes())
        .and_then(|()| out.flush())
        .context("standard output cannot be written")
}

async fn watch(
    source: &Source,
    interval: Duration,
    terminal: &mut ratatui::DefaultTerminal,
) -> anyhow::Result<()> {
    let mut watched = Watched::new(source.shown());
    loop {
        let mut reading = std::pin::pin!(source.read());
        let answer = loop {
            tokio::select! {
                answer = &mut reading => break answer,
                pressed = next_key(Instant::now() + TURN) => {
                    if matches!(pressed?, Pressed::Quit) {
                        return Ok(());
                    }
                }
            }
        };
        match answer {
            Ok(text) => watched.took(text, Instant::now()),
            Err(why) => watched.lost(why),
        }
        let next = Instant::now() + interval;
        loop {
            terminal
                .draw(|frame| view::draw(frame, &watched))
                .context("the terminal cannot be written")?;
            match next_key(next).await? {
                Pressed::Quit => return Ok(()),
                Pressed::Resized => {}
                Pressed::Nothing => break,
            }
        }
    }
}

enum Pressed {
    Quit,
    Resized,
    Nothing,
}

/// What is pressed until then.
async fn next_key(until: Instant) -> anyhow::Result<Pressed> {
    while Instant::now() < until {
        // Asked without waiting, so that no thread is stuck in a read when it ends.
        if !event::poll(Duration::ZERO).context("the keyboard cannot be read")? {
            tokio::time::sleep(TURN.min(until - Instant::now().min(until))).await;
            continue;
        }
        match event::read().context("the keyboard cannot be read")? {
            Event::Key(key) if key.kind == KeyEventKind::Press => {
                let interrupted = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(Pressed::Quit),
                    KeyCode::Char('c') if interrupted => return Ok(Pressed::Quit),
                    _ => {}
                }
            }
            Event::Resize(..) => return Ok(Pressed::Resized),
            _ => {}
        }
    }
    Ok(Pressed::Nothing)
}
