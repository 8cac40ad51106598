"""`chainrule serve`: everything on one machine, from one data folder."""
