"""How the classifier of injections is made: its corpus, its training, its measuring. Not part of what is shipped."""
