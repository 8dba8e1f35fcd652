"""The parts of the two pools: worker processes and how they are made, threads, queues, sizes."""
