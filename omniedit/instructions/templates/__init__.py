"""Templates for the instructions of embedded specialists and derived pairs, with a module per kind of edit."""
