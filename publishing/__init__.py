"""What writes the pages of docs/ that come from files: results, speed, and screenshots."""
