"""Names that come from elsewhere: plain ones pass, all others are refused."""

import pytest


@pytest.mark.parametrize("word", ["mysite", "mysite-staging", "7th"])
def test_a_plain_name_passes(loaders, word):
    assert loaders.modules.kw_name.plain(word) == word


@pytest.mark.parametrize("word", ["", "-", ".", "..", "../x", "a/b", "a.b", "a b", "a\n", "a;b", "a_b"])
def test_any_other_name_is_refused(loaders, word):
    with pytest.raises(ValueError, match="not a plain name"):
        loaders.modules.kw_name.plain(word)


@pytest.mark.parametrize("word", ["", "abcd123", "a" * 17, "ABCD1234", "abcd-234", "abcd1234\n", "../../..x"])
def test_a_token_is_a_few_letters_and_digits(loaders, word):
    assert loaders.modules.kw_name.token("abcd1234") == "abcd1234"
    with pytest.raises(ValueError, match="a token is"):
        loaders.modules.kw_name.token(word)
