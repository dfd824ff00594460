"""The parts of the scriptable model server: HTTP, rules, the texts of answers, and what is sent of them when."""
