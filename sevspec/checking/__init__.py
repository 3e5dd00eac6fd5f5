"""The main job, `sevspec check`: its parts, and the report of all of them."""
