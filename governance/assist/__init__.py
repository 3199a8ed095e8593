"""A model's help, where an operator has configured one: it explains, looks for what is odd, drafts.

It never acts. Each call is decided (``model.use``, beside the caller's own right to read whatever
is shown to the model), bounded, redacted before anything leaves, and recorded without its text.
What comes back is a stranger's text: checked for its shape, shown escaped, never carried out.
"""
