//! `Content-Disposition` as clients write it (RFC 6266, RFC 7578): forgiving, for a recording is worth more than its
//! name.

use data_encoding::BASE64;
use percent_encoding::percent_decode;

/// The field, its parameters as bytes.
pub struct Disposition {
    kind: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Disposition {
    /// Reads the value of the field, as far as it can be understood.
    pub fn parse(value: &[u8]) -> Self {
        let (kind, mut rest) = split(value, b";");
        let mut parameters = Vec::new();
        while let Some(start) = rest.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b';') {
            let (name, behind) = split(&rest[start..], b"=;");
            let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
            rest = match behind.strip_prefix(b"=") {
                Some(value) => {
                    let (value, behind) = read_value(value.trim_ascii_start());
                    parameters.push((name, value));
                    behind
                }
                None => behind,
            };
        }
        Self { kind: String::from_utf8_lossy(kind.trim_ascii()).to_ascii_lowercase(), parameters }
    }

    /// Whether it is that of a field or file of a form.
    pub fn is_form_data(&self) -> bool {
        self.kind == "form-data"
    }

    /// The name of the form's field.
    pub fn field(&self) -> Option<&str> {
        std::str::from_utf8(self.parameter("name")?).ok()
    }

    /// Whether a file is named. Where nobody chose one, browsers send an empty name.
    pub fn names_file(&self) -> bool {
        self.parameter("filename*").is_some() || self.parameter("filename").is_some_and(|name| !name.is_empty())
    }

    /// Whether a file is spoken of, named or not.
    pub fn has_file(&self) -> bool {
        self.parameter("filename*").or_else(|| self.parameter("filename")).is_some()
    }

    /// What the file may be called, the best first: `filename*` wins (RFC 6266 section 4.3).
    pub fn file_names(&self) -> impl Iterator<Item = String> {
        let extended = self.parameter("filename*").and_then(extended);
        let plain = self.parameter("filename").and_then(|name| String::from_utf8(name.to_vec()).ok());
        let plain = plain.map(|name| if self.is_form_data() { out_of_form(&name) } else { name });
        extended.into_iter().chain(plain.map(|name| encoded_word(&name).unwrap_or(name)))
    }

    fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }
}

/// Up to the first of these bytes, and from there on.
fn split<'v>(value: &'v [u8], ends: &[u8]) -> (&'v [u8], &'v [u8]) {
    value.split_at(value.iter().position(|byte| ends.contains(byte)).unwrap_or(value.len()))
}

fn read_value(value: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let (token, behind) = split(value, b";");
        return (token.trim_ascii_end().to_vec(), behind);
    };
    // A backslash before the last quotation mark is part of the name for those who do not escape any.
    let end = end_of_quoted(quoted, true).or_else(|| end_of_quoted(quoted, false)).unwrap_or(quoted.len());
    (unescaped(&quoted[..end]), quoted.get(end + 1..).unwrap_or_default())
}

/// Where a quoted text ends: at a quotation mark with nothing behind but the next parameter. Some escape none inside.
fn end_of_quoted(text: &[u8], has_escapes: bool) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        let is_free = !is_escaped;
        is_escaped = has_escapes && is_free && *byte == b'\\';
        if *byte == b'"' && is_free && matches!(text[at + 1..].trim_ascii_start().first(), None | Some(b';')) {
            return Some(at);
        }
    }
    None
}

/// Takes the backslashes out that escape something. Old curl and urllib3 double each of a name, browsers and today's
/// curl none: if one stands alone, none escapes anything.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(escaped @ (b'\\' | b'"')) => plain.push(escaped),
                _ => return text.to_vec(),
            },
            _ => plain.push(byte),
        }
    }
    plain
}

/// `charset'language'percent-encoded` (RFC 8187).
fn extended(value: &[u8]) -> Option<String> {
    let mut pieces = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let bytes: Vec<u8> = percent_decode(text).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(bytes.into_iter().map(char::from).collect())
    } else {
        None
    }
}

/// A file's name as forms have it. Browsers write `"` as `%22` and nothing else so (HTML, "multipart/form-data encoding
/// algorithm"); aiohttp and others percent-encode all of it.
fn out_of_form(name: &str) -> String {
    wholly_encoded(name).unwrap_or_else(|| name.replace("%22", "\""))
}

/// The text that was percent-encoded as a whole. It is only taken for that if there is no doubt: nothing in it that
/// would have been encoded, and something encoded that hardly anybody has in a name so, which are spaces and whatever
/// is not ASCII. `100%25.m4a` stays as it is.
fn wholly_encoded(name: &str) -> Option<String> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    let mut escapes = name.split('%').skip(1);
    let is_escape = |text: &str| {
        let digits = text.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')))
    };
    if !name.bytes().all(is_safe) || !escapes.all(is_escape) {
        return None;
    }
    let decoded = percent_decode(name.as_bytes()).decode_utf8().ok()?;
    let is_telling = |char: char| char == ' ' || !char.is_ascii();
    let is_name = decoded.chars().any(is_telling) && !decoded.chars().any(char::is_control);
    is_name.then(|| decoded.into_owned())
}

/// A text written as one word of RFC 2047, as .NET writes what is not ASCII: `=?utf-8?B?…?=`.
fn encoded_word(name: &str) -> Option<String> {
    let (charset, encoded) = name.strip_prefix("=?")?.strip_suffix("?=")?.split_once('?')?;
    let encoded = encoded.strip_prefix("B?").or_else(|| encoded.strip_prefix("b?"))?;
    let bytes = BASE64.decode(encoded.as_bytes()).ok().filter(|_| charset.eq_ignore_ascii_case("utf-8"))?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Option<String> {
        Disposition::parse(value.as_bytes()).file_names().next()
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        for (value, expected) in [
            // curl before 7.81, urllib3 before 2: both escaped.
            (r#"form-data; name="file"; filename="C:\\Users\\a \"b\".m4a""#, r#"C:\Users\a "b".m4a"#),
            // Today's curl, browsers, axios, requests: no backslash is.
            (r#"form-data; name="file"; filename="C:\Users\a %22b%22.m4a""#, r#"C:\Users\a "b".m4a"#),
            (r#"form-data; name="file"; filename="\\server\share""#, r"\\server\share"),
            (r#"form-data; name="file"; filename="ends with \""#, r"ends with \"),
            (r#"form-data; name="file"; filename="\"; size=1"#, r"\"),
            // form-data of npm escapes nothing at all.
            (r#"form-data; name="file"; filename="a "b" c.m4a""#, r#"a "b" c.m4a"#),
            ("form-data; name=file; filename=memo 3.m4a ; x=y", "memo 3.m4a"),
            ("FORM-DATA;FileName = \"memo.m4a\"", "memo.m4a"),
            // .NET.
            ("form-data; filename=\"=?utf-8?B?7ZqMLm00YQ==?=\"; filename*=utf-8''%ED%9A%8C.m4a", "회.m4a"),
            ("form-data; name=file; filename=\"=?utf-8?B?7ZqMLm00YQ==?=\"", "회.m4a"),
            // aiohttp.
            ("form-data; name=\"file\"; filename=\"%ED%9A%8C%203.m4a\"", "회 3.m4a"),
            ("form-data; name=\"file\"; filename=\"my%20memo.m4a\"", "my memo.m4a"),
            // And what looks a little like it.
            ("form-data; name=\"file\"; filename=\"100%25.m4a\"", "100%25.m4a"),
            ("form-data; name=\"file\"; filename=\"%2e%2e%2fa%20b\"", "%2e%2e%2fa%20b"),
            ("form-data; name=\"file\"; filename=\"a b%20c.m4a\"", "a b%20c.m4a"),
            ("form-data; name=\"file\"; filename=\"a%20b%0A.m4a\"", "a%20b%0A.m4a"),
            ("attachment; filename=\"%ED%9A%8C.m4a\"", "%ED%9A%8C.m4a"),
            // What cannot be understood is passed over.
            ("attachment; filename*=koi8-r''%C1; filename=\"a.m4a\"", "a.m4a"),
            ("attachment; filename*=UTF-8''%FF; filename=\"a.m4a\"", "a.m4a"),
            ("attachment; filename*=iso-8859-1''caf%E9.m4a", "café.m4a"),
            ("attachment; =; filename=\"a.m4a", "a.m4a"),
        ] {
            assert_eq!(name(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_names_no_file_names_none() {
        for value in ["", "form-data", "form-data; name=\"file\"", "attachment; filename*=nonsense", ";;;", "=", "\""] {
            assert_eq!(name(value), None, "{value}");
        }
        assert_eq!(Disposition::parse(b"form-data; filename=\"\xFF.m4a\"").file_names().next(), None);
    }

    #[test]
    fn any_bytes_at_all_are_read_without_harm() {
        let value = br#"form-data; name="file"; filename="a\"b"; filename*=utf-8''%41"#;
        for at in 0..value.len() {
            for byte in [b'"', b'\\', b';', b'=', b'%', b' ', 0xFF] {
                let mut value = value.to_vec();
                value[at] = byte;
                let _ = Disposition::parse(&value).file_names().count();
                let _ = Disposition::parse(&value[..at]).file_names().count();
            }
        }
    }
}
