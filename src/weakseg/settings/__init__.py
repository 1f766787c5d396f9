"""What settings are made of: sections, the reading of them, and methods that bring their own. Knows no room."""
