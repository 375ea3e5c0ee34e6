"""Why a model predicts what it does: maps over an example of what its prediction rests on."""
