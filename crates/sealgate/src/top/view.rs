//! The view: a head of figures, the rate of requests over time, operations, and the use of keys.

use ratatui::Frame;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table};
use sealgate_series::Column;

use super::watched::{Watched, rate};

const ERRORS: Style = Style::new().fg(Color::Red);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);
const QUIET: Style = Style::new().fg(Color::DarkGray);
/// Of the view as text.
const TEXT: (u16, u16) = (100, 36);

/// The view as text, without what only a terminal has.
pub fn text(watched: &Watched) -> String {
    let (width, height) = TEXT;
    // A buffer cannot fail.
    let Ok(mut terminal) = ratatui::Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(frame, watched));
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in 0..height {
        let line: String = (0..width)
            .filter_map(|column| buffer.cell((column, row)).map(|cell| cell.symbol()))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Draws the view.
pub fn draw(frame: &mut Frame<'_>, watched: &Watched) {
    let lost = u16::from(watched.lost.is_some());
    let [title, banner, figures, chart, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(lost),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let version = match watched.version.as_str() {
        "" => String::new(),
        version => format!("  {version}"),
    };
    let heading = Line::from(vec![
        Span::styled("sealgate top", HEAD),
        Span::raw(format!("  {}{version}", watched.address)),
    ]);
    frame.render_widget(Paragraph::new(heading), title);
    if let Some(why) = &watched.lost {
        let words = format!(" The gateway does not answer ({why}). Trying again… ");
        let style = Style::new()
            .fg(Color::White)
            .bg(Color::Red)
            .add_modifier(Modifier::BOLD);
        frame.render_widget(Paragraph::new(words).style(style), banner);
    }
    frame.render_widget(figures_of(watched), figures);
    let rates: Vec<u64> = watched.requests.iter().copied().collect();
    // The newest stand at the right edge.
    let shown = usize::from(chart.width.saturating_sub(2)).min(rates.len());
    let rates = rates.get(rates.len() - shown..).unwrap_or_default();
    let peak = rates.iter().max().copied().unwrap_or_default();
    let block = Block::new()
        .borders(Borders::ALL)
        .title(format!(" Requests a second, at most {peak} "));
    frame.render_widget(Sparkline::default().block(block).data(rates), chart);
    let wide = body.width >= 90;
    if wide {
        let [left, right] =
            Layout::horizontal([Constraint::Min(50), Constraint::Length(40)]).areas(body);
        operations(frame, left, watched);
        let [above, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(8)]).areas(right);
        pairs(
            frame,
            above,
            &watched.keys,
            ["Calls of keys", "done/s", "refused/s"],
        );
        pairs(
            frame,
            below,
            &watched.modes,
            ["Data keys", "wrapped/s", "opened/s"],
        );
    } else {
        let [above, below] =
            Layout::vertical([Constraint::Fill(2), Constraint::Fill(1)]).areas(body);
        operations(frame, above, watched);
        pairs(
            frame,
            below,
            &watched.keys,
            ["Calls of keys", "done/s", "refused/s"],
        );
    }
    frame.render_widget(Paragraph::new("q quits").style(QUIET), foot);
}

fn figures_of(watched: &Watched) -> Paragraph<'static> {
    let sample = &watched.latest;
    if !watched.counts() {
        return Paragraph::new("\n  Counting begins with the second look…").style(QUIET);
    }
    let latency = |part: f64| match sample.latency(part) {
        Some(seconds) => format!("{:.1} ms", seconds * 1000.0),
        None => "–".to_owned(),
    };
    let bad = rate(sample, &[Column::Refused]);
    let failed = rate(sample, &[Column::Failed]);
    let unverified = sample.get(Column::Unverified);
    let red = |value: f64| if value > 0.0 { ERRORS } else { Style::new() };
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            Span::styled("Requests  ", QUIET),
            Span::raw(format!(
                "{:>8}/s done   ",
                shown(rate(sample, &[Column::Done, Column::Redirected]))
            )),
            Span::styled(format!("{:>8}/s refused   ", shown(bad)), red(bad)),
            Span::styled(format!("{:>8}/s failed   ", shown(failed)), red(failed)),
            Span::raw(format!("{} under way", watched.in_flight)),
        ]),
        Line::from(vec![
            Span::styled("Latency   ", QUIET),
            Span::raw(format!(
                "half {:>9}   95 % {:>9}   99 % {:>9}",
                latency(0.5),
                latency(0.95),
                latency(0.99)
            )),
        ]),
        Line::from(vec![
            Span::styled("Bodies    ", QUIET),
            Span::raw(format!(
                "{:>10}/s in   {:>10}/s out   {} connections",
                bytes(rate(sample, &[Column::Received])),
                bytes(rate(sample, &[Column::Sent])),
                sample.get(Column::Connections),
            )),
        ]),
    ];
    if unverified > 0 {
        let words = format!("{unverified} bodies did not verify: damaged or tampered with");
        lines.push(Line::styled(words, ERRORS));
    }
    Paragraph::new(lines)
}

fn operations(frame: &mut Frame<'_>, area: Rect, watched: &Watched) {
    let rows = watched.operations.iter().map(|it| {
        let quiet = if it.rate > 0.0 { Style::new() } else { QUIET };
        let errors = if it.errors > 0.0 { ERRORS } else { quiet };
        Row::new([
            Cell::new(it.name.clone()),
            right(shown(it.rate)),
            right(shown(it.errors)).style(errors),
            right(
                it.millis
                    .map_or("–".to_owned(), |millis| format!("{millis:.1}")),
            ),
            right(format!("{:.0}", it.total)),
        ])
        .style(quiet)
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(10),
    ];
    let head = Row::new([
        Cell::new("Operation"),
        right("/s".into()),
        right("errors/s".into()),
        right("mean ms".into()),
        right("total".into()),
    ]);
    let table = Table::new(rows, widths).header(head.style(HEAD));
    frame.render_widget(table.block(Block::new().borders(Borders::TOP)), area);
}

fn pairs(frame: &mut Frame<'_>, area: Rect, rates: &[(String, f64, f64)], names: [&str; 3]) {
    let rows = rates.iter().map(|(name, one, other)| {
        let quiet = if one + other > 0.0 {
            Style::new()
        } else {
            QUIET
        };
        Row::new([
            Cell::new(name.clone()),
            right(shown(*one)),
            right(shown(*other)),
        ])
        .style(quiet)
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    let [name, one, other] = names;
    let head = Row::new([
        Cell::new(name.to_owned()),
        right(one.into()),
        right(other.into()),
    ]);
    let block = Block::new().borders(Borders::TOP | Borders::LEFT);
    frame.render_widget(
        Table::new(rows, widths)
            .header(head.style(HEAD))
            .block(block),
        area,
    );
}

fn right(text: String) -> Cell<'static> {
    Cell::new(Line::from(text).right_aligned())
}

fn shown(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate < 100.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

fn bytes(rate: f64) -> String {
    let mut rate = rate;
    let mut unit = 0;
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    while rate >= 1024.0 && unit + 1 < UNITS.len() {
        rate /= 1024.0;
        unit += 1;
    }
    format!("{rate:.1} {}", UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::{Duration, Instant};

    use ratatui::Terminal;

    use super::*;

    fn metrics(gets: u32, refused: u32) -> String {
        format!(
            "sealgate_build_info{{version=\"9.9\"}} 1\n\
             sealgate_requests_total{{service=\"s3\",operation=\"GetObject\",status=\"200\"}} {gets}\n\
             sealgate_requests_total{{service=\"s3\",operation=\"GetObject\",status=\"403\"}} {refused}\n\
             sealgate_requests_total{{service=\"gateway\",operation=\"Metrics\",status=\"200\"}} 1000\n\
             sealgate_request_duration_seconds_sum{{service=\"s3\",operation=\"GetObject\"}} {}\n\
             sealgate_kms_calls_total{{operation=\"Decrypt\",outcome=\"OK\"}} {gets}\n\
             sealgate_data_key_uses_total{{mode=\"SSE-KMS\",direction=\"unwrap\"}} {gets}\n",
            f64::from(gets) * 0.004
        )
    }

    fn watched() -> Watched {
        let (mut watched, begun) = (Watched::new("http://here".into()), Instant::now());
        watched.took(metrics(10, 0), begun);
        watched.took(metrics(30, 4), begun + Duration::from_secs(2));
        watched
    }

    fn screen(watched: &Watched, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, watched)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn it_shows_what_happened_between_two_looks() {
        let text = text(&watched());
        for part in [
            "http://here  9.9",
            "10.0/s done",
            "2.0/s refused",
            "s3 GetObject",
            "Decrypt",
            "SSE-KMS",
            "12",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        // What the watching itself asks for is no operation.
        assert!(!text.contains("Metrics"), "{text}");
    }

    #[test]
    fn a_lost_gateway_is_said_what_was_known_stays_and_it_recovers() {
        let mut watched = watched();
        watched.lost("connection refused".into());
        let seen = screen(&watched, 100, 30);
        assert!(
            seen.contains("does not answer (connection refused)"),
            "{seen}"
        );
        assert!(seen.contains("s3 GetObject"), "{seen}");
        // Another process began to count at zero.
        watched.took(metrics(1, 0), Instant::now());
        let seen = screen(&watched, 100, 30);
        assert!(!seen.contains("does not answer"), "{seen}");
    }

    #[test]
    fn it_fits_any_terminal() {
        for (width, height) in [(1, 1), (10, 5), (40, 12), (80, 24), (300, 90)] {
            screen(&watched(), width, height);
            screen(&Watched::new("http://here".into()), width, height);
        }
        assert!(screen(&watched(), 80, 24).contains("s3 GetObject"));
        assert!(screen(&Watched::new("x".into()), 80, 24).contains("Counting begins"));
    }
}
