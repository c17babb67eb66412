//! `hardpan prices`: showing a price book, comparing two, renewing one from AWS's Price List, and reconciling records
//! with a bill.
//!
//! A renewed book is written to a new file and its changes are printed; no running Hardpan takes it over by itself:
//! name it in `prices.book`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use flate2::bufread::MultiGzDecoder;
use hardpan_inference::model_id::ModelId;
use hardpan_pricing::price_list::{self, OFFER_BYTES_MAX};
use hardpan_pricing::reconcile::reconcile;
use hardpan_pricing::{
    Day, PRICE_BOOK_BYTES_MAX, PRICE_BOOK_FRESH_DAYS, PriceBook, Scope, ServiceUnit, Tier, diff,
};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;

use super::{Outcome, runtime, say};
use crate::identity::now_unix;

const FETCH_WITHIN: Duration = Duration::from_secs(300);
/// Rows of the Price List that were not joined, as far as they are printed.
const SKIPPED_SHOWN: usize = 20;

#[derive(clap::Args)]
pub struct Prices {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the figures of a book.
    Show(Show),
    /// Print what differs between two books.
    Diff { before: PathBuf, after: PathBuf },
    /// Make a new book from an offer file of the AWS Price List, and print what changed.
    Update(Update),
    /// Compare records with a Cost and Usage Report of the same time.
    Reconcile(Reconcile),
}

/// The price book; without it, the one inside this binary.
#[derive(clap::Args)]
struct BookFile {
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    book: BookFile,
    /// A model id as it is called, with its geographic prefix.
    #[arg(long)]
    model: Option<String>,
    /// The region a call is sent to. Needs `--model`.
    #[arg(long, requires = "model")]
    region: Option<String>,
    /// default, priority, flex, ultrafast, reserved or batch.
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
}

#[derive(clap::Args)]
struct Update {
    #[command(flatten)]
    book: BookFile,
    /// A file, or an https URL such as
    /// https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrock/current/index.json
    #[arg(long, value_name = "FILE|URL")]
    from: String,
    /// The file to write. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
struct Reconcile {
    #[command(flatten)]
    book: BookFile,
    /// Records, one JSON object a line; `.gz` is read too.
    records: PathBuf,
    /// The report as CSV or JSON; `.gz` is read too. Parquet is not.
    report: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum PricesError {
    #[error("{place}: {source}")]
    At { place: String, source: Box<dyn std::error::Error> },
    #[error("the book has no price for this call: {0}")]
    Unpriced(#[from] hardpan_pricing::Unpriced),
    #[error("a URL is fetched by https, or by http from this machine")]
    Url,
    #[error("it could not be fetched: {0}")]
    Fetch(&'static str),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("Parquet is not read: export the report as CSV")]
    Parquet,
}

fn tier(name: &str) -> Result<Tier, String> {
    Tier::from_name(name).ok_or_else(|| "default, priority, flex, ultrafast, reserved or batch".to_owned())
}

fn at<E: Into<Box<dyn std::error::Error>>>(place: &Path) -> impl FnOnce(E) -> PricesError {
    let place = place.display().to_string();
    move |source| PricesError::At { place, source: source.into() }
}

impl Prices {
    pub fn run(self) -> Outcome {
        match self.command {
            Command::Show(show) => show.run(),
            Command::Diff { before, after } => {
                let changes = diff::diff(&read_book(&before)?, &read_book(&after)?);
                changes.iter().for_each(|change| say(&change.to_string()));
                say(&format!("{} figure(s) differ", changes.len()));
                Ok(())
            }
            Command::Update(update) => update.run(),
            Command::Reconcile(command) => command.run(),
        }
    }
}

impl BookFile {
    fn load(&self) -> Result<PriceBook, PricesError> {
        match &self.book {
            Some(path) => read_book(path),
            None => PriceBook::shipped().map_err(at(Path::new("the shipped book"))),
        }
    }
}

fn read_book(path: &Path) -> Result<PriceBook, PricesError> {
    let json = read_bounded(File::open(path).map_err(at(path))?, PRICE_BOOK_BYTES_MAX).map_err(at(path))?;
    let json = String::from_utf8(json).map_err(at(path))?;
    PriceBook::parse(&json).map_err(at(path))
}

fn read_bounded(input: impl std::io::Read, bytes_max: usize) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    input.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max { Err(PricesError::TooLarge(bytes_max).into()) } else { Ok(bytes) }
}

impl Show {
    fn run(&self) -> Outcome {
        let book = self.book.load()?;
        say(&format!("as of {}, from {}", book.as_of(), book.source()));
        if book.is_stale(Day::from_unix_seconds(now_unix())) {
            say(&format!("stale: not of the last {PRICE_BOOK_FRESH_DAYS} days"));
        }
        if let (Some(model), Some(region)) = (&self.model, &self.region) {
            return Self::quote(&book, &ModelId::parse(model)?, self.tier.unwrap_or(Tier::Standard), region);
        }
        let model = self.model.as_deref().map(ModelId::parse).transpose()?;
        if model.as_ref().is_some_and(|model| !book.knows(model)) {
            return Err(PricesError::Unpriced(hardpan_pricing::Unpriced::Model).into());
        }
        // Reserved capacity is valued at the standard figures.
        let tier = self.tier.map(|tier| if tier == Tier::Reserved { Tier::Standard } else { tier });
        let is_asked = |of: &str| model.as_ref().is_none_or(|model| model.base() == of);
        for (cell, usd) in book.cells() {
            if is_asked(&cell.model) && tier.is_none_or(|tier| tier == cell.tier) {
                say(&format!("{cell}: {usd}"));
            }
        }
        if tier.is_none_or(|tier| tier == Tier::Standard) {
            let pieces = book.pieces();
            let pieces = pieces.iter().filter(|(piece, _)| is_asked(&piece.model));
            pieces.for_each(|(piece, usd)| say(&format!("{piece}: {usd}")));
        }
        match model {
            Some(model) => {
                let scopes: BTreeSet<Scope> = book
                    .cells()
                    .into_keys()
                    .filter(|cell| cell.model == model.base())
                    .map(|cell| cell.scope)
                    .collect();
                scopes.iter().for_each(|scope| Self::sources(&book, model.base(), scope));
            }
            None => Self::services(&book),
        }
        Ok(())
    }

    /// Where the figures of a row are from: the first source that states one is the one it is from.
    fn sources(book: &PriceBook, model: &str, scope: &Scope) {
        let sources = book.sources_of(model, scope);
        if sources.is_empty() {
            say(&format!("{model} {scope} is from {}", book.source()));
        }
        sources.iter().for_each(|source| say(&format!("{model} {scope} is from {source}")));
    }

    fn services(book: &PriceBook) {
        for unit in ServiceUnit::ALL {
            let Some(usd) = book.service(unit) else { continue };
            let source = book.source_of_service(unit).unwrap_or_else(|| book.source().to_owned());
            say(&format!("service {}: {usd} each, from {source}", unit.name()));
        }
    }

    /// The one price a call would have, with what it is filled with where the book is silent.
    fn quote(book: &PriceBook, model: &ModelId, tier: Tier, region: &str) -> Outcome {
        let quote = book.quote(model, tier, region).map_err(PricesError::Unpriced)?;
        say(&format!("{} {} {}, USD per million tokens", model.base(), quote.scope, tier.name()));
        let rates = |rates: &hardpan_pricing::Rates| {
            let usd = |nanos| hardpan_pricing::NanoUsd(nanos).to_string();
            say(&format!(
                "input {}  output {}  cache read {}  cache write 5m {}  1h {}",
                usd(rates.input),
                usd(rates.output),
                usd(rates.cache_read),
                usd(rates.cache_write_5m),
                usd(rates.cache_write_1h),
            ));
        };
        rates(&quote.price.rates);
        for step in &quote.price.steps {
            say(&format!("above {} tokens of prompt:", step.above_input_tokens));
            rates(&step.rates);
        }
        for (meter, usd) in &quote.price.meters {
            let unit = if meter.is_per_million() { "per million tokens" } else { "each" };
            say(&format!("{} {usd} {unit}", meter.name()));
        }
        for (form, usd) in &quote.price.images {
            say(&format!("picture {form} {usd} each"));
        }
        Self::sources(book, model.base(), quote.scope);
        Ok(())
    }
}

impl Update {
    fn run(&self) -> Outcome {
        let old = self.book.load()?;
        let place = Path::new(&self.from);
        let offer = if self.from.starts_with("https://") || self.from.starts_with("http://") {
            runtime()?.block_on(async {
                let fetched = tokio::time::timeout(FETCH_WITHIN, fetch(&self.from)).await;
                fetched.map_err(|_| PricesError::Fetch("it took too long"))?
            })?
        } else {
            read_bounded(File::open(place).map_err(at(place))?, OFFER_BYTES_MAX).map_err(at(place))?
        };
        let update = price_list::update(&old, &offer)?;
        let json = update.book.to_json()?;
        let mut out = File::create_new(&self.out).map_err(at(&self.out))?;
        out.write_all(json.as_bytes()).and_then(|()| out.sync_all()).map_err(at(&self.out))?;
        let changes = diff::diff(&old, &update.book);
        changes.iter().for_each(|change| say(&change.to_string()));
        for skipped in update.examples.iter().take(SKIPPED_SHOWN) {
            say(&format!("? {} ({}): {}", skipped.usage_type, skipped.name, skipped.why.name()));
        }
        for (why, rows) in &update.skipped {
            say(&format!("{rows} row(s) not taken: {}", why.name()));
        }
        let share = update.joined_per_mille();
        say(&format!(
            "{} figure(s) changed; {} row(s) joined, {}.{} % of those for text on demand; {} figure(s) unconfirmed",
            changes.len(),
            update.joined,
            share / 10,
            share % 10,
            update.unconfirmed,
        ));
        say(&format!("written to {}; nothing uses it yet: name it in prices.book", self.out.display()));
        Ok(())
    }
}

/// An offer file over TLS. No redirect is followed.
async fn fetch(url: &str) -> Result<Vec<u8>, PricesError> {
    let uri: http::Uri = url.parse().map_err(|_| PricesError::Url)?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or(PricesError::Url)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_local =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if is_local => false,
        _ => return Err(PricesError::Url),
    };
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let unknown = |_| PricesError::Fetch("the host has no address");
    let address = tokio::net::lookup_host((host, port)).await.map_err(unknown)?.next();
    let address = address.ok_or(PricesError::Fetch("the host has no address"))?;
    let connector: Connector = Connector::new(None);
    let mut peer = HttpPeer::new(address, tls, host.to_owned());
    peer.options.alpn = ALPN::H1;
    let connected = connector.get_http_session(&peer).await;
    let (mut session, _) = connected.map_err(|_| PricesError::Fetch("the host could not be reached"))?;
    let broken = |_| PricesError::Fetch("the connection broke");
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut head = RequestHeader::build("GET", path.as_bytes(), Some(4)).map_err(broken)?;
    for (name, value) in [
        ("host", authority.as_str()),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ] {
        head.append_header(name, value).map_err(broken)?;
    }
    session.set_read_timeout(Some(FETCH_WITHIN));
    session.set_write_timeout(Some(FETCH_WITHIN));
    session.write_request_header(Box::new(head)).await.map_err(broken)?;
    session.finish_request_body().await.map_err(broken)?;
    session.read_response_header().await.map_err(broken)?;
    if session.response_header().is_none_or(|head| head.status != http::StatusCode::OK) {
        return Err(PricesError::Fetch("the answer was not 200"));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = session.read_response_body().await.map_err(broken)? {
        if bytes.len() + piece.len() > OFFER_BYTES_MAX {
            return Err(PricesError::TooLarge(OFFER_BYTES_MAX));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

impl Reconcile {
    fn run(&self) -> Outcome {
        let book = self.book.load()?;
        let outcome = reconcile(&book, &mut *open(&self.records)?, &mut *open(&self.report)?)?;
        say("model tier class: recorded tokens, billed tokens; recorded USD, billed USD");
        for (key, row) in &outcome.rows {
            say(&format!(
                "{} {} {}: {}, {}; {}, {}",
                key.model,
                key.tier.name(),
                key.class.name(),
                row.recorded.tokens,
                row.billed.tokens,
                row.recorded.cost,
                row.billed.cost,
            ));
        }
        outcome.explanations().iter().for_each(|line| say(line));
        for (usage_type, cost) in &outcome.unjoined {
            say(&format!("compared with nothing: {usage_type}: {cost}"));
        }
        for (kind, cost) in &outcome.apart {
            say(&format!("left apart: {kind}: {cost}"));
        }
        let drift = outcome.drift_per_100k().map_or_else(
            || "none, as nothing was billed".to_owned(),
            |drift| {
                let sign = if drift < 0 { "-" } else { "" };
                let size = drift.unsigned_abs();
                format!("{sign}{}.{:03} %", size / 1_000, size % 1_000)
            },
        );
        say(&format!(
            "{} record(s): recorded {} USD, billed {} USD, drift {drift}",
            outcome.records,
            outcome.recorded(),
            outcome.billed(),
        ));
        Ok(())
    }
}

/// Opens a file by what its first bytes say it is, whatever its name.
fn open(path: &Path) -> Result<Box<dyn BufRead>, PricesError> {
    let mut file = BufReader::new(File::open(path).map_err(at(path))?);
    let first = file.fill_buf().map_err(at(path))?;
    if first.starts_with(b"PAR1") {
        return Err(PricesError::Parquet);
    }
    let is_gzip = first.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}
