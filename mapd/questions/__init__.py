"""Questions: what is asked, and how an answer is read and compared."""
