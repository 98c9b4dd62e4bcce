"""Edit instructions: from templates (`templates`) and by a model (`edit_proposals`), the objects that they name, and
derived pairs."""
