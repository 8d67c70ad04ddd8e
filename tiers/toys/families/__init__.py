"""The families of questions in the toy corpus, one module each."""
