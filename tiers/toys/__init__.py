"""The bundled toy models: their corpus, tokenizer, training and GGUF files."""
