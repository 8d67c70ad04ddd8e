"""The pages, one file each: the datasets that they show and what else their templates need."""
