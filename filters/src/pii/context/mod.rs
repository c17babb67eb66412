//! Values that only their surroundings give away: a passport number is nine digits until somebody writes
//! "passport" before it. One table names, per kind of value, the words that announce it, how far behind them
//! it may stand, and the shape it must have; adding a kind is one entry. A JSON key counts as such words.
//!
//! Words count whole only ("pin" is not in "spin"), and the nearest words win. Between the words and the
//! value stand punctuation, words that say nothing ("number", "is", "no."), and few others; another number,
//! another label or the end of the sentence ends the search. It deliberately knows no checksums of national
//! identity numbers: those announce themselves.

mod age;
mod dates;
mod messages;
mod places;
mod shapes;
mod username;

use hardpan_inference::finding::{Finding, PiiType};

pub(super) use self::shapes::british_plate;
pub(super) use self::username::examine_option;
use super::field::{Field, is_unspaced};
use super::secrets::{assignment, formats, jwt, pem, url};
use super::words::Words;
use super::{Anchor, Search, crypto, finding, national, numbers};

/// Words that announce a value, and how to read it.
pub(super) struct Rule {
    /// In byte mode and case-insensitive where it says so; short words bring the byte behind them along.
    pub(super) anchor: &'static str,
    /// Whether something may be found where the words stand inside a word: behind "dbpassword".
    pub(super) inside: bool,
    /// So many bytes behind the words a value may stand that is of letters alone, or begins with a word; zero where no
    /// value is. In a text that is still coming what follows is waited for.
    pub(super) announces: usize,
    reading: Reading,
}

enum Reading {
    /// The value stands behind the words.
    Behind(Behind),
    /// Code of its own, which returns where to go on.
    Own(fn(&mut Search<'_, '_>, Anchor) -> usize),
}

struct Behind {
    /// Bytes between the words and the value's start.
    window: usize,
    /// Words between them, not counting those that say nothing.
    words_max: usize,
    confidence: u8,
    /// Whether a value that nothing ties to the words counts when it stands near them: its form says much.
    near: bool,
    /// Whether there is a digit in every value, so that nothing is looked for where none stands.
    has_digit: bool,
    shape: fn(&Place<'_>) -> Option<Shape>,
}

/// Where a value might start, and what led there.
struct Place<'t> {
    field: Field<'t>,
    label_start: usize,
    label_end: usize,
    start: usize,
    gap: Gap,
}

/// What a shape made of a place.
struct Shape {
    kind: PiiType,
    start: usize,
    end: usize,
}

/// What stands between the words and the value.
#[derive(Clone, Copy, Default)]
struct Gap {
    words: usize,
    lines: usize,
    /// A colon, an equals sign or a number sign.
    assigns: bool,
    /// A colon or an equals sign.
    colon: bool,
    comma: bool,
    /// The value fills a cell of a table, and only the column's name is known.
    cell: bool,
    /// The value answers a question.
    answer: bool,
    /// The value stands near the words, and nothing ties it to them.
    near: bool,
}

const fn behind(
    anchor: &'static str,
    window: usize,
    words_max: usize,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
) -> Rule {
    behind_as(anchor, Behind { window, words_max, confidence, near: false, has_digit: true, shape })
}

/// As [`behind`], where a value may be letters alone.
const fn lettered(
    anchor: &'static str,
    window: usize,
    words_max: usize,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
) -> Rule {
    behind_as(anchor, Behind { window, words_max, confidence, near: false, has_digit: false, shape })
        .announcing(WORDS_BYTES)
}

const fn near(
    anchor: &'static str,
    window: usize,
    words_max: usize,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
) -> Rule {
    behind_as(anchor, Behind { window, words_max, confidence, near: true, has_digit: true, shape })
}

/// As [`near`], where a value may be letters alone.
const fn nearly_lettered(
    anchor: &'static str,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
) -> Rule {
    let behind = Behind { window: 40, words_max: 4, confidence, near: true, has_digit: false, shape };
    behind_as(anchor, behind).announcing(WORDS_BYTES)
}

const fn behind_as(anchor: &'static str, behind: Behind) -> Rule {
    Rule { anchor, inside: false, announces: 0, reading: Reading::Behind(behind) }
}

const fn own(anchor: &'static str, examine: fn(&mut Search<'_, '_>, Anchor) -> usize) -> Rule {
    Rule { anchor, inside: false, announces: WORDS_BYTES, reading: Reading::Own(examine) }
}

/// As [`own`], where the words may stand inside others.
const fn anywhere(anchor: &'static str, examine: fn(&mut Search<'_, '_>, Anchor) -> usize) -> Rule {
    Rule { anchor, inside: true, announces: WORDS_BYTES, reading: Reading::Own(examine) }
}

/// "The password for the admin is ...".
const WORDS_BYTES: usize = 80;

impl Rule {
    const fn announcing(self, bytes: usize) -> Self {
        Self { announces: bytes, ..self }
    }

    /// Every value shows that it may be one: by digits, or by its length.
    const fn shown(self) -> Self {
        self.announcing(0)
    }
}

/// The order is the priority where two start at the same byte: longer words stand first.
pub(super) const RULES: &[Rule] = &[
    anywhere(assignment::PASSWORD_ANCHOR, |search, anchor| {
        if !in_cells(search, anchor, assignment::password_cell) {
            assignment::examine_password(search.field, anchor.start, anchor.end, search.found);
        }
        label_end(search.field, anchor.start, anchor.end)
    }).announcing(assignment::PASSWORD_WINDOW),
    anywhere(assignment::TOKEN_ANCHOR, |search, anchor| {
        if !in_cells(search, anchor, assignment::token_cell) {
            assignment::examine_token(search.field, anchor.start, anchor.end, search.found);
        }
        // Forty characters behind "api_token" are some issuer's token, not a secret key of this one.
        match assignment::may_name_secret_key(search.field.slice(anchor.start, anchor.end)) {
            true => search.secrets.examine_after(search.field, anchor.end, search.found),
            false => anchor.end,
        }
    }),
    anywhere(r"(?i:aws)", |search, anchor| {
        search.secrets.examine_after(search.field, anchor.end, search.found)
    }).shown(),
    own(assignment::BEARER_ANCHOR, |search, anchor| {
        assignment::examine_bearer(search.field, anchor.start, anchor.end, search.found);
        anchor.start + 6
    }),
    own(assignment::COMMAND_ANCHOR, |search, anchor| {
        assignment::examine_command(search.field, anchor.start, anchor.end, search.found);
        anchor.end
    }).announcing(assignment::COMMAND_WINDOW),
    own(messages::PATIENT_ANCHOR, |search, anchor| {
        messages::examine_patient(search.field, anchor, search.found)
    }),
    own(messages::CARD_ANCHOR, |search, anchor| messages::examine_card(search.field, anchor, search.found)).shown(),
    // Born on a date.
    behind(
        concat!(
            r"(?i:dob)(?:[^a-z0-9]|\z)|(?i:date[ _\-]?of[ _\-]?birth|birth[ _\-]?da?te?|birth[ _\-]?day|born(?: on)?|d\.o\.b|b-?day",
            r"|geburtsdatum|geboren(?: am| op)?|geburtstag|geboortedatum|geb\.-?dat(?:um|\.)?|geb\. ",
            r"|date de naiss(?:ance|\.)?|naissance|n(?:é|e)e? le |née? (?:à|a) |né\(e\) le|ddn[^a-z]|date_naissance|fecha (?:de )?nac(?:imiento)?|f\. ?nac|nac(?:i(?:d[oa]|(?:ó|o) el)|(?:í|i) el)|nacimiento",
            r"|data(?: |_)?(?:di)?(?: |_)?nascita|nat[oa] (?:il|a)|data (?:de )?nasc(?:imento)?|nasc(?:id[oa]|i em|eu em)|nascimento|dat(?:a|ę|y) ur(?:odzenia|\.)|ur\. |urodz(?:on[yae]|i(?:ł|l)(?:em|am|a)?(?: si(?:ę|e))?)?",
            r"|f(?:ø|o)dselsdato|f(?:ö|o)delsedatum|f(?:ö|ø)dd?t? (?:den )?|syntym(?:ä|a)aika|syntynyt|do(?:ğ|g)um tarihi(?:m|niz)?|do(?:ğ|g)umlu|(?:datum )?narozen(?:í|i|a|ý)?|sz(?:ü|u)let(?:é|e)si|sz(?:ü|u)letett|n(?:ă|a)scut|dat(?:ă|a) na(?:ș|s)terii",
            r"|datum ro(?:đ|d)enja|tanggal lahir|ng(?:à|a)y sinh|fecha_nacimiento|data_nascimento)",
            r"|(?:Д|д)ата (?:рождения|народження|рожд|нар)|(?:Η|η)μερομηνία γέννησης|(?:Р|р)одил|(?:Н|н)ародив|תאריך לידה|जन्म तिथि|วันเกิด|生年月日|出生日期|出生|생년월일|تاريخ الميلاد"
        ),
        56,
        4,
        95,
        dates::birth,
    ).announcing(WORDS_BYTES),
    // Cards.
    behind(
        concat!(
            r"(?i:cvv2?|cvc2?|cvn2?|csc)(?:[^a-z0-9]|\z)|(?i:cid[^a-z0-9]",
            r"|(?:card )?(?:security|verification)[ _\-]?(?:code|value|number)|cryptogramme|card code|3-digit code|code on the back|(?:three|3|four|4|last) digits (?:on|at|from) the (?:back|front|reverse)",
            r"|kod (?:zabezpieczaj|bezpiecze)|beveiligingscode|s(?:ä|a)kerhetskod|sikkerhedskode|g(?:ü|u)venlik kodu|bezpe(?:č|c)nostn(?:í|i) k(?:ó|o)d",
            r"|kartenpr(?:ü|u)fnummer|pr(?:ü|u)fziffer|c(?:ó|o)digo de seguridad|c(?:ó|o)digo de seguran(?:ç|c)a",
            r"|codice di sicurezza|code de s(?:é|e)curit(?:é|e))|セキュリティコード|安全码|校验码|보안코드|(?:К|к)од безопасности"
        ),
        40,
        3,
        93,
        shapes::card_code,
    ),
    own(shapes::EXPIRY_ANCHOR, |search, anchor| {
        let label_end = label_end(search.field, anchor.start, anchor.end);
        let first = search.found.len();
        if is_whole_label(search.field, anchor.start, label_end) {
            EXPIRY.examine(search, anchor.start, label_end);
        }
        let Search { field, found, cards, .. } = search;
        shapes::keep_expiry_of_cards(*field, anchor.start, first, cards, found);
        label_end
    }).shown(),
    behind(
        concat!(
            r"(?i:pin)(?:[^a-z0-9]|\z)|(?i:pin(?:code|number)|passcode|geheimzahl|geheimnummer|code secret|code confidentiel",
            r"|nip[^a-z0-9]|c(?:ó|o)digo pin|pincode)|暗証番号|密码是|비밀번호"
        ),
        56,
        5,
        92,
        shapes::pin,
    ),
    // Banks.
    nearly_lettered(
        concat!(
            r"(?i:(?:beneficiary|intermediary|correspondent|receiving|ordering|sending|issuing|advising)(?:'s)? bank",
            r"|account with institution)|:5[1-8][AD]:"
        ),
        90,
        shapes::swift_of_bank,
    ),
    own(BANK_ACCOUNT_ANCHOR, |search, anchor| {
        let label_end = label_end(search.field, anchor.start, anchor.end);
        if is_whole_label(search.field, anchor.start, label_end) {
            username::examine_account(search.field, anchor.start, label_end, search.found);
            BANK_ACCOUNT.examine(search, anchor.start, label_end);
        }
        label_end
    }),
    lettered(
        concat!(
            r"(?i:swift(?:kode?n?|nummer|bic)?|s\.w\.i\.f\.t|bank[ _\-]?identifier[ _\-]?code|bankleitcode)|(?i:bic(?:fi|code)?)(?:[^a-z]|\z)",
            r"|スイフト|스위프트|(?:С|с)вифт|СВИФТ"
        ),
        32,
        3,
        96,
        shapes::swift,
    ),
    nearly_lettered(
        concat!(
            r"(?i:wire (?:to|it|transfer|payment|money|funds|details|instructions)|iban|bankverbindung|(?:creditor|debtor)[ _\-]?agent|(?:bank|international|sepa) transfer|(?:ü|u)berweis(?:ung|en)",
            r"|virement|transferencia|bonifico|przelew|(?:sparkasse|volksbank|landesbank|raiffeisenbank|privatbank))"
        ),
        88,
        shapes::bank_code,
    ),
    // Documents.
    behind(
        concat!(
            r"(?i:passports?|passeports?|reisep(?:a|ä)ss(?:es|en|e)?|passnummer|pasnummer|pass-?nr|pas-?nr|pass nr|pas nr|pass nummer|ppt[^a-z0-9]|travel ?doc(?:ument)?|reisedokument|passi(?:n )?numero",
            r"|cestovn(?:í|i)(?:ho|m)? pasu?|(?:č|Č|c)(?:í|i)slo pasu|(?:ú|Ú|u)tlev(?:é|e)l(?:em|e|(?:é|e)nek)?(?: sz(?:á|a)ma?)?|h(?:ộ|ô|o) chi(?:ế|e)u|pasaportes?|pa(?:ș|ş|s)aport(?:ului|ul|unun|um|u)?|passaport[oei]s?|paspoort(?:en)?",
            r"|paszport(?:u|em|owy|y)?|paspor[^a-z]|passnr)|护照|護照|パスポート|旅券|여권|(?:П|п)аспорт|पासपोर्ट|جواز|(?:Δ|δ)ιαβατ|דרכון|หนังสือเดินทาง"
        ),
        56,
        4,
        94,
        shapes::passport,
    ).announcing(WORDS_BYTES),
    near(
        concat!(
            r"(?i:licen[cs]e[ _\-]?plates?|number[ _\-]?plates?|plates?(?: no| number|[^a-z])|registration plates?|licen[cs]e tag|tag (?:no|number|#)",
            r"|(?:car|vehicle|van|truck|bike|motorcycle)(?:'s)?[ _\-]?reg(?:istration|o)?(?: (?:no|number|mark|plate))?|rego[^a-z]|vr[mn][^a-z]",
            r"|reg(?:istration)?\.? ?(?:no\.?|nr\.?|number|mark|plate)|(?:kfz-?)?kennzeichen|kfz-kennz|kennz\.|nummernschild",
            r"|immatricul(?:ation|(?:é|e)e?)|plaques?|tablic[aey]? rejestracyjn[aey]?|rendsz(?:á|a)m(?:a|(?:ú|u))?|spz[^a-z]|(?:á|a)llami|reg\.?-?nr|registreringsnummer|tablica|matr(?:í|i)cula|targat[ao]|targa[^a-z]|placas?[^a-z]|kenteken|nummerplaat",
            r"|(?:nr|numer(?:ze|ach|y)?) rej(?:estracyjn(?:ych|ym|y|e)|\.)|rejestracyjny|rejestracja|nummerpl(?:å|a)(?:t|de)|rekisterinumero|plaka(?:l(?:ı|i)|m|s(?:ı|i))?)",
            r"|车牌号?码?|車牌號?碼?|ナンバープレート|車両ナンバー|車両番号|車のナンバー|登録番号|번호판|차량번호|차량 번호|(?:Г|г)осномер|(?:Н|н)омер машин"
        ),
        40,
        3,
        93,
        shapes::plate,
    ).announcing(WORDS_BYTES),
    behind(r"(?i:tag|reg)[ :=]", 12, 0, 90, shapes::plate_of_a_car),
    near(r"(?i:registration)[ :=,\x22]", 24, 2, 88, shapes::plate_as_issued),
    behind(
        concat!(
            r"(?i:(?:driv(?:er|ing)|operator)(?:'?s?|’s)[ _\-]?(?:licen[cs]e|lic[^a-z]|permit|id)|driv(?:er|ing)[ _\-]?licen[cs]e",
            r"|dl(?:n|[ _\-]?(?:no|num|number|id))?[^a-z0-9]|d/l[^a-z]|licen[cs]e (?:class|holder)",
            r"|f(?:ü|ue)hrerschein(?:nummer|nr)?|fahrerlaubnis|permis de conduire|permis[^a-z]",
            r"|k(?:ö|o)rkort|licencia de conduc(?:ir|ci(?:ó|o)n)|carn(?:é|e)t? de conducir|permiso de conducir|patente(?: di guida)?",
            r"|carteira de (?:motorista|habilita)|cnh[^a-z]|rijbewijs|praw(?:o|a|em) jazdy|(?:ř|r)idi(?:č|c)sk|vezet(?:ő|o)i enged|permis(?:ul)? auto|s(?:ü|u)r(?:ü|u)c(?:ü|u) belgesi|f(?:ø|o)rerkort|voza(?:č|c)kk(?:ö|o)rkort|ajokortti",
            r"|carta de condu(?:ç|c)(?:ã|a)o)|運転免許|驾驶证|駕照|운전면허|(?:В|в)одительск"
        ),
        56,
        4,
        94,
        shapes::driver,
    ).announcing(WORDS_BYTES),
    behind(
        r"(?i:licen[cs]e)(?i:[ _\-]?(?:no\.?|nr\.?|num|number|id))?[\x22'\\]{0,3}[ \t]{0,2}[:#]",
        12,
        0,
        88,
        shapes::licence,
    ),
    behind(r"(?i:licen[cs]e[ _\-]?(?:no\.?|num(?:ber)?|id|#))", 24, 1, 88, shapes::state_licence),
    own(shapes::BRITISH_LICENCE_ANCHOR, |search, anchor| {
        shapes::examine_british_licence(search.field, anchor, search.found)
    }).shown(),
    // Taxes.
    behind(
        r"(?i:utr)(?:[^a-zA-Z0-9]|\z)|(?i:unique[ _\-]?tax(?:payer)?(?:'?s)?[ _\-]?ref(?:erence)?|tax[ _\-]?reference|(?:self[ \-]?assessment|hmrc|sa)[ _\-]ref(?:erence)?)",
        40,
        3,
        96,
        shapes::taxpayer_reference,
    ),
    near(
        concat!(
            r"(?i:f?ein|tin)(?:[^a-z0-9]|\z)|(?i:fed(?:eral)? id[^a-z]|employer(?:'?s)?[ _\-]?(?:identification|id)|(?:federal|business|company)[ _\-]?tax",
            r"|tax(?:payer)?(?:'s)?[ _\-]?(?:identification|id)|irs (?:number|no)|identificaci(?:ó|o)n del empleador|identification de l'employeur)"
        ),
        48,
        4,
        97,
        shapes::employer,
    ),
    // Health.
    near(
        concat!(
            r"(?i:health[ _\-]?(?:insurance[ _\-]|care[ _\-])?(?:card|number)|ohip|care ?card|personal[ _\-]?health|services card|ahcip|healthcare (?:card|number)",
            r"|health (?:services?|plan|insurance plan) (?:number|no)|provincial health|carte (?:sant(?:é|e)|soleil|d'assurance maladie)|num(?:é|e)ro d'assurance[ \-]maladie|assurance[ \-]maladie",
            r"|health[ _\-]?no|m(?:cp|si) (?:no|number|card|#)|hsn[^a-z0-9])|(?i:hcn|phn|phin|ahc|nam|hn|msp|ramq|msi|mcp|uli|hc ?#)[^a-zA-Z0-9]"
        ),
        48,
        4,
        95,
        shapes::canadian_health,
    ),
    behind(
        concat!(
            r"(?i:mrns?|urn[^a-z0-9]|umrn|emrn|med\.? ?rec|medical[ _\-]?rec(?:ord)?|(?:patient|hospital|chart|medical chart|health record)[ _\-]?",
            r"(?:identifier|id|number|num|no|#|mrn)|patient[ _\-]?file|health[ _\-]?id|chart #|unit (?:no|number)|nhc[^a-z0-9]|ipp[^a-z0-9]",
            r"|patienten(?:nummer|-?nr|-?id)|(?:n°|nº|num(?:é|e)ro) de dossier|dossier (?:patient|m(?:é|e)dical)",
            r"|historia cl(?:í|i)nica|expediente m(?:é|e)dico|cartella clinica|prontu(?:á|a)rio|pati(?:ë|e)ntn(?:ummer|r)",
            r"|fallnummer|krankenakte|karty pacjenta|kartoteki|journalnummer|dossiernummer|n(?:ú|u)mero de (?:historia|processo|utente)|historia n|potilasnumero)|(?:Н|н)омер истории болезни|病历号|病歴番号|カルテ番号|診察券番号|患者番号|차트번호|医療記録番号|患者id"
        ),
        48,
        4,
        93,
        shapes::medical_record,
    ),
    behind(r"(?i:record (?:no|number|#|id))", 24, 1, 88, shapes::filed_record),
    behind(
        r"(?i:npi)(?:[^a-z0-9]|\z)|(?i:national[ _\-]?provider|provider[ _\-]?(?:identifier|id|number)|prescriber[ _\-]?(?:id|npi|number))",
        48,
        4,
        97,
        shapes::provider,
    ),
    behind(r"(?i:dea)(?:[^a-z]|\z)", 32, 3, 96, shapes::narcotics),
    behind(
        r"(?i:mbi|hicn)[^a-z]|(?i:medicare|beneficiary[ _\-]?(?:identifier|id|number))",
        48,
        4,
        96,
        shapes::medicare,
    ),
    own(shapes::BENEFICIARY_ANCHOR, |search, anchor| {
        shapes::examine_beneficiary(search.field, anchor, search.found)
    }).shown(),
    // Persons.
    own(age::BEFORE_ANCHOR, |search, anchor| age::examine_before(search.field, anchor, search.found)).shown(),
    own(age::BEHIND_ANCHOR, |search, anchor| age::examine_behind(search.field, anchor, search.found)).shown(),
    own(age::RELATED_ANCHOR, |search, anchor| age::examine_related(search.field, anchor, search.found)).shown(),
    behind(age::COLUMN_ANCHOR, 32, 0, 85, age::stated),
    anywhere(age::SELF_ANCHOR, |search, anchor| age::examine_self(search.field, anchor, search.found)).shown(),
    own(age::NAMED_ANCHOR, |search, anchor| age::examine_named(search.field, anchor, search.found)).shown(),
    own(age::COUNTED_ANCHOR, |search, anchor| age::examine_counted(search.field, anchor, search.found)).shown(),
    own(username::PLATFORM_ANCHOR, |search, anchor| {
        username::examine_platform(search.field, anchor, search.found)
    }),
    own(username::LOG_ANCHOR, |search, anchor| username::examine_log(search.field, anchor, search.found)),
    anywhere(username::ANCHOR, |search, anchor| {
        if in_cells(search, anchor, username::cell) {
            return label_end(search.field, anchor.start, anchor.end);
        }
        username::examine(search.field, anchor, search.found)
    }),
    anywhere(assignment::PASS_ANCHOR, |search, anchor| {
        assignment::examine_password(search.field, anchor.start, anchor.end - 2, search.found);
        anchor.end - 1
    }).announcing(assignment::PASSWORD_WINDOW),
    own(IDENTITY_COLUMN_ANCHOR, examine_identity_column).shown(),
    own(crypto::MONERO_ANCHOR, |search, anchor| {
        // The end of a card's number is an anchor of its own.
        crypto::examine_monero(search.field, anchor.start, search.found).unwrap_or(anchor.start + 1)
    }).shown(),
    // Credentials with a form of their own stand last: "secret_key" must be read as a name first.
    anywhere(jwt::ANCHOR, |search, anchor| jwt::examine(search.field, anchor.start, search.found)).shown(),
    own(pem::ANCHOR, |search, anchor| pem::examine(search.field, anchor.start, anchor.end, search.found)).shown(),
    own(url::ANCHOR, |search, anchor| url::examine(search.field, anchor.start, anchor.end, search.found)).shown(),
    own(formats::INFIX_ANCHOR, |search, anchor| {
        formats::examine_infix(search.field, anchor.start, anchor.end, search.found)
    }).shown(),
    own(formats::ANCHOR, |search, anchor| formats::examine(search.field, anchor.start, search.found)).shown(),
];

const BANK_ACCOUNT_ANCHOR: &str = concat!(
    r"(?i:(?:bank[ _\-])?accounts?|accts?|acc\.? ?(?:no|num(?:ber)?|nbr|#)|acc[^a-zA-Z0-9]|a/c[^a-z]|dda[^a-z]|kontonummer|konto[^a-z]|kontonr|rachunk(?:u|iem)|rachunek|nrb[^a-z]|cbu[^a-z]|kto[^a-z]|num(?:é|e)ro de compte|compte|rib[^a-z]",
    r"|n(?:ú|u)mero de cuenta|cuenta|conto corrente|numero di conto|conta[^a-z]|rekeningnummer|rekening",
    r"|clabe|numer konta)|口座番号|账号|账户|帳號|계좌번호|(?:Н|н)омер сч(?:е|ё)та|(?:Р|р)асч(?:е|ё)тный сч(?:е|ё)т"
);
const BANK_ACCOUNT: Behind = Behind {
    window: 40,
    words_max: 3,
    confidence: 92,
    near: false,
    has_digit: true,
    shape: shapes::bank_account,
};

/// The month and year until which a card is valid.
const EXPIRY: Behind =
    Behind { window: 40, words_max: 4, confidence: 93, near: false, has_digit: true, shape: shapes::expiry };

/// Examines what `rule` announces at `anchor`. Returns where to go on: right behind the words, since the
/// value may announce itself as well.
pub(super) fn examine(rule: &Rule, search: &mut Search<'_, '_>, anchor: Anchor) -> usize {
    match &rule.reading {
        Reading::Own(examine) => examine(search, anchor),
        Reading::Behind(behind) => {
            let label_end = label_end(search.field, anchor.start, anchor.end);
            if is_whole_label(search.field, anchor.start, label_end) {
                behind.examine(search, anchor.start, label_end);
            }
            label_end
        }
    }
}

/// Columns of numbers whose check digits decide once their name is known: rows far below it do not see it.
const IDENTITY_COLUMN_ANCHOR: &str = concat!(
    r"\b(?i:nhs|sin|nas|routing|aba|rtn|itin|ssn|dni|nif|nie|tfn|cpf|pesel|bsn|nir|aadhaar|ppsn?|nric|insee|egn|oib",
    r"|cnp|amka|afm|curp|rut|cuit|cuil|nino|emso|jmbg|snils|inn|rrn|hkid|mykad|nik|national_id|social_security|social_insurance",
    r"|tax_file|personnummer|hetu|steuer_id)(?i:[ _]?(?:number|no|num|code|nr|id))?[,;|\t\n\\\x22]"
);

fn examine_identity_column(search: &mut Search<'_, '_>, anchor: Anchor) -> usize {
    let field = search.field;
    let label_end = label_end(field, anchor.start, anchor.end);
    let cells = places::cells(field, anchor.start, label_end, &mut search.cards.table_bytes);
    let name = field.str(anchor.start, label_end);
    for (start, end) in cells.into_iter().flatten() {
        let cell = Field::new(name, field.str(start, end));
        let mut found = Vec::new();
        if cell.at(0).is_ascii_digit() {
            numbers::examine(cell, 0, search.groups, &mut found);
        }
        if found.is_empty() {
            found.extend(national::examine_token(cell, 0, cell.len()));
        }
        let shifted = |finding: Finding| {
            let range = finding.range.start + start..finding.range.end + start;
            Finding { range, ..finding }
        };
        search.found.extend(found.into_iter().map(shifted));
    }
    label_end
}

/// Has `read` make findings of the cells below the name at `anchor`. False when it names no column.
fn in_cells(
    search: &mut Search<'_, '_>,
    anchor: Anchor,
    read: fn(Field<'_>, usize, usize) -> Option<Finding>,
) -> bool {
    let field = search.field;
    let label_end = label_end(field, anchor.start, anchor.end);
    let Some(cells) = places::cells(field, anchor.start, label_end, &mut search.cards.table_bytes) else {
        return false;
    };
    search.found.extend(cells.into_iter().filter_map(|(start, end)| read(field, start, end)));
    true
}

impl Behind {
    /// Looks in the column, behind the words, in the answer to the question, before the words, and around them, in
    /// this order.
    fn examine(&self, search: &mut Search<'_, '_>, label_start: usize, label_end: usize) {
        let field = search.field;
        if let Some(cells) = places::cells(field, label_start, label_end, &mut search.cards.table_bytes) {
            let gap = Gap { assigns: true, cell: true, ..Gap::default() };
            for (start, end) in cells {
                let place = Place { field, label_start, label_end, start, gap };
                let shape = (self.shape)(&place).filter(|shape| shape.start == start && shape.end == end);
                search
                    .found
                    .extend(shape.map(|shape| finding(shape.kind, shape.start, shape.end, self.confidence)));
            }
            return;
        }
        let wrapped = || {
            let start = places::wrapped(field, label_end)?;
            let gap = Gap { assigns: true, ..Gap::default() };
            let shape = (self.shape)(&Place { field, label_start, label_end, start, gap })?;
            Some(finding(shape.kind, shape.start, shape.end, self.confidence.saturating_sub(1)))
        };
        let ahead = label_end.saturating_add(self.window).saturating_add(SHAPE_BYTES_MAX);
        let found = match self.may_stand(field, label_end, ahead) {
            true => self.find(field, label_start, label_end),
            false => None,
        };
        if let Some(found) = found {
            self.list(search, label_start, label_end, found);
            return;
        }
        let found = wrapped().or_else(|| {
            places::answer(field, label_end, |start| {
                let gap = Gap { assigns: true, answer: true, ..Gap::default() };
                let shape = (self.shape)(&Place { field, label_start, label_end, start, gap })?;
                let confidence = self.confidence.saturating_sub(4);
                Some((finding(shape.kind, shape.start, shape.end, confidence), shape.end))
            })
        });
        let before = label_start.saturating_sub(BEFORE_BYTES_MAX);
        let found = found
            .or_else(|| {
                let may_stand = self.may_stand(field, before, label_start);
                may_stand.then(|| self.before(field, label_start, label_end)).flatten()
            })
            .or_else(|| self.nearby(field, label_start, label_end));
        search.found.extend(found);
    }

    /// Whether a value may stand between two places: most labels have no digit near them.
    fn may_stand(&self, field: Field<'_>, start: usize, end: usize) -> bool {
        !self.has_digit || has_digit(field.slice(start.min(field.len()), end.min(field.len())))
    }

    /// Keeps what was found and what is listed with it: "passports X1928374 and X1928375".
    fn list(&self, search: &mut Search<'_, '_>, label_start: usize, label_end: usize, first: Finding) {
        const LISTED_MAX: usize = 16;
        const LISTED_BYTES_MIN: usize = 6;
        let field = search.field;
        let mut last = first.range.clone();
        let is_code =
            !matches!(first.kind, PiiType::DateOfBirth | PiiType::CreditDebitCardExpiry | PiiType::Age);
        let confidence = first.confidence.saturating_sub(1);
        search.found.push(first);
        for _ in 0..LISTED_MAX {
            let Some((start, is_change)) = places::listed(field, last.end).filter(|_| is_code) else {
                return;
            };
            let gap = Gap { assigns: true, ..Gap::default() };
            let place = Place { field, label_start, label_end, start, gap };
            let Some(shape) = (self.shape)(&place).filter(|shape| shape.start == start) else { return };
            let (one, next) = (field.slice(last.start, last.end), field.slice(shape.start, shape.end));
            // "Routing and account: ..., ..." lists two numbers of different kinds.
            let paired = matches!(shape.kind, PiiType::BankAccountNumber | PiiType::UsBankAccountNumber)
                && shapes::is_routing(field, label_start, one);
            let alike = next.len() >= LISTED_BYTES_MIN || is_change;
            if !(paired || alike && places::is_written_alike(one, next)) {
                return;
            }
            search.found.push(finding(shape.kind, shape.start, shape.end, confidence));
            last = shape.start..shape.end;
        }
    }

    /// "4417 is my PIN", "X1928374 (passport)", "am 1. August 1973 geboren".
    fn before(&self, field: Field<'_>, label_start: usize, label_end: usize) -> Option<Finding> {
        let gap = Gap { assigns: true, ..Gap::default() };
        let is_birth = dates::is_birth_verb(field.slice(label_start, label_end));
        let tied = places::before(field, label_start, label_end);
        let loose =
            (0..3).filter(|_| is_birth).filter_map(|words| places::words_before(field, label_start, words));
        tied.into_iter().chain(loose).find_map(|end| {
            places::starts_before(field, end).into_iter().rev().flatten().find_map(|start| {
                let place = Place { field, label_start, label_end, start, gap };
                let shape = (self.shape)(&place).filter(|shape| shape.start == start && shape.end == end)?;
                Some(finding(shape.kind, start, end, self.confidence.saturating_sub(1)))
            })
        })
    }

    /// What stands within a sentence's length and has an unmistakable form.
    fn nearby(&self, field: Field<'_>, label_start: usize, label_end: usize) -> Option<Finding> {
        const NEAR_BYTES: usize = 72;
        if !self.near {
            return None;
        }
        let gap = Gap { near: true, ..Gap::default() };
        let end = field.len().min(label_end + NEAR_BYTES);
        let start = label_start.saturating_sub(NEAR_BYTES);
        let is_start = |place: &usize| {
            let byte = field.at(*place);
            (byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && !place.checked_sub(1).is_some_and(|before| is_token(field.at(before)))
        };
        let read = |start: usize| {
            let shape = (self.shape)(&Place { field, label_start, label_end, start, gap })?;
            Some(finding(shape.kind, shape.start, shape.end, self.confidence.saturating_sub(5)))
        };
        let places = |from: usize, to: usize| {
            let may_stand = self.may_stand(field, from, to);
            (from..to).filter(move |_| may_stand)
        };
        let behind = places(label_end, end).filter(is_start).find_map(read);
        behind.or_else(|| places(start, label_start).rev().filter(is_start).find_map(read))
    }

    fn find(&self, field: Field<'_>, label_start: usize, label_end: usize) -> Option<Finding> {
        let limit = field.len().min(label_end.saturating_add(self.window));
        let mut gap = Gap::default();
        let mut position = label_end;
        let mut remark_end = 0;
        while position < limit {
            let byte = field.at(position);
            if byte == b'(' {
                remark_end = remark_end.max(closing(field, position).unwrap_or(0));
            }
            if !is_token(byte) {
                position += punctuation(field, position, &mut gap)?;
                continue;
            }
            let place = Place { field, label_start, label_end, start: position, gap };
            if let Some(shape) = (self.shape)(&place) {
                let distance = u8::try_from(gap.words + gap.lines).unwrap_or(u8::MAX);
                let confidence = self.confidence.saturating_sub(distance);
                return Some(finding(shape.kind, shape.start, shape.end, confidence));
            }
            let end = token_end(field, position);
            match self.skip(field, position, end, &mut gap) {
                Some(()) => position = end,
                // "(3 digits on the back)" is a remark, whatever it says.
                None if position < remark_end && gap.lines == 0 => position = remark_end,
                None => return None,
            }
        }
        None
    }

    /// Counts the word from `start` to `end`, or nothing when the value cannot stand behind it.
    fn skip(&self, field: Field<'_>, start: usize, end: usize, gap: &mut Gap) -> Option<()> {
        let word = field.slice(start, end);
        if word.iter().any(u8::is_ascii_digit) || STOPS.has(word) {
            return None;
        }
        if FILLS.has(word) {
            return Some(());
        }
        gap.words += 1;
        // A word with a colon of its own is the next label.
        let closed = end + usize::from(matches!(field.at(end), b'"' | b'\''));
        let next_label = matches!(field.at(closed), b':' | b'=') && (gap.colon || gap.comma || gap.lines > 0);
        (gap.words <= self.words_max && gap.lines == 0 && !next_label).then_some(())
    }
}

/// Further than a value, with all that may belong to it, reaches from where it starts to its first digit.
const SHAPE_BYTES_MAX: usize = 64;
/// Further than a value before the words that name it may start before them: the words between are bounded.
const BEFORE_BYTES_MAX: usize = 256;

/// Without an early end, so that the compiler can use vector instructions.
fn has_digit(text: &[u8]) -> bool {
    text.iter().fold(false, |found, byte| found | byte.is_ascii_digit())
}

/// Where the short remark that opens at `position` has been closed.
fn closing(field: Field<'_>, position: usize) -> Option<usize> {
    const REMARK_BYTES_MAX: usize = 40;
    let window = field.slice(position, field.len().min(position + REMARK_BYTES_MAX));
    let closed = window.iter().position(|byte| *byte == b')')?;
    Some(position + closed + 1)
}

/// How many bytes of punctuation stand at `position`, or nothing when the search ends there.
fn punctuation(field: Field<'_>, position: usize, gap: &mut Gap) -> Option<usize> {
    let next = field.at(position + 1);
    match field.at(position) {
        b'\n' => {
            gap.lines += 1;
            (gap.lines <= 2).then_some(1)
        }
        b'\\' if next == b'n' => {
            gap.lines += 1;
            (gap.lines <= 2).then_some(2)
        }
        b'\\' if matches!(next, b't' | b'r') => Some(2),
        sign @ (b':' | b'=' | b'#') => {
            gap.assigns = true;
            gap.colon |= sign != b'#';
            Some(1)
        }
        b',' => {
            gap.comma = true;
            gap.words += 1;
            Some(1)
        }
        // The full stop of "no." goes on; that of a sentence does not.
        b'.' if matches!(next, b' ' | b'\n') && !is_abbreviated(field, position) => None,
        b'<' if next == b'/' => None,
        b';' | b'!' | b'}' | b'$' | b'@' | b'+' => None,
        _ => Some(1),
    }
}

fn is_abbreviated(field: Field<'_>, dot: usize) -> bool {
    let start = dot
        - field.slice(dot.saturating_sub(8), dot).iter().rev().take_while(|byte| is_token(**byte)).count();
    let word = field.slice(start, dot);
    word.len() <= 3 || is_any(word, &["numb", "acct"])
}

/// Words between a label and its value that say nothing.
pub(super) const FILLERS: [&str; 83] = [
    "a",
    "an",
    "the",
    "my",
    "his",
    "her",
    "their",
    "our",
    "your",
    "its",
    "no",
    "nr",
    "num",
    "number",
    "numbers",
    "numero",
    "número",
    "numéro",
    "nummer",
    "numer",
    "nº",
    "n°",
    "n",
    "id",
    "code",
    "is",
    "was",
    "are",
    "of",
    "for",
    "on",
    "in",
    "as",
    "be",
    "has",
    "with",
    "value",
    "s",
    "to",
    "del",
    "de",
    "da",
    "do",
    "di",
    "du",
    "la",
    "le",
    "el",
    "il",
    "o",
    "die",
    "der",
    "das",
    "am",
    "den",
    "vom",
    "est",
    "es",
    "ist",
    "lautet",
    "è",
    "é",
    "et",
    "und",
    "and",
    "nbr",
    "q",
    "ref",
    "digits",
    "reads",
    "card",
    "date",
    "from",
    "von",
    "document",
    "numara",
    "numarası",
    "číslo",
    "番号",
    "号码",
    "号",
    "は",
    "是",
];

/// Words after which a number is something else.
pub(super) const STOP_WORDS: [&str; 30] = [
    "expires",
    "expired",
    "expiry",
    "expiration",
    "valid",
    "issued",
    "dated",
    "page",
    "pages",
    "cost",
    "costs",
    "fee",
    "fees",
    "price",
    "balance",
    "amount",
    "total",
    "version",
    "since",
    "until",
    "order",
    "invoice",
    "phone",
    "zip",
    "null",
    "none",
    "years",
    "days",
    "per",
    "limit",
];

static FILLS: Words = Words::new(&FILLERS);
static STOPS: Words = Words::new(&STOP_WORDS);

fn is_any(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|candidate| word.eq_ignore_ascii_case(candidate.as_bytes()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

const PARTICLES: [&str; 6] = ["是", "为", "為", "は", "が", "の"];

fn token_end(field: Field<'_>, start: usize) -> usize {
    let window = field.slice(start, field.len().min(start + 64));
    let run = window.iter().take_while(|byte| is_token(**byte)).count().max(1);
    // Nor do the particles that end such words.
    if let Some(particle) = PARTICLES.iter().find(|particle| window.starts_with(particle.as_bytes())) {
        return start + particle.len();
    }
    // Han and kana stand right before a code that is no part of their word, and behind a word that is none of theirs.
    if !matches!(window.first(), Some(0xE3..=0xED)) {
        let own = window.iter().take(run).take_while(|byte| !matches!(byte, 0xE3..=0xED)).count();
        return start + own;
    }
    let letters = window.iter().take(run).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    start + letters.max(1)
}

/// Where the words of an anchor end: short ones bring the byte behind them along.
pub(super) fn label_end(field: Field<'_>, start: usize, end: usize) -> usize {
    let label = field.slice(start, end);
    if !label.first().is_some_and(u8::is_ascii) {
        return end;
    }
    let mut end =
        end - label.iter().rev().take_while(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()).count();
    // The byte behind a short word may be the first one of a character.
    while end > start && field.char_at(end).is_none() && end < field.len() {
        end -= 1;
    }
    // "bicCode": the byte behind a short word may begin the next part of a name.
    let hump = end > start + 2
        && field.at(end - 1).is_ascii_uppercase()
        && field.at(end - 2).is_ascii_lowercase()
        && field.at(end).is_ascii_lowercase();
    let end = end - usize::from(hump);
    // "Rijbewijsnummer", "Passnr": some languages write it as one word.
    let rest = field.slice(end, field.len().min(end + 7));
    let goes_on = |tail: &&[u8]| rest.get(..tail.len()).is_some_and(|head| head.eq_ignore_ascii_case(tail));
    let compound = [&b"nummer"[..], b"snummer", b"numero"].into_iter().find(goes_on);
    end + compound.map_or(0, <[u8]>::len)
}

/// Whether the words from `start` to `end` are whole words, or whole parts of a camelCase name.
pub(super) fn is_whole_label(field: Field<'_>, start: usize, end: usize) -> bool {
    let is_letter = |character: char| character.is_alphabetic() && !is_unspaced(character);
    let before = field.char_before(start).filter(|character| is_letter(*character));
    let escaped =
        start > 1 && field.at(start - 2) == b'\\' && matches!(field.at(start - 1), b'n' | b't' | b'r');
    let humped = before.is_some_and(char::is_lowercase) && field.at(start).is_ascii_uppercase();
    let after = field.char_at(end).filter(|character| is_letter(*character));
    let unspaced = !field.at(start).is_ascii();
    let hump_follows =
        after.is_some_and(char::is_uppercase) && !field.at(end.saturating_sub(1)).is_ascii_uppercase();
    (before.is_none() || escaped || humped || unspaced) && (after.is_none() || hump_follows || unspaced)
}

/// The name of a JSON member written out as in `key": "value` for the rules to read. Returns where the value will
/// start.
pub(super) fn compose_key(field: Field<'_>, composed: &mut String) -> usize {
    let key = std::str::from_utf8(field.key()).unwrap_or_default();
    let key_start =
        (key.len().saturating_sub(KEY_BYTES_MAX)..key.len()).find(|index| key.is_char_boundary(*index));
    composed.clear();
    composed.push_str(key.get(key_start.unwrap_or(0)..).unwrap_or_default());
    composed.push_str(KEY_CLOSE);
    composed.len()
}

/// The value behind it. Only the beginning of a long one is written out: what a key announces stands there.
pub(super) fn compose_value(field: Field<'_>, composed: &mut String) {
    let end = (0..=field.len().min(VALUE_BYTES_MAX)).rev().find(|index| field.str(0, *index).len() == *index);
    composed.push_str(field.str(0, end.unwrap_or(0)));
    composed.push('"');
}

/// What is written behind a name.
pub(super) const KEY_CLOSE: &str = "\": \"";
const KEY_BYTES_MAX: usize = 64;
/// Longer than any value a key announces but keys and tokens that announce themselves.
const VALUE_BYTES_MAX: usize = 512;

/// Where words about payment cards stand, and what else a search must not do twice. Every byte is looked at once, however many dates ask.
#[derive(Default)]
pub(super) struct CardWords {
    scanned_to: usize,
    last: Option<usize>,
    /// How much of tables was read.
    table_bytes: usize,
}

impl CardWords {
    const BEFORE_BYTES: usize = 120;
    const AFTER_BYTES: usize = 60;
    /// Parts of words about cards in several languages, lower case.
    const PARTS: [&str; 22] = [
        "card",
        "karte",
        "kart",
        "carte",
        "tarjeta",
        "carta",
        "cartao",
        "cartão",
        "kaart",
        "kort",
        "cvv",
        "cvc",
        "visa",
        "amex",
        "maestro",
        "discover",
        "debit",
        "credit",
        "kredit",
        "カード",
        "信用卡",
        "카드",
    ];
    const WORDS: [&str; 3] = ["pan", "cc", "ccnum"];

    /// Whether a word about cards or a number as long as a card's stands around `start`.
    fn are_near(&mut self, field: Field<'_>, start: usize) -> bool {
        let mut position = self.scanned_to.max(start.saturating_sub(Self::BEFORE_BYTES));
        let limit = field.len().min(start.saturating_add(Self::AFTER_BYTES));
        while position < limit {
            let end = token_end(field, position);
            if is_token(field.at(position)) && self.is_about_cards(field.slice(position, end)) {
                self.last = Some(position);
            }
            position = end;
        }
        self.scanned_to = self.scanned_to.max(position);
        self.last.is_some_and(|last| last.saturating_add(Self::BEFORE_BYTES) >= start)
            || self.is_about_cards(field.key())
    }

    fn is_about_cards(&self, word: &[u8]) -> bool {
        let long = word.len() >= 13 && word.iter().all(u8::is_ascii_digit);
        let lower = word.to_ascii_lowercase();
        let speaks = |part: &&str| lower.windows(part.len()).any(|window| window == part.as_bytes());
        long || is_any(word, &Self::WORDS) || Self::PARTS.iter().any(speaks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_whole_words_or_parts_of_camel_case() {
        for (text, label, expected) in [
            ("the pin is", "pin", true),
            ("userPin", "Pin", true),
            ("pinCode", "pin", true),
            ("user_pin_1", "pin", true),
            ("spin", "pin", false),
            ("pinned", "pin", false),
            ("SPIN", "PIN", false),
            ("line\\npin", "pin", true),
            ("私のpinは", "pin", true),
        ] {
            let start = text.find(label).unwrap();
            assert_eq!(is_whole_label(Field::new("", text), start, start + label.len()), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Where no digit stands near the words, looking for values all the same finds none.
        #[test]
        fn what_is_not_looked_for_is_not_there(
            rule in prop::sample::select((0..RULES.len()).filter(|rule| gated(*rule).is_some()).collect::<Vec<_>>()),
            before in prop::collection::vec(prop::sample::select(&AROUND[..]), 0..30),
            behind in prop::collection::vec(prop::sample::select(&AROUND[..]), 0..30),
        ) {
            let (anchor, behind_words) = gated(rule).unwrap();
            let label = words_of(anchor);
            let text = format!("{}{label}{}", before.concat(), behind.concat());
            let start = before.concat().len();
            let found = |has_digit: bool| {
                let (mut groups, mut found) = (Vec::new(), Vec::new());
                let mut search = Search {
                    field: Field::new("", &text),
                    groups: &mut groups,
                    found: &mut found,
                    secrets: Default::default(),
                    cards: CardWords::default(),
                    email_floor: 0,
                };
                Behind { has_digit, ..*behind_words }.examine(&mut search, start, start + label.len());
                found.into_iter().map(|finding| (finding.kind, finding.range)).collect::<Vec<_>>()
            };
            prop_assert_eq!(found(true), found(false), "{}", text);
        }
    }

    const AROUND: [&str; 40] = [
        " ",
        " ",
        ": ",
        "=",
        "\n",
        "\n\n",
        "? ",
        ". ",
        ", ",
        "; ",
        " is ",
        " is my ",
        " (",
        ") ",
        "the ",
        "number ",
        "no. ",
        "X1234567",
        "4111",
        "12",
        "1980-04-12",
        "12 April 1980",
        "April 12, 1980",
        "septembre",
        "AB12 CDE",
        "M-AB 1234",
        "京A12345",
        "品川 300 あ 12-34",
        "12가 3456",
        "DEUTDEFF",
        "1EG4-TE5-MK73",
        "12-3456789",
        "customer: ",
        "geboren ",
        "<dd>",
        "\", \"value\": \"",
        "a long word here ",
        "internationalisation ",
        "(3 digits on the back) ",
        "********",
    ];

    fn gated(rule: usize) -> Option<(&'static str, &'static Behind)> {
        match &RULES[rule].reading {
            Reading::Behind(behind) if behind.has_digit => Some((RULES[rule].anchor, behind)),
            _ => None,
        }
    }

    /// Some words that an anchor matches: its first literal letters.
    fn words_of(anchor: &str) -> String {
        let letters = anchor.trim_start_matches(|first: char| !first.is_ascii_lowercase() || first == 'i');
        letters.chars().take_while(char::is_ascii_lowercase).collect()
    }

    #[test]
    fn a_member_is_composed_within_its_bounds() {
        let compose = |key: &str, value: &str| {
            let mut composed = String::new();
            let field = Field::new(key, value);
            let start = compose_key(field, &mut composed);
            compose_value(field, &mut composed);
            (composed, start)
        };
        assert_eq!(compose("pin", "1234"), ("pin\": \"1234\"".to_string(), 7));
        let (composed, start) = compose(&"é".repeat(100), &"ü".repeat(1000));
        assert!(composed.len() <= KEY_BYTES_MAX + 5 + VALUE_BYTES_MAX + 1);
        assert!(composed.is_char_boundary(start));
        assert_eq!(compose("k", "").0, "k\": \"\"");
    }

    #[test]
    fn card_words_are_seen_once_and_on_both_sides() {
        let text = format!("my visa {} 12/30 {} 12/31 cvv", "a".repeat(20), "b ".repeat(100));
        let mut cards = CardWords::default();
        let field = Field::new("", &text);
        assert!(cards.are_near(field, text.find("12/30").unwrap()));
        assert!(cards.are_near(field, text.find("12/31").unwrap()));
        assert!(!CardWords::default().are_near(Field::new("", "until 12/30"), 6));
    }
}
