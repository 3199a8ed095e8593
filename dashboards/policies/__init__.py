"""Pages of the rules: policies, their versions, what is in force, and questions about decisions."""
