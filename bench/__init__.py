"""Side by side against peers, in one run: each module prints ratios, as a table or with --json."""
