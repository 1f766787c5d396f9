"""Maps, labels and boxes measured against masks and true boxes; a JSON file for each."""
