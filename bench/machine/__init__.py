"""What a result stands on: the machine, its GPUs, versions, sources and weights.

Nothing here knows a task.
"""
