//! Request bodies as applications send them, of any size and the same in every run.
//!
//! The texts are neither real nor random bytes: words of ordinary length, numbers here and there, line
//! breaks that JSON escapes, and words that detectors have to look at twice. Text that detectors can skip
//! would flatter them.

use hardpan_inference::json::quote;

/// A cross-Region profile, so that every rule about Regions and geographies has something to decide.
pub const MODEL: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

const SYSTEM: &str = "You are the assistant of an order desk. Answer briefly and in the language of the \
    customer. Use the facts of the order and nothing else; where a fact is missing, ask for it. Amounts are \
    in the currency of the order. Close with the next step and who takes it.";

/// The last question. The simulator echoes it, so it also sets the length of every answer.
const QUESTION_BYTES: usize = 240;
/// Braces, names and parameters around the texts of a body, and around each turn.
const FRAME_BYTES: usize = 130;
const TURN_FRAME_BYTES: usize = 52;

/// Turns of a long conversation.
const TURN_PAIRS_MAX: usize = 24;
const TURN_PAIR_BYTES: usize = 3000;

/// A number generator whose choices repeat from run to run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Xorshift never leaves zero, and near seeds shall not begin alike.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides.max(1)
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        choices.get(self.roll(choices.len())).copied().unwrap_or_default()
    }
}

/// A Converse body of about `bytes` bytes: a system prompt, earlier turns, a question.
pub fn conversation(bytes: usize, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let turns = 2 * (bytes / TURN_PAIR_BYTES).clamp(1, TURN_PAIRS_MAX);
    let fixed = SYSTEM.len() + QUESTION_BYTES + FRAME_BYTES + TURN_FRAME_BYTES;
    let each = (bytes.saturating_sub(fixed) / turns).saturating_sub(TURN_FRAME_BYTES);
    let mut messages: Vec<String> = (0..turns)
        .map(|turn| {
            let role = if turn % 2 == 0 { "user" } else { "assistant" };
            message(role, &text_block(&prose(each, &mut dice)))
        })
        .collect();
    messages.push(message("user", &text_block(&prose(QUESTION_BYTES, &mut dice))));
    body(&messages)
}

/// A Converse body of about `bytes` bytes, most of it JSON that a tool returned.
pub fn tool_results(bytes: usize, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut orders: Vec<String> = Vec::new();
    let mut length = SYSTEM.len() + FRAME_BYTES;
    while length < bytes {
        let order = order(orders.len(), &mut dice);
        length += order.len() + 1;
        orders.push(order);
    }
    let result = format!(
        "{{\"toolResult\":{{\"toolUseId\":\"tooluse_1\",\"content\":[{{\"json\":{{\"orders\":[{}]}}}}]}}}}",
        orders.join(",")
    );
    let call =
        "{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"list_orders\",\"input\":{\"open\":true}}}";
    body(&[
        message("user", &text_block("Which orders are late, and why?")),
        message("assistant", call),
        message("user", &result),
    ])
}

/// A Converse body of about `bytes` bytes with something to mask in every sentence. All values are
/// fictitious.
pub fn dense_with_personal_data(bytes: usize, seed: u64) -> String {
    const VALUES: &[&str] = &[
        "ann.lee@mail.example.org",
        "+1 212-555-0147",
        "4111 1111 1111 1111",
        "536-22-8472",
        "GB82 WEST 1234 5698 7654 32",
        "203.0.113.9",
        "bob@example.com",
        "+442079460958",
    ];
    let mut dice = Dice::new(seed);
    let mut text = String::with_capacity(bytes + 128);
    while text.len() + SYSTEM.len() + FRAME_BYTES < bytes {
        sentence(&mut text, &mut dice);
        text.push_str("Contact: ");
        text.push_str(dice.pick(VALUES));
        text.push_str(". ");
    }
    body(&[message("user", &text_block(&text))])
}

/// A Converse body whose one text is `piece` over and over: what an attacker sends to cost time.
pub fn repeated(piece: &str, bytes: usize) -> String {
    body(&[message("user", &text_block(&piece.repeat(bytes / piece.len().max(1))))])
}

/// ASCII prose of exactly `bytes` bytes.
pub fn prose(bytes: usize, dice: &mut Dice) -> String {
    let mut text = String::with_capacity(bytes + 256);
    while text.len() < bytes {
        sentence(&mut text, dice);
    }
    text.truncate(bytes);
    text
}

fn sentence(text: &mut String, dice: &mut Dice) {
    let words = 7 + dice.roll(10);
    for index in 0..words {
        let word = dice.pick(WORDS);
        if index == 0 {
            let mut letters = word.chars();
            text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            text.push_str(letters.as_str());
            continue;
        }
        text.push(' ');
        text.push_str(word);
        // A word follows each number: two in a row could read as one long one.
        if index + 2 < words && dice.roll(10) == 0 {
            text.push(' ');
            text.push_str(dice.pick(NUMBERS));
        } else if index + 2 < words && dice.roll(12) == 0 {
            text.push(',');
        }
    }
    text.push_str(if dice.roll(6) == 0 { ".\n\n" } else { ". " });
}

fn order(number: usize, dice: &mut Dice) -> String {
    format!(
        "{{\"id\":\"order-{}\",\"status\":\"{}\",\"lines\":{},\"weight\":{}.5,\"late\":{},\
         \"region\":\"us-east-1\",\"item\":{{\"name\":{},\"stock\":{}}},\"note\":{}}}",
        1000 + number,
        dice.pick(&["open", "shipped", "waiting", "returned"]),
        1 + dice.roll(9),
        dice.roll(40),
        dice.roll(2) == 0,
        quote(dice.pick(WORDS)),
        dice.roll(500),
        quote(&prose(90, dice)),
    )
}

fn body(messages: &[String]) -> String {
    format!(
        "{{\"system\":[{}],\"messages\":[{}],\"inferenceConfig\":{{\"maxTokens\":512,\"temperature\":0.2}}}}",
        text_block(SYSTEM),
        messages.join(",")
    )
}

fn message(role: &str, block: &str) -> String {
    format!("{{\"role\":\"{role}\",\"content\":[{block}]}}")
}

fn text_block(text: &str) -> String {
    format!("{{\"text\":{}}}", quote(text))
}

const NUMBERS: &[&str] = &["2", "7", "12", "48", "150", "3.5", "2024", "14 percent", "1,200", "60 days"];

/// Some of these begin phrases that the injection scorer looks for, as ordinary text does.
#[rustfmt::skip] // One word to a line would be longer than the rest of the file.
const WORDS: &[&str] = &[
    "the", "a", "of", "and", "to", "in", "for", "with", "on", "from", "by", "at", "after", "before", "this",
    "that", "order", "delivery", "warehouse", "supplier", "invoice", "contract", "quarter", "budget",
    "shipment", "pallet", "carrier", "schedule", "forecast", "demand", "stock", "region", "market",
    "season", "price", "discount", "margin", "report", "summary", "table", "figure", "average", "increase",
    "decrease", "change", "delay", "reason", "weather", "traffic", "border", "document", "form", "approval",
    "manager", "team", "office", "meeting", "decision", "plan", "project", "milestone", "risk", "quality",
    "inspection", "sample", "batch", "defect", "return", "refund", "the customer", "complaint", "question",
    "answer", "service", "support", "product", "material", "steel", "cotton", "paper", "packaging", "label",
    "container", "harbour", "vessel", "truck", "driver", "route", "distance", "fuel", "energy", "cost",
    "saving", "target", "result", "measure", "method", "model", "data", "system", "process", "guideline",
    "configuration", "developer", "limitation", "declined", "laws", "was", "were", "has", "had", "will",
    "should", "expects", "needs", "arrived", "moved", "stayed", "rose", "fell", "improved",
];

#[cfg(test)]
mod tests {
    use hardpan_filters::inspection::Inspector;
    use hardpan_inference::codec::{Parsing, Request};
    use hardpan_inference::json::JsonLimits;
    use hardpan_inference::model_id::ModelId;
    use hardpan_inference::operation::Operation;
    use hardpan_inference::request::Signals;

    use super::*;

    fn signals(body: &str) -> Signals {
        let model = ModelId::parse(MODEL).unwrap();
        let limits = JsonLimits::default();
        let parsing = Parsing { operation: Operation::Converse, model: Some(&model), dialect: None, limits };
        let request = Request::parse(&parsing, body.as_bytes()).unwrap();
        Inspector::new(true, true).unwrap().inspect(&request, None).signals
    }

    #[test]
    fn bodies_have_about_the_size_asked_for() {
        for bytes in [1 << 10, 8 << 10, 100 << 10] {
            for body in [conversation(bytes, 3), tool_results(bytes, 3), dense_with_personal_data(bytes, 3)] {
                let (low, high) = (bytes * 85 / 100, bytes * 125 / 100 + 700);
                assert!((low..high).contains(&body.len()), "{} for {bytes}", body.len());
            }
        }
    }

    #[test]
    fn a_seed_gives_one_body_and_two_seeds_give_two() {
        assert_eq!(conversation(8 << 10, 1), conversation(8 << 10, 1));
        assert_ne!(conversation(8 << 10, 1), conversation(8 << 10, 2));
    }

    #[test]
    fn conversations_hold_nothing_to_find() {
        for seed in 0..16 {
            for body in [conversation(8 << 10, seed), tool_results(8 << 10, seed)] {
                let signals = signals(&body);
                assert!(signals.findings.is_empty(), "seed {seed}: {:?}", signals.findings);
                assert!(signals.injection < 0.5, "seed {seed}: {:?}", signals.injection_families);
            }
        }
    }

    #[test]
    fn dense_bodies_hold_plenty_to_find() {
        let found: u64 = signals(&dense_with_personal_data(8 << 10, 1)).findings.values().sum();
        assert!(found > 40, "{found}");
    }

    #[test]
    fn prose_is_ascii_so_that_it_can_be_cut_anywhere() {
        assert!(WORDS.iter().chain(NUMBERS).all(|word| word.is_ascii()));
        for bytes in [0, 1, 77, 500] {
            assert_eq!(prose(bytes, &mut Dice::new(5)).len(), bytes);
        }
    }
}
