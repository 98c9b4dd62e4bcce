"""Section `grow`: pairs that are derived from scored ones."""

from omniedit.config.section import Section


class GrowConfig(Section):
    """Groups of pairs that are derived from the pairs of specialists and data sets after these are scored
    (docs/your-own-data.md). Each group has its own scores and decisions.
    """

    inverse: bool = False
    """Make the group `inverse`: accepted pairs with source and edited image exchanged, and an instruction that
    undoes the edit."""
    composed: bool = False
    """Make the group `composed`: two accepted edits of one source in one step, and complete sessions in one step."""
    recaption: bool = False
    """Make the group `recaptioned`: good edits that do not follow their instruction, with a new one by the model of
    `proposals`, whose `source` must be api or local."""

    @property
    def derived(self) -> tuple[str, ...]:
        """Groups that are derived from accepted pairs without a model."""
        return tuple(name for name in ("inverse", "composed") if getattr(self, name))

    @property
    def groups(self) -> tuple[str, ...]:
        return (*self.derived, *(["recaptioned"] if self.recaption else []))
