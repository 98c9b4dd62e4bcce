"""Edit instructions: templates, proposals and paraphrases by a vision-language model, and checks of both."""
