"""One file for each dock widget, and the parts that they share."""
