"""The independent services of Frikort and the chassis they share."""
