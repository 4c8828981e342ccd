"""Long videos in segments: jobs."""
