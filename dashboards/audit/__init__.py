"""Pages of the evidence: records, what each says and proves, and the seals over all of them."""
