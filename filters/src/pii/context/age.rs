//! Ages of persons: "aged 34", `"age": "34"`, "34-year-old", "just turned 34". Years that say how long
//! something lasted are no age.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::words::Words;
use super::super::{Anchor, finding};
use super::{Place, Shape, is_any, is_whole_label, label_end};

const AGE_MAX: u32 = 120;

/// Words before a number, with the number's first digit.
pub(super) const BEFORE_ANCHOR: &str = concat!(
    r"(?i:aged?|edad|(?:â|Â|a)ge|alter|et(?:à|À|a)|idade|leeftijd|wiek|(?:just )?turn(?:ed|s|ing)|(?:will|ll) turn|(?:å|Å|a)lder|ik(?:ä|a)|ya(?:ş|Ş|s)|v(?:ě|e)k|v(?:â|a)rst(?:ă|a)|(?:, |pacjent |pacjentka )lat|(?:â|a)g(?:é|e)e? de|(?:В|в)озраст)",
    r#"(?: ?\((?i:in )?(?i:years|yrs|y|jahre|ans|anni|anos|jaar|lat)\)| ?/ ?(?i:sex|gender)| -)?[\\"']{0,3}[ \t]{0,2}[:=>]?[ \t]{0,2}[\\"']{0,3}(?:(?i:is|of) )?[0-9]"#,
    r"|(?:年龄|年齢|나이)(?:[ :]|：|は|是|为|는|은){0,3}[0-9]"
);

/// Somebody's age in so many words: "I'm 34", "she is 34", and the first digit.
pub(super) const SELF_ANCHOR: &str =
    r"(?i:i ?(?:'|’)m|i am|im|i was|he(?:'|’)s|he is|he was)(?: only| just| already| now)? [1-9][0-9]";

/// Examines the number that ends the anchor. Returns where to go on.
pub(super) fn examine_self(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    const AFTER: [&[u8]; 9] =
        [b" and ", b" btw", b" now", b" yo", b" years", b" m ", b" f ", b" but ", b" when"];
    let (start, end) = (anchor.end - 2, anchor.end);
    let begins =
        !field.word_before(anchor.start) || matches!(field.at(anchor.start.saturating_sub(1)), b's' | b'S');
    let rest = field.slice(end, field.len().min(end + 6));
    let ends = match rest {
        [] | [b',' | b'!' | b'?' | b';' | b')' | b'\n' | b'"', ..] => true,
        [b'.', next, ..] => !next.is_ascii_alphanumeric(),
        [b'.'] => true,
        _ => AFTER
            .iter()
            .any(|word| rest.starts_with(word.get(..rest.len().min(word.len())).unwrap_or_default())),
    };
    if begins && ends && is_age(field, start, end) {
        candidates.push(finding(PiiType::Age, start, end, 82));
    }
    end
}

/// "Ann Lee, 34, of Leeds": the number behind a name, and a word that goes on about the person.
pub(super) const NAMED_ANCHOR: &str = concat!(
    r", [1-9][0-9](?:, (?:of|from|who|was|is|has|had|an?|said|told|died|lives|pleaded|appeared|admitted|married|and his|and her) | ?[MF]\b)",
    r"| \([1-9][0-9][MFmf]?\)"
);

/// Examines the number of the anchor. Returns where to go on.
pub(super) fn examine_named(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    const NAME_BYTES: usize = 48;
    let start = anchor.start + if field.at(anchor.start) == b',' { 2 } else { 1 };
    let before = field.slice(anchor.start.saturating_sub(NAME_BYTES), anchor.start);
    let mut names = before.rsplit(|byte| *byte == b' ');
    let is_name = |word: &[u8]| {
        word.len() > 1 && word.first().is_some_and(u8::is_ascii_uppercase) && !is_any(word, &DATES_IN_NEWS)
    };
    let last = names.next().unwrap_or_default();
    // In brackets stand many other numbers: "Herr Vogel (58)".
    let bracketed = field.at(start) == b'(';
    let start = start + usize::from(bracketed);
    let named = match bracketed {
        true if field.at(start + 2) != b')' => {
            is_any(last, &["i", "me", "partner", "friend", "bf", "gf", "ex"])
        }
        true => is_name(last) && field.names_any(&TITLES, anchor.start - last.len(), 20),
        false => is_any(last, &PERSONS_IN_NEWS) || is_name(last) && names.next().is_some_and(is_name),
    };
    if named && is_age(field, start, start + 2) {
        candidates.push(finding(PiiType::Age, start, start + 2, 82));
    }
    start + 2
}

static TITLES: Words = Words::new(&[
    "herr", "herrn", "frau", "mr", "mrs", "ms", "mme", "monsieur", "madame", "sra", "señor", "señora",
    "signor", "signora", "dhr", "mevr", "pan", "pani",
]);
const DATES_IN_NEWS: [&str; 22] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "on",
    "in",
    "chapter",
    "page",
];
const PERSONS_IN_NEWS: [&str; 16] = [
    "man", "woman", "boy", "girl", "mother", "father", "driver", "teacher", "student", "victim", "suspect",
    "patient", "husband", "wife", "brother", "sister",
];

/// Things that are as old as people.
static THINGS: Words = Words::new(&[
    "bridge",
    "building",
    "house",
    "tree",
    "company",
    "car",
    "wine",
    "whisky",
    "church",
    "castle",
    "tower",
    "software",
    "computer",
    "laptop",
    "phone",
    "account",
    "tradition",
    "city",
    "town",
    "school",
    "machine",
    "server",
    "roof",
    "boiler",
    "painting",
    "book",
    "song",
    "film",
    "movie",
    "law",
    "engine",
    "ship",
    "boat",
    "codebase",
    "firm",
    "business",
    "organisation",
    "organization",
    "club",
    "hotel",
    "restaurant",
    "shop",
    "store",
    "brand",
    "museum",
    "theatre",
    "theater",
    "library",
    "garden",
    "oak",
    "bike",
    "bicycle",
    "fridge",
    "malt",
    "garantie",
    "erfahrung",
    "laufzeit",
    "vertrag",
    "anleihe",
    "port",
    "furnace",
    "pipe",
    "whiskey",
    "cheese",
    "rum",
    "scotch",
    "contract",
    "mortgage",
    "loan",
    "website",
    "app",
    "bug",
    "cathedral",
    "temple",
    "stadium",
    "village",
    "country",
    "republic",
    "fossil",
    "dog",
    "cat",
    "puppy",
    "kitten",
    "horse",
    "parrot",
    "haus",
    "gebäude",
    "brücke",
    "baum",
    "firma",
    "unternehmen",
    "auto",
    "wagen",
    "wein",
    "kirche",
    "schloss",
    "turm",
    "stadt",
    "schule",
    "maschine",
    "verein",
    "hund",
    "katze",
    "dach",
    "heizung",
    "maison",
    "bâtiment",
    "pont",
    "arbre",
    "entreprise",
    "société",
    "voiture",
    "église",
    "château",
    "ville",
    "école",
    "vin",
    "chien",
    "chat",
    "casa",
    "edificio",
    "puente",
    "árbol",
    "empresa",
    "coche",
    "iglesia",
    "castillo",
    "ciudad",
    "escuela",
    "vino",
    "perro",
    "gato",
    "ponte",
    "albero",
    "azienda",
    "chiesa",
    "castello",
    "città",
    "scuola",
    "cane",
    "gatto",
    "huis",
    "gebouw",
    "brug",
    "boom",
    "bedrijf",
    "kerk",
    "kasteel",
    "stad",
    "wijn",
    "hond",
    "kat",
    "vereniging",
    "prédio",
    "igreja",
    "carro",
    "dom",
    "budynek",
    "most",
    "firmie",
]);
const THINGS_BYTES: usize = 24;

/// Words behind a number.
pub(super) const BEHIND_ANCHOR: &str = concat!(
    r"(?i:years?[ \-]+old|yrs?\.?[ \-]+old|years? of age|y/o|y\.o\.|yo[^a-z\-]|j(?:ahre|\.) alt|j(?:ä|ae)hrige?",
    r"|a(?:ñ|n)os de edad|anos de idade|anni d'et|jaar oud|(?:å|a)r gammal|(?:å|a)rige? (?:pojke|flicka|man|kvinna|patient|son|dotter)",
    r"|vuotias|ya(?:ş|s)(?:ı|i)nda(?:y(?:ı|i)m|ki)?|tahun|months?[ \-]+old)|岁|歳|才です|살|세(?:입니다|의| 여| 남| 환자)"
);

/// Examines the number that ends the anchor. Returns where to go on.
pub(super) fn examine_before(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let start = anchor.end - 1;
    let label = field.slice(anchor.start, start);
    let letters = label.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let end = start + digits(field, start);
    let turned = label.to_ascii_lowercase().windows(4).any(|part| part == b"turn");
    // "Pacjent, lat 34, ..." and no latitude.
    let polish = label.starts_with(b", ");
    // Wine is aged some months, and the average of many is nobody's age.
    let aged = letters == 4 && label.to_ascii_lowercase().starts_with(b"aged");
    let is_thing = || {
        (turned || aged) && field.names_any(&THINGS, anchor.start, THINGS_BYTES)
            || aged && field.names_any_after(&THINGS, end, THINGS_BYTES)
            || field.names_any_next(&OF_MANY, anchor.start, 14)
    };
    let whole = if polish {
        field.at(end) == b','
    } else {
        is_whole_label(field, anchor.start, anchor.start + letters.max(1))
    };
    if whole && is_age(field, start, end) && !is_measured(field, end, turned) && !is_thing() {
        candidates.push(finding(PiiType::Age, start, end, 85));
    }
    anchor.start + 3
}

/// What stands before the age of nobody in particular.
static OF_MANY: Words = Words::new(&[
    "average",
    "median",
    "mean",
    "minimum",
    "maximum",
    "legal",
    "voting",
    "drinking",
    "retirement",
]);

/// Somebody and the first digit of an age: "my son is 7", "my wife, 38, and".
pub(super) const RELATED_ANCHOR: &str = concat!(
    r"\b(?i:(?:son|daughter|mother|mom|mum|father|dad|wife|husband|brother|sister|boy|girl|kid|toddler|grandmother|grandfather|grandma",
    r"|grandpa|granddaughter|grandson|niece|nephew|uncle|aunt|cousin|girlfriend|boyfriend|fianc(?:é|e)e?)(?: is|'s|’s|,| \()(?: only| just| almost| now)? ?",
    r"|(?:vater|mutter|sohn|tochter|bruder|schwester|oma|opa) ist (?:erst |schon |jetzt )?",
    r"|(?:figlio|figlia|hijo|hija|fils|fille|zoon|dochter|filho|filha),? \(?)[1-9]"
);

/// Examines the number whose first digit ends the anchor. Returns where to go on.
pub(super) fn examine_related(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    const AFTER: [&[u8]; 10] =
        [b" and ", b" und ", b" but ", b" et ", b" now", b" y ", b" e ", b" today", b" so ", b" jahre"];
    let start = anchor.end - 1;
    let end = start + digits(field, start);
    let before = field.slice(anchor.start, start);
    let opened = before.ends_with(b"(");
    let apart = before.ends_with(b", ");
    let sex = usize::from(opened && matches!(field.at(end), b'M' | b'F' | b'm' | b'f'));
    let rest = field.slice(end + sex, field.len().min(end + sex + 6));
    let ends = match rest {
        [b')', ..] => opened,
        [b',', next, ..] => !opened && !next.is_ascii_digit(),
        _ if opened || apart => false,
        [] | [b'!' | b'?' | b';' | b'\n' | b'"', ..] => true,
        [b'.', next, ..] => !next.is_ascii_alphanumeric(),
        [b'.'] => true,
        _ => AFTER
            .iter()
            .any(|word| rest.starts_with(word.get(..rest.len().min(word.len())).unwrap_or_default())),
    };
    if ends && is_age(field, start, end) {
        candidates.push(finding(PiiType::Age, start, end, 82));
    }
    end.max(anchor.start + 1)
}

/// Examines the number before the words of the anchor. Returns where to go on.
pub(super) fn examine_behind(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let words_end = label_end(field, anchor.start, anchor.end);
    let separated = usize::from(anchor.start > 0 && matches!(field.at(anchor.start - 1), b' ' | b'-'));
    let end = anchor.start - separated;
    let before = field.slice(end.saturating_sub(4), end);
    let start = end - before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letter_behind =
        field.at(anchor.start).is_ascii() && field.word_at(words_end) && field.at(words_end) != b'_';
    let is_thing = || field.names_any(&THINGS, start, THINGS_BYTES) || describes_thing(field, words_end);
    if !letter_behind && is_age(field, start, end) && !is_demanded(field, start) && !is_thing() {
        candidates.push(finding(PiiType::Age, start, end, 85));
    }
    words_end
}

/// "A 12-year-old single malt.": what is described is a thing, and not a part of what somebody is.
fn describes_thing(field: Field<'_>, words_end: usize) -> bool {
    const BYTES_MAX: usize = 40;
    static GO_ON: Words = Words::new(&[
        "is", "was", "has", "had", "in", "on", "at", "of", "from", "with", "for", "and", "that", "which",
        "will",
    ]);
    let window = field.slice(words_end, field.len().min(words_end + BYTES_MAX));
    let described = window.first() == Some(&b' ');
    let phrase = window.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b' ').count();
    let mut words = window.get(..phrase).unwrap_or_default().split(|byte| *byte == b' ').skip(1).peekable();
    let mut seen = 0;
    while let Some(word) = words.next().filter(|_| described && seen < 3) {
        if GO_ON.has(word) {
            return false;
        }
        let last = words.peek().is_none_or(|next| next.is_empty() || GO_ON.has(next));
        if THINGS.has(word) && last {
            return true;
        }
        seen += 1;
    }
    false
}

/// "At least 18 years of age": nobody's.
fn is_demanded(field: Field<'_>, start: usize) -> bool {
    static DEMANDS: Words = Words::new(&[
        "least",
        "over",
        "under",
        "than",
        "minimum",
        "maximum",
        "above",
        "below",
        "until",
        "must",
        "mindestens",
        "unter",
        "über",
        "between",
    ]);
    field.names_any_next(&DEMANDS, start, 14)
        || field.names_any(const { &Words::new(&["between"]) }, start, 16)
}

/// The name of a column, a field of a form, or what somebody is asked for.
pub(super) const COLUMN_ANCHOR: &str = r"\b(?i:age|edad|alter|idade|leeftijd|wiek|et(?:à|a))[^a-zA-Z0-9]";

/// A number that fills a cell, a field or an answer.
pub(super) fn stated(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let end = place.start + digits(field, place.start);
    let before = place.start.checked_sub(1).map_or(0, |before| field.at(before));
    let between = field.slice(place.label_end, place.start);
    let set = place.gap.answer
        || place.gap.cell
        || matches!(before, b'"' | b'\'' | b'>' | b'|')
        || between.iter().any(|byte| matches!(byte, b'|' | b'\t'));
    let fits = set && is_age(field, place.start, end) && !is_measured(field, end, false);
    fits.then_some(Shape { kind: PiiType::Age, start: place.start, end })
}

/// A number of years as languages count them that use the same words for how long something lasts.
pub(super) const COUNTED_ANCHOR: &str =
    r"[0-9] (?:(?i:ans|a(?:ñ|n)os|anni|jaar|lat|lata|jahren?|(?:å|a)r|let)\b|лет|года?|рок)";

/// Words before such a number that speak of somebody, with what must follow: with a weak one nothing may.
const PERSONS: [&str; 112] = [
    "j'ai ",
    "j’ai ",
    "âgée de ",
    "âgé de ",
    "homme de ",
    "femme de ",
    "patient de ",
    "patiente de ",
    "garçon de ",
    "fille de ",
    "fils de ",
    "enfant de ",
    "tengo ",
    "cumplí ",
    "cumplió ",
    "cumple ",
    "cumplo ",
    "varón de ",
    "mujer de ",
    "hombre de ",
    "paciente de ",
    "hijo de ",
    "hija de ",
    "niño de ",
    "niña de ",
    "joven de ",
    "señora de ",
    "señor de ",
    "uomo di ",
    "donna di ",
    "paziente di ",
    "figlio di ",
    "figlia di ",
    "ragazzo di ",
    "ragazza di ",
    "bambino di ",
    "bambina di ",
    "compio ",
    "compiuto ",
    "tenho ",
    "homem de ",
    "mulher de ",
    "fiz ",
    "filho de ",
    "filha de ",
    "menino de ",
    "menina de ",
    "mam ",
    "miałam ",
    "miałem ",
    "ik ben ",
    "мне ",
    "ему ",
    "ей ",
    "jag är ",
    "jeg er ",
    "je mi ",
    "zoon van ",
    "dochter van ",
    "meisje van ",
    "jongen van ",
    "vrouw van ",
    "man van ",
    "kind van ",
    "мальчик ",
    "девочка ",
    "мужчина ",
    "женщина ",
    "пациент ",
    "пациентка ",
    "сыну ",
    "дочери ",
    "alter von ",
    "edad de ",
    "idade de ",
    "età di ",
    "âge de ",
    "leeftijd van ",
    "w wieku ",
    "возрасте ",
    "fils a ",
    "fille a ",
    "mère a ",
    "père a ",
    "frère a ",
    "sœur a ",
    "mari a ",
    "femme a ",
    "han är ",
    "hon är ",
    "han er ",
    "hun er ",
    "patient, ",
    "patientin, ",
    "patiente, ",
    "paciente, ",
    "paziente, ",
    "пациент, ",
    "пациентка, ",
    "mężczyzna, ",
    "kobieta, ",
    "homme, ",
    "femme, ",
    "hombre, ",
    "mujer, ",
    "uomo, ",
    "donna, ",
    "kvinna, ",
    "mann, ",
    "frau, ",
    "vrouw, ",
    "mulher, ",
];
const PERHAPS_PERSONS: [&str; 16] = [
    "elle a ", "il a ", "qui a ", "tiene ", "tenía ", "tem ", "tinha ", "ho ", "ha ", "ma ", "ich bin ",
    "ist ", "is ", "wird ", "hij is ", "war ",
];

/// Examines the number whose last digit begins the anchor. Returns where to go on.
pub(super) fn examine_counted(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    const BEFORE_BYTES: usize = 24;
    let end = anchor.start + 1;
    let written = field.slice(end.saturating_sub(4), end);
    let start = end - written.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let floor = (start.saturating_sub(BEFORE_BYTES)..=start)
        .find(|floor| field.str(*floor, start).len() == start - floor);
    let before = field.str(floor.unwrap_or(start), start).to_lowercase();
    let words_end = label_end(field, anchor.start, anchor.end);
    let rest = field.slice(words_end, field.len().min(words_end + 5));
    let of_something =
        [&b" de "[..], b" di ", b" d'", b" d\xE2", b" of "].iter().any(|part| rest.starts_with(part));
    let closed = !matches!(rest, [b' ', next, ..] if next.is_ascii_alphanumeric() || *next >= 0x80)
        || [&b" y "[..], b" et ", b" e ", b" und ", b" i ", b" en ", b" alt", b" oud"]
            .iter()
            .any(|part| rest.starts_with(part));
    let said = |words: &[&str]| {
        words
            .iter()
            .any(|word| before.strip_suffix(word).is_some_and(|head| !head.ends_with(char::is_alphanumeric)))
    };
    let aged = rest.starts_with(b" de ed") || rest.starts_with(b" de id");
    let is_thing = || field.names_any(&THINGS, start, THINGS_BYTES);
    let person =
        (said(&PERSONS) && (!of_something || aged)) || (said(&PERHAPS_PERSONS) && closed && !is_thing());
    if person && is_age(field, start, end) {
        candidates.push(finding(PiiType::Age, start, end, 82));
    }
    anchor.start + 1
}

fn digits(field: Field<'_>, start: usize) -> usize {
    let window = field.slice(start, field.len().min(start + 4));
    window.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_age(field: Field<'_>, start: usize, end: usize) -> bool {
    let value = field.slice(start, end).iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    let before = start.checked_sub(1).map_or(0, |before| field.at(before));
    let pieced = matches!(before, b'.' | b'/' | b'$' | b'_') || field.word_before(start);
    (1..=3).contains(&(end - start)) && (1..=AGE_MAX).contains(&value) && !pieced
}

/// Whether the number goes on, or measures something else.
fn is_measured(field: Field<'_>, end: usize, turned: bool) -> bool {
    const UNITS: [&str; 14] = [
        "degrees", "percent", "hours", "minutes", "seconds", "days", "weeks", "times", "pages", "points",
        "items", "dollars", "x", "to",
    ];
    const AFTER_TURNED: [&str; 12] =
        ["years", "year", "today", "yesterday", "last", "this", "on", "in", "and", "next", "when", "a"];
    let sexed = field.at(end) == b'/'
        && matches!(field.at(end + 1), b'M' | b'F' | b'm' | b'f')
        && !field.word_at(end + 2);
    if field.glued_after(end) || matches!(field.at(end), b'%' | b'/' | b':') && !sexed {
        return true;
    }
    let rest = field.slice(end, field.len().min(end + 16));
    let word = rest.strip_prefix(b" ").unwrap_or_default();
    let word =
        word.get(..word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()).unwrap_or_default();
    is_any(word, &UNITS) || (turned && !word.is_empty() && !is_any(word, &AFTER_TURNED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(text: &str) -> Option<&str> {
        let start = ["age", "Age", "aged", "turned"].iter().find_map(|word| text.find(word)).unwrap();
        let end = text.find(|character: char| character.is_ascii_digit()).unwrap() + 1;
        let mut candidates = Vec::new();
        examine_before(Field::new("", text), Anchor { start, end }, &mut candidates);
        candidates.pop().map(|finding| &text[finding.range])
    }

    #[test]
    fn ages_before_and_behind_their_words() {
        for text in ["aged 34", "age: 34", "\"age\": \"34\"", "Age 34,", "just turned 34", "turned 34 today"]
        {
            assert_eq!(before(text), Some("34"), "{text}");
        }
        for text in ["34-year-old", "34 years old", "(34 y/o)"] {
            let start = text.find('y').unwrap();
            let anchor = Anchor { start, end: text.find("old").map_or(text.len() - 1, |old| old + 3) };
            let mut candidates = Vec::new();
            examine_behind(Field::new("", text), anchor, &mut candidates);
            assert_eq!(candidates.pop().map(|finding| &text[finding.range]), Some("34"), "{text}");
        }
    }

    #[test]
    fn pages_and_angles_are_no_ages() {
        for text in
            ["page 34", "age 340", "turned 90 degrees", "turned 12 pages", "age: 34%", "age 3.5", "age 0"]
        {
            assert_eq!(before(text), None, "{text}");
        }
    }
}
