"""What a developer runs on their own machine; never imported by the function, never deployed."""
