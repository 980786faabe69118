"""What goes onto a machine: bundles from templates, and the user data that carries them there at first boot."""
