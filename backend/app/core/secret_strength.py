"""Whether somebody could guess a signing secret."""

# Secrets that are public because tutorials print them, in lower case.
PUBLISHED = frozenset({"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"})
# As a power of ten. The estimate for 128 random bits in any usual encoding is 29 and more.
GUESSES = 25
# A word of fewer letters turns up in random text.
WORD_CHARS = 4
# What the estimate reads. More characters would only take more time.
READ_CHARS = 72


def is_weak(secret: str) -> bool:
    """Whether the secret has patterns or words instead of randomness.

    The estimate counts the guesses of a cracker that knows repetitions, sequences, keyboards, dates
    and common words. It finds a text of many words strong, which a passphrase is and a placeholder
    such as "this-is-my-secret-key-please-change-it" is not, so a secret of words is weak as well.
    """
    # Its lists of words take time to load, and only production needs them.
    from zxcvbn import zxcvbn

    if secret.lower() in PUBLISHED:
        return True
    read = secret[:READ_CHARS]
    estimate = zxcvbn(read, max_length=READ_CHARS)
    in_words = sum(
        len(match["token"])
        for match in estimate["sequence"]
        if match["pattern"] == "dictionary" and len(match["token"]) >= WORD_CHARS
    )
    return float(estimate["guesses_log10"]) < GUESSES or in_words > len(read) / 4
