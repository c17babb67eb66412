//! Learns the weights of the wording scorer from labelled texts: `train-wording OUT FILE...`, where the files
//! hold one object a line with `text` and, for attacks, `label`, `tier` and `source`.
//!
//! Logistic regression over hashed grams, by stochastic gradient with a fixed order: the same files give the
//! same weights. It prints how well attacks of each source are told from benign texts when their source, or
//! for large sources a fifth of it, was left out; it never writes a text.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;

use hardpan_filters::injection::wording::{WEIGHTS, for_each_gram, scale};

const EPOCHS: usize = 12;
const RATE: f32 = 0.5;
const DECAY: f32 = 2e-5;
/// A source with more attacks than this is left out in fifths.
const LARGE_SOURCE: usize = 120;
const FALSE_POSITIVE_RATES: [f64; 3] = [0.001, 0.003, 0.01];

struct Row {
    grams: Vec<u32>,
    is_attack: bool,
    tier: String,
    group: String,
}

struct Model {
    weights: Vec<f32>,
    bias: f32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("train-wording OUT FILE...")?;
    let rows = read(arguments)?;
    cross_validate(&rows, &mut std::io::stdout().lock())?;
    write(&train(rows.iter()), &out)
}

fn read(files: impl Iterator<Item = String>) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(file)?.lines() {
            let row: serde_json::Value = serde_json::from_str(line)?;
            let field = |name: &str| {
                row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_string()
            };
            let is_attack = field("label") == "attack";
            let tier = field("tier");
            // What no wording betrays would only teach noise, and hidden words are not read here.
            if is_attack && (tier == "semantic" || field("kind").starts_with("obfuscated")) {
                continue;
            }
            let mut grams = Vec::new();
            for_each_gram(field("text").as_bytes(), |gram| grams.extend(u32::try_from(gram)));
            rows.push(Row { grams, is_attack, tier, group: field("source") });
        }
    }
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *sizes.entry(row.group.clone()).or_default() += 1;
    }
    for (index, row) in rows.iter_mut().enumerate() {
        if !row.is_attack || sizes.get(&row.group).is_some_and(|size| *size > LARGE_SOURCE) {
            row.group = format!("{} {}", row.group, index % 5);
        }
    }
    // A fixed order that mixes the sources.
    rows.sort_by_key(|row| row.grams.iter().fold(0u32, |hash, gram| hash.rotate_left(3) ^ gram));
    Ok(rows)
}

fn train<'r>(rows: impl Iterator<Item = &'r Row> + Clone) -> Model {
    let mut model = Model { weights: vec![0.0; WEIGHTS], bias: 0.0 };
    let mut squares = vec![1e-2f32; WEIGHTS];
    for epoch in 0..EPOCHS {
        let rate = RATE / (1.0 + epoch as f32 / 4.0);
        for row in rows.clone() {
            let target = f32::from(u8::from(row.is_attack));
            let share = scale(u32::try_from(row.grams.len()).unwrap_or(u32::MAX));
            let error = 1.0 / (1.0 + (-model.margin(row)).exp()) - target;
            model.bias -= 0.01 * error;
            for gram in &row.grams {
                let place = *gram as usize;
                if let (Some(weight), Some(square)) = (model.weights.get_mut(place), squares.get_mut(place)) {
                    let slope = error * share + DECAY * *weight;
                    *square += slope * slope;
                    *weight -= rate * 0.2 * slope / square.sqrt();
                }
            }
        }
    }
    model
}

impl Model {
    fn margin(&self, row: &Row) -> f32 {
        let weights = row.grams.iter().map(|gram| self.weights.get(*gram as usize).copied().unwrap_or(0.0));
        self.bias + weights.sum::<f32>() * scale(u32::try_from(row.grams.len()).unwrap_or(u32::MAX))
    }
}

fn cross_validate(rows: &[Row], out: &mut impl std::io::Write) -> Result<(), Box<dyn Error>> {
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    groups.sort_unstable();
    groups.dedup();
    // Groups are left out five at a time.
    let mut margins: Vec<(&Row, f32)> = Vec::new();
    for fold in 0..5 {
        let left_out =
            |row: &Row| groups.binary_search(&row.group.as_str()).is_ok_and(|place| place % 5 == fold);
        let model = train(rows.iter().filter(|row| !left_out(row)));
        margins.extend(rows.iter().filter(|row| left_out(row)).map(|row| (row, model.margin(row))));
    }
    let mut benign: Vec<f32> =
        margins.iter().filter(|(row, _)| !row.is_attack).map(|(_, margin)| *margin).collect();
    benign.sort_unstable_by(|one, other| other.total_cmp(one));
    for rate in FALSE_POSITIVE_RATES {
        let threshold = benign.get((benign.len() as f64 * rate) as usize).copied().unwrap_or(f32::MAX);
        write!(out, "at {:.1} % false positives, above {threshold:.2}:", rate * 100.0)?;
        let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (row, margin) in margins.iter().filter(|(row, _)| row.is_attack) {
            let (hits, total) = found.entry(row.tier.as_str()).or_default();
            *hits += usize::from(*margin > threshold);
            *total += 1;
        }
        for (tier, (hits, total)) in found {
            write!(out, " {tier} {hits}/{total}")?;
        }
        writeln!(out)?;
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
