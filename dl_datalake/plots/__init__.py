"""Charts of what is stored, as pictures and as pages: at most some thousand marks, however many rows there are."""
