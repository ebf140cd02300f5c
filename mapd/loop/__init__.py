"""What goes over several stages: the demo, the arms of a comparison. The only package that calls stages."""
