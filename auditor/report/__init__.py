"""How results are shown: one pure renderer a format, fixed texts in English and Japanese."""
