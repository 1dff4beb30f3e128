"""An existing project taken over: the files that are added to it or changed, and the way back."""
