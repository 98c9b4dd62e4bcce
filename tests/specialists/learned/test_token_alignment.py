import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import PreTrainedTokenizerFast

from omniedit.specialists.learned.token_alignment import TokenMap, join_maps, token_map, word_tokens

VOCABULARY = ["<pad>", "<bos>", "<eos>", "<unk>", "a", "red", "blue", "car", "bi", "##cycle", "on", "grass", "old", ","]
LENGTH = 10


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that begins and ends prompts like CLIP's; 'bicycle' is two tokens."""
    words = Tokenizer(WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )


def map_words(source: str, target: str, **options: object) -> TokenMap:
    return token_map(source, target, tokenizer(), LENGTH, **options)


def test_words_are_found_with_all_their_tokens_and_punctuation() -> None:
    assert word_tokens("a red bicycle, old", tokenizer(), LENGTH) == [[1], [2], [3, 4, 5], [6]]
    assert word_tokens("a red bicycle", tokenizer(), 4) == [[1], [2], []]


def test_identical_prompts_map_every_token_to_itself() -> None:
    same = map_words("a red car on grass", "a red car on grass")
    assert torch.equal(same.shares, torch.eye(LENGTH)) and same.copied.all() and (same.weights == 1).all()


def test_replaced_word_inherits_the_attention_of_the_old_word() -> None:
    exchanged = map_words("a red car", "a blue car")
    assert torch.equal(exchanged.shares, torch.eye(LENGTH)) and exchanged.copied.all()


def test_word_with_more_tokens_splits_the_inherited_attention() -> None:
    shared = map_words("a car on grass", "a bicycle on grass")
    torch.testing.assert_close(shared.shares[2], torch.tensor([0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0]))
    assert shared.shares[3, 4] == shared.shares[4, 5] == 1
    # Attention on <eos> stays on <eos>, and one padding token fewer remains.
    assert shared.shares[5, 6] == shared.shares[8, 9] == 1 and shared.shares[9].sum() == 0


def test_word_with_fewer_tokens_inherits_all_of_the_attention() -> None:
    gathered = map_words("a bicycle", "a car")
    assert gathered.shares[2, 2] == gathered.shares[3, 2] == 1


def test_refinement_leaves_new_words_their_own_attention() -> None:
    added = map_words("a car on grass", "a red car on old grass")
    assert [i for i in range(LENGTH) if not added.copied[i]] == [2, 5]
    assert added.shares[2, 3] == added.shares[4, 6] == 1 and added.shares[:, [2, 5]].sum() == 0
    kept = map_words("a red car", "a blue car", exchange=False)
    assert [i for i in range(LENGTH) if not kept.copied[i]] == [2] and kept.shares[2].sum() == 0


def test_weight_applies_to_all_tokens_of_its_word() -> None:
    assert map_words("a car", "a bicycle, old", weights={"bicycle": 2.0}).weights.tolist() == [
        1,
        1,
        2,
        2,
        2,
        1,
        1,
        1,
        1,
        1,
    ]


def test_maps_of_several_encoders_are_concatenated() -> None:
    both = join_maps([map_words("a red car", "a blue car"), map_words("a car", "a red car")])
    assert both.shares.shape == (2 * LENGTH, 2 * LENGTH)
    assert both.shares[LENGTH + 2, LENGTH + 3] == 1 and both.shares[:LENGTH, LENGTH:].sum() == 0
    assert both.copied.tolist() == [1] * LENGTH + [1, 1, 0] + [1] * (LENGTH - 3)
