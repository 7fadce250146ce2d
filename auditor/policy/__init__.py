"""Loading and evaluating rules, baselines and waivers; pure."""
