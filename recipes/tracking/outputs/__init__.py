"""Where results go: files and folders that appear when they are whole, and a window."""
