"""Retries of a question, and the choice of its best reply."""

from collections.abc import Sequence

from omniedit.instructions.edit_proposals.replies import ParsedReply, ReplyIssue
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.vlm import MissingReply, Prompt, Reply

NOTHING = MissingReply("no reply after 2 attempts", rejected=False)


class Scripted:
    """Model that returns given texts in order and records its prompts."""

    def __init__(self, *texts: str | MissingReply) -> None:
        self.texts, self.prompts = list(texts), list[Prompt]()

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply | MissingReply]:
        self.prompts += prompts
        said = [self.texts.pop(0) for _ in prompts]
        return [text if isinstance(text, MissingReply) else Reply(text, "m-1") for text in said]


def words(text: str) -> ParsedReply[str]:
    """Read the words of a reply; words in capitals are unusable."""
    said = text.split()
    flaws = tuple(ReplyIssue(f"{word} is too loud") for word in said if word.isupper())
    return ParsedReply(tuple(word for word in said if not word.isupper()), flaws)


def ask_twice(model: Scripted, tries: int) -> ParsedReply[str]:
    (best,) = ask(model, [ModelQuestion(Prompt(("Say words.",)), words)], tries)
    return best


def test_good_reply_is_not_requested_again() -> None:
    model = Scripted("a b", "c")
    assert ask_twice(model, 3) == ParsedReply(("a", "b"), (), "m-1") and len(model.prompts) == 1


def test_best_of_all_tries_is_used_with_its_own_flaws() -> None:
    best = ask_twice(Scripted("a X", "a b c Y", "a b Z"), 3)
    assert best.parts == ("a", "b", "c") and [flaw.reason for flaw in best.flaws] == ["Y is too loud"]
    assert ask_twice(Scripted("a b c X", "a"), 3) == ParsedReply(("a",), (), "m-1")


def test_each_retry_lists_the_flaws_of_the_last_reply() -> None:
    model = Scripted("a X", "a Y", "a Z")
    ask_twice(model, 3)
    assert [len(prompt.parts) for prompt in model.prompts] == [1, 3, 3]
    assert model.prompts[2].parts[:2] == ("Say words.", "your reply: a Y")
    assert str(model.prompts[2].parts[2]).endswith("- Y is too loud\n")


def test_missing_answer_is_final_and_earlier_parts_are_kept() -> None:
    model = Scripted("a X", NOTHING, "a b")
    assert ask_twice(model, 3).parts == ("a",) and len(model.prompts) == 2
    assert ask_twice(Scripted(NOTHING), 3).flaws == (ReplyIssue("no reply after 2 attempts"),)


def test_questions_keep_their_order_during_retries() -> None:
    model = Scripted("a X", "b", "c Y", "a", "c")
    questions = [ModelQuestion(Prompt((text,)), words) for text in ("first", "second", "third")]
    assert [one.parts for one in ask(model, questions, 2)] == [("a",), ("b",), ("c",)]
    assert [prompt.parts[0] for prompt in model.prompts] == ["first", "second", "third", "first", "third"]
