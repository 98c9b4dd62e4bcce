"""Attribute modification and environment change by prompt-to-prompt.

A generated image and its edit are denoised together (Hertz et al. 2022, as in Wei et al. 2024, section 3.2).
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from omniedit.aspect import bucket_size
from omniedit.grounding.detector import Grounding, NotGrounded, PhraseQuery
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import dilate_by_share
from omniedit.instructions.edit_proposals.anyedit_classes import ActionProposal
from omniedit.instructions.edit_proposals.classes import AttributeProposal, EnvironmentProposal
from omniedit.models.adaptive_batches import map_by_size
from omniedit.models.roles import ROLES
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.learned.attention_control import SDXL_SELF, ControlRange
from omniedit.specialists.learned.canvas import composite
from omniedit.specialists.learned.inpainting import grounding_truth
from omniedit.specialists.learned.paired_sampling import PairSamplingOptions, PromptPair, generate, generate_pairs
from omniedit.specialists.learned.proposal_specialist import P, ProposalSpecialist, get_proposal, request_seed
from omniedit.tasks import Task

SURROUNDINGS = 0.3
"""Growth of the acting object's mask, which gives it room to move, as a share of the square root of its area."""


@dataclass(frozen=True)
class PairDraft:
    """Pair to generate, at the aspect ratio of the proposal's photo.

    Args:
        size: height and width.
        phrase: object to find in the source image; '' if the proposal names none.
    """

    pair: PromptPair
    size: tuple[int, int]
    phrase: str


class PromptToPrompt(ProposalSpecialist[P]):
    """Specialist that generates both images of a pair.

    It generates the sources, grounds the proposals' objects in them, then generates sources and targets together.
    """

    proposal: ClassVar[type[Any]]
    blend: ClassVar[float]
    """Share of the steps in which the source's latents replace the target's outside the mask."""
    text_steps: ClassVar[float] = ControlRange.text_steps
    image_steps: ClassVar[float] = ControlRange.image_steps

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        drafts = [self._draft(request) for request in requests]
        return map_by_size(partial(self.batches.map, self._edit_drafts), drafts, lambda draft: draft.size)

    def _draft(self, request: EditRequest) -> PairDraft:
        proposal = get_proposal(request, self.proposal)
        pair = PromptPair(proposal.source_prompt, proposal.target_prompt, request_seed(request))
        width, height = bucket_size(request.photo.ratio, self.toolbox.config.resolution)
        return PairDraft(self.add_words(pair, proposal), (height, width), proposal.object)

    def _edit_drafts(self, drafts: Sequence[PairDraft]) -> list[EditResult | NotApplicable]:
        """Make the edits of drafts of one size."""
        groundings = self._ground_drafts(drafts)
        masked = [
            replace(draft.pair, mask=self.blend_mask(grounded))
            for draft, grounded in zip(drafts, groundings, strict=True)
            if not isinstance(grounded, NotGrounded)
        ]
        results = iter(generate_pairs(self.toolbox.generator, masked, drafts[0].size, self._sampling) if masked else ())
        return [
            NotApplicable(grounded.reason)
            if isinstance(grounded, NotGrounded)
            else self._outcome(grounded, *next(results))
            for grounded in groundings
        ]

    def _ground_drafts(self, drafts: Sequence[PairDraft]) -> list[Grounding | NotGrounded | None]:
        """Ground each draft's phrase in its source image; None for a draft without a phrase."""
        named = [draft for draft in drafts if draft.phrase]
        if not named:
            return [None] * len(drafts)
        prompts, seeds = [draft.pair.source for draft in named], [draft.pair.seed for draft in named]
        sources = generate(self.toolbox.generator, prompts, seeds, drafts[0].size, self._sampling)
        queries = [PhraseQuery(source, draft.phrase) for source, draft in zip(sources, named, strict=True)]
        groundings = iter(self.toolbox.grounder.ground(queries))
        return [next(groundings) if draft.phrase else None for draft in drafts]

    @property
    def _sampling(self) -> PairSamplingOptions:
        layers = SDXL_SELF if isinstance(self.toolbox.generator, StableDiffusionXLPipeline) else ()
        reach = ControlRange(self.text_steps, self.image_steps, image_layers=layers)
        options = PairSamplingOptions(reach=reach, blend=self.blend)
        return options if self.toolbox.config.steps is None else replace(options, steps=self.toolbox.config.steps)

    def _outcome(self, grounded: Grounding | None, source: Image, target: Image) -> EditResult:
        models = self.toolbox.revisions(*ROLES[self.task])
        return EditResult(
            *self.constrain(grounded, source, target),
            models,
            source=source,
            truth={} if grounded is None else grounding_truth(grounded),
            generated_under=self.toolbox.licence("generation"),
        )

    def add_words(self, pair: PromptPair, proposal: P) -> PromptPair:
        """Return the pair with the proposal's options for words. New words keep their own attention."""
        return replace(pair, exchange=False)

    @abstractmethod
    def blend_mask(self, grounded: Grounding | None) -> Mask | None:
        """Return where latents may differ while they are blended; None for everywhere."""

    def constrain(self, grounded: Grounding | None, source: Image, target: Image) -> tuple[Image, Mask | None]:
        """Return the edited image, and the mask of where it may differ from its source."""
        mask = self.blend_mask(grounded)
        assert mask is not None
        return composite(source, target, mask), mask


class PromptToPromptAttribute(PromptToPrompt[AttributeProposal]):
    """Change of an object's colour, material or expression by exchanging a word.

    Outside the object, the latents of every step and the final pixels are those of the source. Truth: the proposal's
    fields, box (fractions).
    """

    task, proposal, blend = Task.ATTRIBUTE_MODIFICATION, AttributeProposal, 1.0

    def add_words(self, pair: PromptPair, proposal: AttributeProposal) -> PromptPair:
        words = [word.strip(".,;:!?") for word in proposal.value.lower().split()]
        return replace(pair, weights=dict.fromkeys(words, proposal.emphasis))

    def blend_mask(self, grounded: Grounding | None) -> Mask | None:
        assert grounded is not None
        return dilate_by_share(grounded.mask, self.toolbox.config.grounding.rim)


class PromptToPromptAction(PromptToPrompt[ActionProposal]):
    """Change of the action of a person or an animal; the new words keep their own attention.

    The object may move within its surroundings. Outside these, latents and pixels are those of the source. AnyEdit uses
    MasaCtrl, which shares keys and values of self-attention. Here, attention maps are shared for a smaller part of the
    steps.
    Truth: the proposal's fields, box (fractions).
    """

    task, proposal, blend = Task("action_change"), ActionProposal, 1.0
    text_steps, image_steps = 0.4, 0.2

    def blend_mask(self, grounded: Grounding | None) -> Mask | None:
        assert grounded is not None
        return dilate_by_share(grounded.mask, SURROUNDINGS)


class PromptToPromptEnvironment(PromptToPrompt[EnvironmentProposal]):
    """Change of the time of day, the weather or the season by words that keep their own attention.

    A named foreground object keeps the source's latents for the first 0.7 of the steps. Truth: the proposal's fields.
    """

    task, proposal, blend = Task.ENVIRONMENT_CHANGE, EnvironmentProposal, 0.7

    def blend_mask(self, grounded: Grounding | None) -> Mask | None:
        return None if grounded is None else ~grounded.mask

    def constrain(self, grounded: Grounding | None, source: Image, target: Image) -> tuple[Image, Mask | None]:
        return target, None
