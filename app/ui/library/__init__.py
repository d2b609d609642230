"""The models page: what lies on this disk, what else there is, and what is being fetched."""
