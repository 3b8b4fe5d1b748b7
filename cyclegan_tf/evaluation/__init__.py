"""How good a trained model is: errors against the truth and the cycle."""
