"""What was found in state, and how closely that should be kept."""
