"""Edit instructions: wordings in `templates`, the model's in `edit_proposals`; what they name, and derived pairs."""
