"""What goes over several stages: the demo, arms that are compared, rounds. The only package that calls stages."""
