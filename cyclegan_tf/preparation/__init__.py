"""Making data sets: looking into them, splitting, cropping and fetching them."""
