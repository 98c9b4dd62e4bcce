from omniedit.instructions.word_lists import styles


def test_styles_are_numerous_and_fit_into_an_instruction() -> None:
    assert len(styles()) >= 100
    assert len({style.lower() for style in styles()}) == len(styles())
    mass_nouns = ("pixel art",)
    assert all(style.startswith(("a ", "an ", *mass_nouns)) and style == style.strip(" .") for style in styles())
