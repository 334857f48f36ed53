"""Letters and messages as versioned templates: TOML beside the code that reads, renders and sends them."""
