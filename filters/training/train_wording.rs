//! Learns the weights of the wording scorer from labelled texts: `train-wording OUT FILE... [--without SOURCE]`,
//! where the files hold one object a line with `text`, `source` and, for attacks, `label` and `tier`. What has no
//! label is benign. `texts.jsonl` beside this file holds the texts that are Hardpan's own; the others are those of
//! the detectors' measurements, in the folder that HARDPAN_SHARED names.
//!
//! Logistic regression over hashed grams, by stochastic gradient with a fixed order: the same files give the
//! same weights. It prints how well attacks are told from benign texts by models that saw no text of their source;
//! it never writes a text.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;

use hardpan_filters::injection::wording::{WEIGHTS, for_each_gram, scale};

const EPOCHS: usize = 60;
const RATE: f32 = 0.3;
const DECAY: f32 = 2e-6;
/// Attacks together weigh this share of what benign texts weigh.
const ATTACKS_SHARE: f32 = 0.5;
/// Texts that hold personal data are many and seldom resemble an attack.
const PERSONAL_WEIGHT: f32 = 0.3;
/// Sources with fewer texts are left out together, in so many parts.
const SMALL_SOURCE: usize = 1000;
const SMALL_PARTS: usize = 4;
const FALSE_POSITIVE_RATES: [f64; 4] = [0.001, 0.002, 0.005, 0.01];

struct Row {
    grams: Vec<u16>,
    weight: f32,
    is_attack: bool,
    tier: String,
    source: String,
}

struct Model {
    weights: Vec<f32>,
    bias: f32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "train-wording OUT FILE... [--without SOURCE]";
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or(usage)?;
    let mut rows = Vec::new();
    let mut without = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--without" => without = Some(arguments.next().ok_or(usage)?),
            file => read(file, &mut rows)?,
        }
    }
    // A fixed order that mixes the sources.
    rows.sort_by_key(|row| row.grams.iter().fold(0u32, |hash, gram| hash.rotate_left(3) ^ u32::from(*gram)));
    match without {
        Some(source) => write(&train(rows.iter().filter(|row| row.source != source)), &out),
        None => {
            cross_validate(&rows, &mut std::io::stdout().lock())?;
            write(&train(rows.iter()), &out)
        }
    }
}

fn read(file: &str, rows: &mut Vec<Row>) -> Result<(), Box<dyn Error>> {
    for line in std::fs::read_to_string(file)?.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let field =
            |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_string();
        let is_attack = field("label") == "attack";
        let tier = field("tier");
        // What no wording betrays would only teach noise, and hidden words are not read here.
        let is_unreadable = field("kind").starts_with("obfuscated") || tier == "semantic";
        if is_attack && is_unreadable {
            continue;
        }
        let mut grams = Vec::new();
        for_each_gram(field("text").as_bytes(), |gram| grams.push(gram));
        let weight = if row.get("spans").is_some() { PERSONAL_WEIGHT } else { 1.0 };
        rows.push(Row { grams, weight, is_attack, tier, source: field("source") });
    }
    Ok(())
}

fn train<'r>(rows: impl Iterator<Item = &'r Row> + Clone) -> Model {
    let weight_of = |is_attack: bool| -> f32 {
        rows.clone().filter(|row| row.is_attack == is_attack).map(|row| row.weight).sum()
    };
    let attack_weight = ATTACKS_SHARE * weight_of(false) / weight_of(true).max(1.0);
    let mut model = Model { weights: vec![0.0; WEIGHTS], bias: 0.0 };
    let mut squares = vec![1e-2f32; WEIGHTS];
    for epoch in 0..EPOCHS {
        let rate = RATE / (1.0 + epoch as f32 / 4.0);
        for row in rows.clone() {
            let target = f32::from(u8::from(row.is_attack));
            let weight = if row.is_attack { attack_weight } else { row.weight };
            let share = scale(u32::try_from(row.grams.len()).unwrap_or(u32::MAX));
            let error = weight * (1.0 / (1.0 + (-model.margin(row)).exp()) - target);
            model.bias -= 0.01 * error;
            for gram in &row.grams {
                let place = usize::from(*gram);
                if let (Some(weight), Some(square)) = (model.weights.get_mut(place), squares.get_mut(place)) {
                    let slope = error * share + DECAY * *weight;
                    *square += slope * slope;
                    *weight -= rate * slope / square.sqrt();
                }
            }
        }
    }
    model
}

impl Model {
    fn margin(&self, row: &Row) -> f32 {
        let weights =
            row.grams.iter().map(|gram| self.weights.get(usize::from(*gram)).copied().unwrap_or(0.0));
        self.bias + weights.sum::<f32>() * scale(u32::try_from(row.grams.len()).unwrap_or(u32::MAX))
    }
}

fn cross_validate(rows: &[Row], out: &mut impl std::io::Write) -> Result<(), Box<dyn Error>> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *sizes.entry(&row.source).or_default() += 1;
    }
    let (large, small): (Vec<_>, Vec<_>) = sizes.into_iter().partition(|(_, size)| *size >= SMALL_SOURCE);
    let mut parts: Vec<Vec<&str>> = large.into_iter().map(|(source, _)| vec![source]).collect();
    let small: Vec<&str> = small.into_iter().map(|(source, _)| source).collect();
    parts
        .extend((0..SMALL_PARTS).map(|part| small.iter().copied().skip(part).step_by(SMALL_PARTS).collect()));
    let mut margins: Vec<(&Row, f32)> = Vec::new();
    for part in parts {
        let is_left_out = |row: &&Row| part.contains(&row.source.as_str());
        let model = train(rows.iter().filter(|row| !is_left_out(row)));
        margins.extend(rows.iter().filter(is_left_out).map(|row| (row, model.margin(row))));
    }
    let mut benign: Vec<f32> =
        margins.iter().filter(|(row, _)| !row.is_attack).map(|(_, margin)| *margin).collect();
    benign.sort_unstable_by(|one, other| other.total_cmp(one));
    for rate in FALSE_POSITIVE_RATES {
        let threshold = benign.get((benign.len() as f64 * rate) as usize).copied().unwrap_or(f32::MAX);
        writeln!(out, "at {:.1} % false positives, above {threshold:.2}:", rate * 100.0)?;
        let mut found: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for (row, margin) in &margins {
            let tier = if row.is_attack { &row.tier } else { "benign" };
            let (hits, total) = found.entry((tier, &row.source)).or_default();
            *hits += usize::from(*margin > threshold);
            *total += 1;
        }
        for ((tier, source), (hits, total)) in found {
            if hits > 0 {
                writeln!(out, "    {tier} {source} {hits}/{total}")?;
            }
        }
    }
    Ok(())
}

fn write(model: &Model, path: &str) -> Result<(), Box<dyn Error>> {
    let largest = model.weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    // A few large weights would leave the others without a bit.
    let unit = (largest / 127.0).min(0.02);
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    out.write_all(&unit.to_le_bytes())?;
    out.write_all(&model.bias.to_le_bytes())?;
    for weight in &model.weights {
        let quantised = (weight / unit).round().clamp(-127.0, 127.0) as i8;
        out.write_all(&quantised.to_le_bytes())?;
    }
    Ok(out.flush()?)
}
