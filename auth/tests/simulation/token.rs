//! Tokens that can be recognised wherever they turn up: `RT-<family>-<number>-Z` and `AT-…`.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Access,
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The login that it comes from.
    pub(crate) family: usize,
    /// Counts from 0 in the family, each kind for itself.
    pub(crate) number: usize,
}

impl Token {
    /// Whether it came after `other` in the same family.
    pub(crate) fn is_newer_than(self, other: Self) -> bool {
        self.kind == other.kind && self.family == other.family && self.number > other.number
    }
}

/// Every token in `text`.
pub(crate) fn tokens_in(text: &str) -> impl Iterator<Item = Token> {
    // Faster than a search for two letters, and this is what the simulation does most.
    let hits = text.as_bytes().windows(3).enumerate().filter(|(_, word)| word[1..] == *b"T-");
    hits.map(|(before, _)| before + 1).filter_map(|at| {
        let kind = match text.as_bytes().get(at.checked_sub(1)?)? {
            b'A' => Kind::Access,
            b'R' => Kind::Refresh,
            _ => return None,
        };
        let mut parts = text.get(at + 2..)?.splitn(3, '-');
        let (family, number, end) = (parts.next()?, parts.next()?, parts.next()?);
        end.starts_with('Z').then_some(())?;
        Some(Token { kind, family: family.parse().ok()?, number: number.parse().ok()? })
    })
}
