"""The demo: the main job on real input and a real model, with every number measured in the run."""
