"""The paper's own experiment as far as the data allow: BUSI in five folds, its baselines, its method, and ours."""
