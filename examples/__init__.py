"""Examples to copy: a web tool, and asynchronous code."""
